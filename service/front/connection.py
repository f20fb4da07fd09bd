"""One client's connection: reads whole requests within time limits, and writes their answers in order."""

import asyncio
import logging
import time
from typing import TYPE_CHECKING

import h11

from service.front.answer import encode_answer
from service.front.download import Download
from service.front.head import RequestHead, environ_of, request_head
from service.front.jobs import Job
from service.front.local import HEALTH_ENDPOINTS, METRICS_ENDPOINT
from service.front.messages import Answer
from service.front.pace import Pace
from service.front.state import State
from service.front.upload import Upload
from service.http.problems import (
    BODY_TOO_SLOW,
    HEADERS_TOO_LARGE,
    MALFORMED_BODY,
    MALFORMED_REQUEST,
    NO_JOB,
    ProblemError,
)
from service.jobs.acceptance import ENDPOINT, UPLOAD

if TYPE_CHECKING:
    from service.front.front import Front

MAX_HEAD_BYTES = 16 * 2**10
"""Size of request line and headers together: browsers and proxies stay below 8 KiB."""
MAX_UNREAD_BYTES = 64 * 2**10
"""Bytes of a next request that are kept while one is in progress; then the connection is read no further."""
LINGER_SECONDS = 5.0
"""How long what a client still sends is received and dropped after its last answer. If the connection were closed
meanwhile, the client would see a broken connection instead of the answer."""
LAST_REQUEST_SECONDS = 0.3
"""When the server stops, an idle connection is closed after this: its client may be about to send a request."""

_log = logging.getLogger(__name__)


