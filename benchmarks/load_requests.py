"""The requests of `benchmarks/load.py`: ordinary ones, and attacks, each of which takes a bounded time."""

import gzip
import json
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

TIMEOUT_SECONDS = 60.0
"""Time after which a request counts as lost: twice the time in which the server promises an answer."""
STALL_SECONDS = 3.0
"""How long an attack stalls before its client leaves."""
LISTED_HOMES = 20
"""Homes in an ordinary list or table."""

Attack = Callable[[int], bytes]
"""Attacks the server on a port; returns what it answered, empty if it closed the connection."""


@dataclass(frozen=True)
class Request:
    """An ordinary request.

    Parameters
    ----------
    kind
        What it is, for the table of answers.
    status
        The status that it must get, besides 503 with Retry-After.
    stable
        Whether it must get the same body each time.
    """

    kind: str
    method: str
    path: str
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    status: int = 200
    stable: bool = True


def ordinary_requests(home: Mapping[str, Any], market: str) -> list[Request]:
    """Return the ordinary requests: mostly single homes, as from a web page or a program."""
    json_type, csv_type = ("Content-Type", "application/json"), ("Content-Type", "text/csv")
    numbers = {name: value for name, value in home.items() if isinstance(value, int | float)}
    homes = [numbers | {"square_footage": 900 + 50 * number} for number in range(LISTED_HOMES)]
    table = "\n".join([",".join(numbers), *(",".join(map(str, row.values())) for row in homes)]).encode()
    tensors = [
        {"name": name, "datatype": "FP64", "shape": [len(homes)], "data": [float(row[name]) for row in homes]}
        for name in numbers
    ]
    listings = [row | {"list_price": 300_000 + 20_000 * number} for number, row in enumerate(homes)]

    def post(kind: str, path: str, value: Any, status: int = 200) -> Request:
        return Request(kind, "POST", path, json.dumps(value).encode(), (json_type,), status)

    return [
        *(post("home", "/predict", row) for row in homes),
        *(post("home with reasons", "/predict?include=comparables,contributions", row) for row in homes[:4]),
        post("home with a what-if curve", "/predict?include=what_if:square_footage", home),
        post("list", "/predict", homes),
        Request("table", "POST", "/predict/batch", table, (csv_type,)),
        Request(
            "table in gzip",
            "POST",
            "/predict/batch",
            gzip.compress(table),
            (csv_type, ("Content-Encoding", "gzip")),
        ),
        post("screening", "/screen", listings),
        post("inference protocol", f"/v2/models/{market}/infer", {"inputs": tensors}),
        post("home with a mistake", "/predict", {**home, "square_footage": "x"}, 422),
        Request("model", "GET", "/model"),
        Request("page", "GET", "/"),
        Request("sales", "GET", "/sales"),
        Request("health", "GET", "/readyz", stable=False),
        Request("metrics", "GET", "/metrics", stable=False),
    ]


def exchange(port: int, sent: bytes, *, stall: float = 0.0) -> bytes:
    """Send bytes on a new connection, stall, and return the beginning of what comes back."""
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_SECONDS) as connection:
        try:
            connection.sendall(sent)
            if stall:
                time.sleep(stall)
                return b""
            return connection.recv(4096)
        except (ConnectionResetError, BrokenPipeError):
            return b""  # the server may close the connection on anything that is not a request


def attacks(home: Mapping[str, Any]) -> dict[str, Attack]:
    """Return the attacks, by name."""
    good = json.dumps(home).encode()
    deep, long = b"[" * 100_000, b"1" * 30_000
    many = json.dumps([dict(home)] * 9_000).encode()
    unknown = json.dumps({f"k{number}": 0 for number in range(50_000)}).encode()
    bodies = {
        "deep JSON": deep,
        "a number of 30,000 digits": b'{"square_footage": ' + long + b"}",
        "unknown members": unknown,
        "NaN and infinity": b'{"square_footage": NaN, "latitude": 1e999}',
        "not UTF-8": b'{"\xff\xfe": "\xc3"}',
        "doubled members": b'{"latitude": 1, "latitude": 2}',
        "objects without end": b'{"a":' * 50_000,
        "too many homes": b"[" + b"{}," * 200_000 + b"{}]",
    }
    packed = {
        "gzip of 100 MB": gzip.compress(bytes(100_000_000)),
        "gzip of tiny objects": gzip.compress(b"[" + b'{"":{}},' * 500_000 + b"{}]"),
        "gzip of 100,000 members": gzip.compress(b"", mtime=0) * 100_000,
        "gzip cut off": gzip.compress(many)[:5_000],
    }
    cut = post("/predict", many)[: len(many) // 2]
    return {
        **{name: sending(post("/predict", body)) for name, body in bodies.items()},
        **{name: sending(post("/predict", body, "Content-Encoding: gzip\r\n")) for name, body in packed.items()},
        "a confidence of 30,000 digits": sending(post("/predict?confidence=" + "1" * 30_000 + "x", good)),
        "no Host": sending(b"GET /livez HTTP/1.1\r\n\r\n"),
        "not HTTP": sending(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 50),
        "20,000 headers": sending(b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a: b\r\n" * 20_000 + b"\r\n"),
        "a chunked body": sending(
            b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n"
        ),
        "a length of 2^63": sending(
            b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 9223372036854775808\r\n\r\n"
        ),
        "two lengths": sending(
            b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"
        ),
        "a path out of the folder": sending(b"GET /docs/../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n"),
        "50 requests at once": sending(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n" * 50),
        "stalled headers": stalling(b"POST /predict HTTP/1.1\r\nHost: x\r\n"),
        "stalled body": stalling(cut),
        "9,000 homes": sending(post("/predict", many)),
        "400 reasons": sending(post("/predict?include=comparables", json.dumps([dict(home)] * 400).encode())),
        "a client that leaves": stalling(post("/predict", many), STALL_SECONDS / 10),
        "an answer that is not read": stalling(b"GET /sales HTTP/1.1\r\nHost: x\r\n\r\n" * 20),
    }


def post(path: str, body: bytes, more: str = "") -> bytes:
    """Return a POST request of JSON."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n{more}"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def sending(sent: bytes) -> Attack:
    """Return an attack that sends bytes and reads the answer."""
    return lambda port: exchange(port, sent)


def stalling(sent: bytes, seconds: float = STALL_SECONDS) -> Attack:
    """Return an attack that sends bytes, stalls, and leaves without reading."""
    return lambda port: exchange(port, sent, stall=seconds)


def status_of(answer: bytes) -> int:
    """Return the status of an answer; 0 if the connection was closed without one."""
    line = answer.split(b"\r\n", 1)[0].split(b" ")
    return int(line[1]) if len(line) > 1 and line[1].isdigit() else 0
