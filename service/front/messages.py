"""What the front and its workers say to each other, over a socket for each worker: requests, answers, readiness.

A message is a fixed header, a head in JSON and a body of bytes. Both ends are this program, so what arrives is not
checked.
"""

import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

_HEADER = struct.Struct("!BQII")  # kind, number, bytes of the head, bytes of the body


class Kind(IntEnum):
    """What a message is; the comment says who sends it."""

    REQUEST = 1  # front: head = environ, body = the request's body
    CANCEL = 2  # front: the client has gone
    ANSWER = 3  # worker: head = [status, headers], body = the answer's body
    READINESS = 4  # worker: head = the fields of `Readiness`


@dataclass(frozen=True, slots=True)
class Message:
    """One message; `number` says to which request it belongs."""

    kind: Kind
    number: int
    head: Any = None
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


@dataclass(frozen=True, slots=True)
class Readiness:
    """What a worker says about itself, several times a second.

    Parameters
    ----------
    ready
        Whether it has loaded a model.
    seconds_since_check
        How long ago it last checked for a newly published version.
    notes
        Lines for `/readyz`.
    """

    ready: bool
    seconds_since_check: float = 0.0
    notes: tuple[str, ...] = ()

    @classmethod
    def from_head(cls, head: Mapping[str, Any]) -> "Readiness":
        """Return the readiness that a message contains."""
        return cls(head["ready"], head["seconds_since_check"], tuple(head["notes"]))


def encode(message: Message) -> bytes:
    """Return the bytes of a message."""
    head = json.dumps(message.head).encode()
    return _HEADER.pack(message.kind, message.number, len(head), len(message.body)) + head + message.body


class Decoder:
    """Splits a stream of bytes into messages."""

    def __init__(self) -> None:
        self._received = bytearray()

    def feed(self, received: bytes) -> Iterator[Message]:
        """Add bytes, and yield the messages that are now complete."""
        self._received += received
        while len(self._received) >= _HEADER.size:
            kind, number, head_size, body_size = _HEADER.unpack_from(self._received)
            body_start = _HEADER.size + head_size
            end = body_start + body_size
            if len(self._received) < end:
                return
            with memoryview(self._received) as view:
                head, body = bytes(view[_HEADER.size : body_start]), bytes(view[body_start:end])
            del self._received[:end]
            yield Message(Kind(kind), number, json.loads(head), body)