class Connection(asyncio.Protocol):
    """State of one connection.

    Everything happens on the event loop. `check_time` is called several times a second.
    """

    def __init__(self, front: "Front") -> None:
        self._front = front
        self._pace = Pace(front.settings)
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES)
        self._state = State.IDLE
        self._since = time.monotonic()
        self._requests = 0
        self._is_head = False
        self._head: RequestHead
        self._body = bytearray()
        self._upload: Upload | None = None  # the body, if it goes to a file
        self._download: Download | None = None  # the answer's body, if it comes from a file
        self._received = self._sent = self._size = self._held = 0
        self._job: Job | None = None

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request."""
        self._transport: asyncio.Transport = transport  # type: ignore[assignment] # asyncio passes a Transport
        self._transport.set_write_buffer_limits(high=0)  # `resume_writing` is called when all is sent
        self._client = transport.get_extra_info("peername") or ("", 0)
        self._server = transport.get_extra_info("sockname") or ("", 0)
        self._enter(State.IDLE)
        self._front.opened(self)

    def data_received(self, data: bytes) -> None:
        """Go on with what the client has sent."""
        if self._state in {State.LINGERING, State.CLOSED}:
            return
        self._http.receive_data(data)
        if self._state in {State.WORK, State.WRITING}:
            if len(self._http.trailing_data[0]) > MAX_UNREAD_BYTES:
                self._transport.pause_reading()
            return
        if self._state is State.IDLE:
            self._enter(State.HEAD)
        self._advance()

    def eof_received(self) -> bool:
        """Answer a truncated body; everything else has nobody to wait for it."""
        if self._state is State.BODY:
            detail = f"the body ended after {self._received} of {self._head.length} bytes"
            self._refuse(ProblemError(MALFORMED_BODY, detail))
            return True
        return False

    def connection_lost(self, _: Exception | None) -> None:
        """Stop working for the client."""
        self._state = State.CLOSED
        self._hold(0)
        self._body = bytearray()
        if self._job is not None:
            self._front.pool.cancel(self._job)
            self._job = None  # it refers to this connection, and a cycle would keep its body for a long time
        self._end_transfers()
        self._front.closed(self)

    def resume_writing(self) -> None:
        """Go on after the client has taken what was sent."""
        if self._state is State.WRITING and self._download is not None:
            self._download.next_piece(self._send_piece)
        elif self._state is State.WRITING:
            self._hold(0)
            self._next_request()

    # Time

    def waits_for_client(self) -> bool:
        """Return whether the client is to act next, not the server."""
        return self._state not in {State.WORK, State.CLOSED}

    @property
    def held(self) -> int:
        """Bytes of bodies and answers that this connection keeps in memory."""
        return self._held

    def check_time(self, now: float) -> None:
        """Give up a client that takes too long."""
        settings = self._front.settings
        seconds = now - self._since
        if self._state is State.IDLE:
            first = self._requests == 0
            limit = settings.header_timeout if first else settings.idle_timeout
            if seconds > limit or (self._front.stopping and seconds > LAST_REQUEST_SECONDS):
                self.close()
        elif self._state is State.HEAD and seconds > settings.header_timeout:
            self.close()
        elif self._state is State.BODY and self._pace.is_slow(seconds, self._received, self._head.length):
            self._refuse(ProblemError(BODY_TOO_SLOW, self._pace.slowness(self._received, self._head.length)))
        elif self._state is State.WRITING:
            taken = self._sent - self._transport.get_write_buffer_size()
            if self._pace.is_slow(seconds, taken, self._size):
                self.close()
        elif self._state is State.LINGERING and seconds > LINGER_SECONDS:
            self.close()

    def _enter(self, state: State) -> None:
        self._state, self._since = state, time.monotonic()
        self._front.waits(self)

    # Requests

    def _advance(self) -> None:
        """Handle what has arrived of the next request."""
        while self._state in {State.HEAD, State.BODY}:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                too_large = error.error_status_hint == HEADERS_TOO_LARGE.status
                problem_type = HEADERS_TOO_LARGE if too_large else MALFORMED_REQUEST
                self._refuse_unread(ProblemError(problem_type, str(error)))
                return
            if isinstance(event, h11.Request):
                self._begin(event)
                if self._state is not State.BODY:
                    return
            elif isinstance(event, h11.Data):
                self._receive(event.data)
            elif isinstance(event, h11.EndOfMessage):
                self._enter(State.WORK)
                if self._upload is None:
                    self._submit()
                else:
                    self._upload.finish(self._submit)
                return
            else:
                return

    def _begin(self, request: h11.Request) -> None:
        """Decide what to do with a request whose head has arrived."""
        self._requests += 1
        try:
            self._is_head = request.method == b"HEAD"
            self._head = head = request_head(request, self._client[:2], self._server[:2])
        except ProblemError as problem:
            self._refuse_unread(problem)
            return
        has_body = head.length > 0 or head.header("transfer-encoding") is not None
        if not has_body:
            self._http.next_event()  # the end of the request
        front = self._front
        endpoint = front.local.endpoint(head)
        if endpoint in HEALTH_ENDPOINTS:
            self._send(front.local.answer(head))
        elif endpoint == METRICS_ENDPOINT:
            self._enter(State.WORK)
            front.local.answer_later(head, self._send_from_thread)
        elif refusal := front.local.refusal(head, endpoint) or front.refusal(head, endpoint):
            self._refuse(refusal)
        elif not has_body:
            self._submit()
        else:
            self._begin_body(endpoint)

    def _begin_body(self, endpoint: str | None) -> None:
        """Receive a body from now on, into memory or into a file."""
        self._received = 0
        try:
            if endpoint == ENDPOINT:
                pause, go_on = self._transport.pause_reading, self._transport.resume_reading
                self._upload = self._front.files.upload(self._head, pause=pause, go_on=go_on, failed=self._refuse)
        except ProblemError as refusal:
            self._refuse(refusal)
        else:
            self._enter(State.BODY)
            if self._http.they_are_waiting_for_100_continue:
                proceed = h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue")
                self._transport.write(self._http.send(proceed))

    def _receive(self, data: bytes) -> None:
        """Take a part of the body."""
        self._received += len(data)
        if self._upload is None:
            self._body += data
            self._hold(len(self._body))
        else:
            self._upload.add(data)
            self._hold(self._upload.held)

    def _submit(self) -> None:
        """Hand over a request that has arrived completely."""
        self._enter(State.WORK)
        self._hold(len(self._body))
        environ = environ_of(self._head) | ({} if self._upload is None else {UPLOAD: self._upload.identifier})
        ends = time.monotonic() + self._front.settings.request_seconds
        self._job = Job(environ, bytes(self._body), ends, self._send, self._refuse)
        self._body = bytearray()
        self._front.pool.submit(self._job)

    # Answers

    def _refuse(self, problem: ProblemError) -> None:
        self._send(self._front.local.refuse(self._head, problem))

    def _refuse_unread(self, problem: ProblemError) -> None:
        self._send(self._front.local.refuse_unread(problem))

    def _send_from_thread(self, answer: Answer) -> None:
        self._front.loop.call_soon_threadsafe(self._send, answer)

    def _send(self, answer: Answer) -> None:
        """Write an answer, and go on with the connection or end it."""
        self._job = None
        self._end_transfers()
        if self._transport.is_closing():
            return
        unread = self._http.their_state in {h11.SEND_BODY, h11.ERROR}
        has_body = answer.status not in {204, 304} and not self._is_head
        try:
            self._download = self._front.files.download(answer) if has_body else None
            self._size = len(answer.body) if self._download is None else self._download.size
            close = unread or self._front.stopping
            self._transport.write(encode_answer(self._http, answer, self._size, has_body=has_body, close=close))
        except OSError:
            self._refuse(ProblemError(NO_JOB, "the job has just been removed"))
            return
        except (h11.LocalProtocolError, UnicodeEncodeError):
            _log.exception("an answer has invalid headers")
            self.close()
            return
        self._sent = self._transport.get_write_buffer_size()
        self._hold(self._sent)
        if unread:
            self._linger()
        elif self._download is not None:
            self._enter(State.WRITING)
            self._download.next_piece(self._send_piece)
        elif self._held:
            self._enter(State.WRITING)
        else:
            self._next_request()

    def _send_piece(self, piece: bytes) -> None:
        """Write the next piece of a file."""
        download = self._download
        if download is None:  # the client has gone
            return
        download.sent += len(piece)
        is_last = download.sent == download.size
        if not piece and not is_last:
            _log.error("a file cannot be read to its end")
            self.close()
            return
        written = self._http.send(h11.Data(data=piece)) or b""
        if is_last:
            written += self._http.send(h11.EndOfMessage()) or b""
            self._end_transfers()
        self._sent += len(written)
        self._transport.write(written)
        self._hold(self._transport.get_write_buffer_size())
        if not self._held:
            self.resume_writing()

    def _end_transfers(self) -> None:
        """Close the files of this request."""
        if self._upload is not None:
            self._front.files.end(self._upload)
        if self._download is not None:
            self._download.close()
        self._upload = self._download = None

    def _next_request(self) -> None:
        """Begin to wait for the next request, or close the connection if there is none to come."""
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            if self._http.trailing_data[0]:
                self._linger()
            else:
                self.close()
            return
        self._http.start_next_cycle()
        self._transport.resume_reading()
        if self._http.trailing_data[0]:
            self._enter(State.HEAD)
            # Other connections get their turn between two requests of this one.
            self._front.loop.call_soon(self._advance)
        else:
            self._enter(State.IDLE)

    def _linger(self) -> None:
        """End the connection after the client has had time to read the last answer."""
        self._transport.write_eof()
        self._transport.resume_reading()
        self._enter(State.LINGERING)

    def close(self) -> None:
        """End the connection now."""
        self._enter(State.CLOSED)
        self._hold(0)
        self._transport.abort()

    def _hold(self, n_bytes: int) -> None:
        """Say how many bytes this connection keeps in memory."""
        change, self._held = n_bytes - self._held, n_bytes
        self._front.holds(change)
