"""The front's end of the connection to one worker process."""

import asyncio
import logging
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from service.front.jobs import Job, Lane
from service.front.messages import Answer, Decoder, Kind, Message, Readiness, encode

UNRESPONSIVE_SECONDS = 3.0
"""A worker reports its readiness several times a second. One that has not done so for this long is stuck, perhaps
in code that lets no other thread run, and gets no requests until it reports again."""

_log = logging.getLogger(__name__)


class WorkerLink(asyncio.Protocol):
    """A worker process, and the jobs that it has.

    Parameters
    ----------
    threads
        Number of jobs that it handles at a time.
    generation
        Number of reloads before it was started.
    changed
        Called when the worker is ready or has gone.
    freed
        Called when the worker can take another job.
    """

    def __init__(
        self,
        threads: int,
        generation: int,
        *,
        changed: Callable[["WorkerLink"], None],
        freed: Callable[[], None],
    ) -> None:
        self.generation = generation
        self.readiness = Readiness(ready=False)
        self.draining = False
        self.has_gone = False
        self.jobs: dict[int, Job] = {}
        self._threads = threads
        self._changed = changed
        self._freed = freed
        self._heard: float | None = None
        self._decoder = Decoder()
        self._transport: asyncio.Transport | None = None
        self._process: subprocess.Popen[bytes]

    def start(self, command: Sequence[str]) -> socket.socket:
        """Start the process, and return the socket for `connect`.

        Parameters
        ----------
        command
            What the process gets after its descriptor and number of threads.

        Raises
        ------
        OSError
            There are too many processes or files.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 # the command is this program
                [sys.executable, "-m", "service.front.worker", str(theirs.fileno()), str(self._threads), *command],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # signals of the terminal are for the front
            )
        _log.info("started worker %d", self.pid)
        return ours

    async def connect(self, ours: socket.socket) -> None:
        """Begin to talk to the process."""
        await asyncio.get_running_loop().create_connection(lambda: self, sock=ours)

    @property
    def pid(self) -> int:
        """Process ID."""
        return self._process.pid

    @property
    def serves(self) -> bool:
        """Whether it has a model and takes jobs."""
        return (
            self.readiness.ready
            and not self.draining
            and not self.has_gone
            and self.silent_seconds < UNRESPONSIVE_SECONDS
        )

    @property
    def silent_seconds(self) -> float:
        """How long ago it last said something; 0 if it never did, because it is starting."""
        return 0.0 if self._heard is None else time.monotonic() - self._heard

    @property
    def seconds_since_check(self) -> float:
        """How long ago it last checked for a newly published version, by what it last said."""
        return self.readiness.seconds_since_check + self.silent_seconds

    def can_take(self, lane: Lane) -> bool:
        """Return whether it can begin another job of a lane now."""
        if not self.serves or len(self.jobs) >= self._threads:
            return False
        return lane.value is None or sum(job.lane is lane for job in self.jobs.values()) < lane.value

    def send(self, job: Job) -> None:
        """Give it a job."""
        job.attempts += 1
        self.jobs[job.number] = job
        self._write(Message(Kind.REQUEST, job.number, {**job.environ, "ends": job.ends}, job.body))

    def cancel(self, job: Job) -> None:
        """Tell it, if it has a job, that nobody waits for it any more. The job keeps its place until it stops."""
        if job.number in self.jobs:
            self._write(Message(Kind.CANCEL, job.number))

    def drain(self) -> None:
        """Give it no more jobs, and let it end after its last one."""
        self.draining = True
        if not self.jobs:
            self.stop()

    def stop(self) -> None:
        """Close the connection: the process ends itself."""
        if self._transport is not None:
            self._transport.close()

    def kill(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()

    def is_running(self) -> bool:
        """Return whether the process exists."""
        return self._process.poll() is None

    def _write(self, message: Message) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(encode(message))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the connection."""
        self._transport = transport  # type: ignore[assignment] # asyncio passes a Transport
        if self.draining:
            self.stop()

    def data_received(self, data: bytes) -> None:
        """Pass on answers."""
        for message in self._decoder.feed(data):
            if message.kind is Kind.ANSWER:
                status, headers = message.head
                job = self.jobs.pop(message.number)
                job.answer(Answer(status, [(name, value) for name, value in headers], message.body))
                if self.draining and not self.jobs:
                    self.stop()
                self._freed()
            else:
                was_ready = self.readiness.ready
                self.readiness, self._heard = Readiness.from_head(message.head), time.monotonic()
                if self.readiness.ready and not was_ready:
                    _log.info("worker %d is ready", self.pid)
                    self._changed(self)
                self._freed()

    def connection_lost(self, _: Exception | None) -> None:
        """Tell that the process has gone."""
        self.has_gone = True
        self._changed(self)
