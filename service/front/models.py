"""The models of the workers, as the front sees them for `/readyz`."""

from pathlib import Path
from typing import NoReturn

from service.front.pool import WorkerPool
from service.http.problems import NOT_READY, ProblemError
from service.live_model import LiveModel


class WorkerModels(LiveModel):
    """Answers for all workers together. It has no model of its own."""

    def __init__(self, path: Path, pool: WorkerPool) -> None:
        super().__init__(path)
        self._pool = pool

    def snapshot(self) -> NoReturn:
        """Refuse: only workers have snapshots.

        Raises
        ------
        ProblemError
            Always (503).
        """
        raise ProblemError(NOT_READY, "no model is loaded yet")

    def check_ready(self) -> None:
        """Do nothing if a worker is ready.

        Raises
        ------
        ProblemError
            No worker is ready, or the server is about to stop (503).
        """
        self._check_draining()
        if not self._pool.serving():
            raise ProblemError(NOT_READY, "no model is loaded yet")

    def seconds_since_check(self) -> float:
        """Return how long ago the worker that is furthest behind last checked for a new version."""
        return max(link.seconds_since_check for link in self._pool.serving())

    def notes(self) -> tuple[str, ...]:
        """Return the notes of all workers, each once."""
        return tuple(dict.fromkeys(note for link in self._pool.serving() for note in link.readiness.notes))
