"""The served model: loaded in the background, and replaced when another version is published."""

import logging
import threading
import time
from pathlib import Path

from estimator.deals.saved_list_prices import LIST_PRICES_FILE
from estimator.errors import EstimatorError, SavedVersionError
from estimator.registry import APPRAISER, MANIFEST, load_version, version_folder
from service import metrics
from service.http.problems import NOT_READY, ProblemError
from service.valuation.snapshot import Snapshot

RETRY_SECONDS = 2.0
"""Pause before another attempt to load a first model: soon, without flooding the log."""
POLL_SECONDS = 0.5
"""Pause between checks for a newly published version. A check reads a link, which takes microseconds."""
DAMAGED_LIST_PRICES = (
    f"{LIST_PRICES_FILE} cannot be used, so listings are screened with the default for list prices;"
    " the log says why"
)
"""Line of `/readyz`. It has no path, because everyone may read it."""

_log = logging.getLogger(__name__)


class LiveModel:
    """Holds the snapshot that is served, and follows what is published.

    A version that cannot be loaded or fails its signature check is logged once, counted, and tried again when its
    files change. Meanwhile the previous snapshot is served.

    Parameters
    ----------
    path
        The folder of a version, or `models/<market>` to serve the published version of a market.
    key
        If given, versions that are not signed with it are refused.
    fallback
        Version to serve while the published one cannot be loaded and there is no previous snapshot, as in a worker
        that has just started.
    """

    def __init__(self, path: Path, key: bytes | None = None, fallback: Path | None = None) -> None:
        self._path = path
        self._key = key
        self._fallback = fallback
        self._snapshot: Snapshot | None = None
        self._loaded_files: object = None
        self._failed_files: object = None
        self._draining = False
        self._last_check = time.monotonic()

    def start(self) -> None:
        """Start a background thread that loads the model and follows what is published."""
        threading.Thread(target=self._follow, name="live model", daemon=True).start()

    def drain(self) -> None:
        """Report not ready from now on: the server is about to stop. Requests are still answered."""
        self._draining = True

    def snapshot(self) -> Snapshot:
        """Return the snapshot that is served now.

        Raises
        ------
        ProblemError
            No model is loaded yet (503).
        """
        if self._snapshot is None:
            raise ProblemError(NOT_READY, "no model is loaded yet")
        return self._snapshot

    def check_ready(self) -> None:
        """Do nothing if the server is ready for requests.

        Raises
        ------
        ProblemError
            No model is loaded yet, or the server is about to stop (503).
        """
        self.snapshot()
        self._check_draining()

    def _check_draining(self) -> None:
        if self._draining:
            raise ProblemError(NOT_READY, "the server is about to stop")

    def seconds_since_check(self) -> float:
        """Return how long ago this worker last checked for a newly published version."""
        return time.monotonic() - self._last_check

    def notes(self) -> tuple[str, ...]:
        """Return further lines for `/readyz`: what an operator should know about the served model."""
        if self._snapshot is None or not self._snapshot.list_price_problem:
            return ()
        return (DAMAGED_LIST_PRICES,)

    def refresh(self) -> None:
        """Load what is published, if it is not what is served."""
        files: object
        try:
            folder = version_folder(self._path)
        except SavedVersionError as error:
            folder, files = self._path, str(error)  # cannot be loaded either, which is logged below
        else:
            files = _fingerprint(folder)
            self._last_check = time.monotonic()
            metrics.set_last_check()
        if files == self._loaded_files:
            self._failed_files = None
            return
        if self._snapshot is not None and files == self._failed_files:
            return
        if self._try_to_load(folder):
            self._loaded_files, self._failed_files = files, None
            return
        self._failed_files = files
        if self._snapshot is None and self._fallback is not None and self._fallback != folder:
            self._try_to_load(self._fallback)

    def _follow(self) -> None:
        while True:
            pause = RETRY_SECONDS if self._snapshot is None else POLL_SECONDS
            try:
                self.refresh()
            except Exception:
                # Nothing may end this thread: without it, no publish and no rollback is ever served.
                _log.exception("cannot check for a newly published version")
                metrics.count_failed_load()
                pause = RETRY_SECONDS
            time.sleep(pause)

    def _try_to_load(self, folder: Path) -> bool:
        """Load a version and serve it; if that fails, log why and return False."""
        try:
            snapshot = Snapshot.of(load_version(folder, self._key), self._key)
        except Exception as error:
            # Any failure is caught: this thread must keep running until a valid version appears.
            trace = None if isinstance(error, EstimatorError) else error
            consequence = "" if self._snapshot is None else f" (version {self._snapshot.version} stays in use)"
            _log.error("cannot load %s%s: %s", folder, consequence, error, exc_info=trace)
            metrics.count_failed_load()
            return False
        self._snapshot = snapshot
        metrics.set_served_version(snapshot.version, snapshot.created)
        metrics.set_damaged_list_prices(damaged=bool(snapshot.list_price_problem))
        if snapshot.list_price_problem:
            _log.error("listings are screened with the default for list prices: %s", snapshot.list_price_problem)
        _log.info("serving version %s", snapshot.version)
        return True


def _fingerprint(folder: Path) -> object:
    """Return a value that changes when the files of a version or the saved list-price model change."""
    files: list[tuple[int, int, int] | None] = []
    for path in (folder / MANIFEST, folder / APPRAISER, folder.parent / LIST_PRICES_FILE):
        try:
            stat = path.stat()
        except OSError:
            files.append(None)
        else:
            # The time of the last change of content or permissions: `chmod` repairs a file, too.
            files.append((stat.st_ino, stat.st_size, stat.st_ctime_ns))
    return folder, tuple(files)
