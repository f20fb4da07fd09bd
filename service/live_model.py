"""The served model: loaded beside the running server, taken whole by each request, followed as it moves."""

import json
import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from estimator.appraiser import Appraiser
from estimator.deals.list_prices import ListPriceModel
from estimator.deals.saved_list_prices import ASKS, load_list_prices
from estimator.errors import EstimatorError
from estimator.registry import APPRAISER, MANIFEST, SavedVersion, load_version, published
from service import metrics
from service.http.problems import NOT_READY, ProblemError
from service.routes.model import about_model
from service.valuation.subject_schema import Subject, SubjectSchema
from service.valuation.valuation import Asked, check_subject, value_subjects

RETRY_SECONDS = 2.0
"""Pause before a model that could not be loaded is tried again: soon, and without flooding the log."""
POLL_SECONDS = 0.5
"""Pause between looks at what is published: a link is read, which costs some microseconds."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Snapshot:
    """One version and all that is made from it; it never changes, so a request that took it may rely on it.

    Parameters
    ----------
    folder
        Where the version lies.
    version
        The version's name.
    created
        When it was saved, in ISO 8601.
    appraiser
        The trained appraiser.
    schema
        What a subject may hold.
    asks
        How values, asks and resales go together.
    inputs
        Number's name → its `mean` and `standard_deviation` among the sales it was trained on.
    example
        `request`, a subject, and `answer`, its valuation.
    about
        The body of `GET /model`.
    """

    folder: Path
    version: str
    created: str
    appraiser: Appraiser
    schema: SubjectSchema
    asks: ListPriceModel
    inputs: Mapping[str, Mapping[str, float]]
    example: Mapping[str, Any]
    about: bytes

    @property
    def dated(self) -> bool:
        """Whether a subject may name the day it is valued at."""
        return self.appraiser.sale_dates is not None

    @classmethod
    def of(cls, saved: SavedVersion) -> Self:
        """Prepare a loaded version for service, and value its example: the first valuation is a slow one."""
        appraiser = saved.appraiser
        schema = SubjectSchema.of(appraiser.market, dated=appraiser.sale_dates is not None)
        request = saved.manifest["example"]
        subject = check_subject(schema, request)
        assert isinstance(subject, Subject), subject  # noqa: S101  # a sale that passed the same checks
        (answer,) = value_subjects(appraiser, saved.name, [subject], Asked())
        assert isinstance(answer, dict), answer  # noqa: S101  # training has valued it
        example = {"request": request, "answer": answer}
        return cls(
            saved.folder,
            saved.name,
            saved.manifest["created"],
            appraiser,
            schema,
            load_list_prices(saved.folder, appraiser),
            saved.manifest.get("inputs", {}),  # a version may be older than these
            example,
            json.dumps(about_model(saved, example), allow_nan=False).encode(),
        )


class LiveModel:
    """Holds the snapshot that is served, and follows what is published.

    A version that cannot be loaded, or is not to be trusted, is logged once, counted, and looked at again when its
    files change; what was served before is served on.

    Parameters
    ----------
    path
        A version's folder, or `models/<market>`, whose published version is served, whichever it is.
    key
        Where given, a version that it did not sign is refused.
    fallback
        A version that is served while nothing published can be: a worker that starts has none to serve on.
    """

    def __init__(self, path: Path, key: bytes | None = None, fallback: Path | None = None) -> None:
        self._path = path
        self._key = key
        self._fallback = fallback
        self._snapshot: Snapshot | None = None
        self._served: object = None
        self._refused: object = None
        self._draining = False

    def start(self) -> None:
        """Begin to load, in the background, and to follow."""
        threading.Thread(target=self._follow, name="live model", daemon=True).start()

    def drain(self) -> None:
        """Be ready no more: the server is about to stop, and answers only what has begun."""
        self._draining = True

    def take(self) -> Snapshot:
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
        """Raise a problem unless requests are welcome.

        Raises
        ------
        ProblemError
            No model is loaded yet, or the server is about to stop (503).
        """
        self.take()
        if self._draining:
            raise ProblemError(NOT_READY, "the server is about to stop")

    def look(self) -> None:
        """Serve what is published, if that is not what is served."""
        folder = published(self._path)
        files = _fingerprint(folder)
        if files == self._served:
            self._refused = None
            return
        if self._snapshot is not None and files == self._refused:
            return
        if self._try_to_load(folder):
            self._served, self._refused = files, None
            return
        self._refused = files
        if self._snapshot is None and self._fallback is not None and self._fallback != folder:
            self._try_to_load(self._fallback)

    def _follow(self) -> None:
        while True:
            self.look()
            time.sleep(RETRY_SECONDS if self._snapshot is None else POLL_SECONDS)

    def _try_to_load(self, folder: Path) -> bool:
        """Load a version and serve it; log why if that fails."""
        served = "no model" if self._snapshot is None else self._snapshot.version
        try:
            snapshot = Snapshot.of(load_version(folder, self._key))
        except Exception as error:
            # Whatever is wrong with a saved model, the thread that waits for a good one must not end.
            trace = None if isinstance(error, EstimatorError) else error
            _log.error("%s cannot be served, %s is until it can: %s", folder, served, error, exc_info=trace)
            metrics.load_failed()
            return False
        self._snapshot = snapshot
        metrics.serving(snapshot.version, snapshot.created)
        _log.info("serving %s", snapshot.version)
        return True


def _fingerprint(folder: Path) -> object:
    """Return what changes when a version's files do, or what was learned of asks."""
    files: list[tuple[int, int, int] | None] = []
    for path in (folder / MANIFEST, folder / APPRAISER, folder.parent / ASKS):
        try:
            stat = path.stat()
        except OSError:
            files.append(None)
        else:
            files.append((stat.st_ino, stat.st_size, stat.st_mtime_ns))
    return folder, tuple(files)
