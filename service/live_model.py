"""The model that is served: loaded beside the running server, taken whole by each request."""

import json
import logging
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from estimator.appraiser import Appraiser
from estimator.asks import AskModel
from estimator.errors import EstimatorError
from estimator.registry import SavedVersion, load_version
from estimator.saved_asks import load_asks
from service.about import about_model
from service.openapi import openapi_document
from service.packed import Packed
from service.problems import NOT_READY, ProblemError
from service.schemas import Subject, SubjectSchema
from service.sold import pack_sales
from service.valuing import Asked, check_subject, value_subjects

RETRY_SECONDS = 2.0
"""Pause before a model that could not be loaded is tried again: soon, and without flooding the log."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Snapshot:
    """One version and all that is made from it; it never changes, so a request that took it may rely on it.

    Parameters
    ----------
    version
        The version's name.
    appraiser
        The trained appraiser.
    schema
        What a subject may hold.
    asks
        How values, asks and resales go together.
    about, openapi
        The bodies of `GET /model` and `GET /openapi.json`.
    sales
        The body of `GET /sales`.
    """

    version: str
    appraiser: Appraiser
    schema: SubjectSchema
    asks: AskModel
    about: bytes
    openapi: bytes
    sales: Packed

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
            saved.name,
            appraiser,
            schema,
            load_asks(saved.folder, appraiser),
            json.dumps(about_model(saved, example), allow_nan=False).encode(),
            json.dumps(openapi_document(schema, saved.name, example), allow_nan=False).encode(),
            pack_sales(appraiser, saved.name),
        )


class LiveModel:
    """Holds the snapshot that is served.

    Parameters
    ----------
    path
        A version's folder, or `models/<market>`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._snapshot: Snapshot | None = None

    def start(self) -> None:
        """Begin to load, in the background; a version that cannot be loaded is logged and tried again."""
        threading.Thread(target=self._load, name="live model", daemon=True).start()

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

    def _load(self) -> None:
        while not self._try_to_load():
            time.sleep(RETRY_SECONDS)

    def _try_to_load(self) -> bool:
        """Load the version and serve it; log why if that fails."""
        try:
            snapshot = Snapshot.of(load_version(self._path))
        except EstimatorError as error:
            _log.error("no model yet, next try in %g s: %s", RETRY_SECONDS, error)
            return False
        except Exception:
            # Whatever is wrong with a saved model, the thread that waits for a good one must not end.
            _log.exception("no model yet, next try in %g s: %s", RETRY_SECONDS, self._path)
            return False
        self._snapshot = snapshot
        _log.info("serving %s", snapshot.version)
        return True
