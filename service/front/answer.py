"""An answer as bytes of HTTP/1.1."""

import http.client
from email.utils import formatdate

import h11

from service.front.download import SENDFILE
from service.front.messages import Answer


def encode_answer(state: h11.Connection, answer: Answer, length: int, *, has_body: bool, close: bool) -> bytes:
    """Return the head of an answer, and its body if the answer contains it.

    Parameters
    ----------
    length
        Bytes of the body.
    has_body
        Whether the client gets a body; the caller sends one that the answer does not contain.
    close
        Whether the connection ends after this answer.
    """
    dropped = {"connection", "content-length", SENDFILE} if has_body else {"connection", SENDFILE}
    headers = [
        (name.encode("latin-1"), value.encode("latin-1"))
        for name, value in answer.headers
        if name.lower() not in dropped
    ]
    headers.append((b"Date", formatdate(usegmt=True).encode()))
    if has_body:
        headers.append((b"Content-Length", str(length).encode()))
    if close:
        headers.append((b"Connection", b"close"))
    reason = http.client.responses.get(answer.status, "").encode()
    head = state.send(h11.Response(status_code=answer.status, headers=headers, reason=reason)) or b""
    if has_body and length > len(answer.body):
        return head
    body = (state.send(h11.Data(data=answer.body)) or b"") if has_body else b""
    return head + body + (state.send(h11.EndOfMessage()) or b"")
