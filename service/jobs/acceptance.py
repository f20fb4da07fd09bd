"""What a table must be to become a job, as far as the head of its request says: format, size, room, owner."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hmac import compare_digest
from pathlib import Path

from service.http.guard import check_key
from service.http.problems import (
    BODY_TOO_LARGE,
    LENGTH_REQUIRED,
    MALFORMED_BODY,
    NO_JOB,
    NO_ROOM,
    NOT_A_TABLE,
    TOO_MANY_JOBS,
    UNKNOWN_ENCODING,
    ProblemError,
)
from service.jobs.job import StoredJob
from service.jobs.store import JobStore
from service.settings import Settings

CSV, PARQUET = "text/csv", "application/vnd.apache.parquet"
"""Media types of tables."""
ENDPOINT = "jobs.create"
"""Name of the endpoint of `POST /jobs`."""
UPLOAD = "estimator.upload"
"""Key in the WSGI environ of the id of an upload that has been received already."""

_SUFFIXES = {CSV: ".csv", "text/tab-separated-values": ".tsv", PARQUET: ".parquet"}

_log = logging.getLogger(__name__)


def owner_of(header: Callable[[str], str | None], settings: Settings) -> str:
    """Return whose the jobs of a request are: the hash of its API key, or '' where no keys are required.

    Raises
    ------
    ProblemError
        The key is missing or not known (401).
    """
    return check_key(header, settings.api_keys) if settings.api_keys else ""


def own_job(store: JobStore, identifier: str, owner: str) -> StoredJob:
    """Return a job of an owner.

    Raises
    ------
    ProblemError
        There is none; the answer is the same if it is somebody else's (404).
    """
    job = store.read(identifier)
    if job is None or not compare_digest(job.request.owner, owner):
        raise ProblemError(NO_JOB, "there is no job with this id")
    return job


def begin_upload(
    store: JobStore, header: Callable[[str], str | None], length: int | None, settings: Settings
) -> tuple[str, Path]:
    """Make room for the table of a request; return the id of the upload and its file.

    Parameters
    ----------
    header
        Returns the value of a header, by its name.
    length
        Bytes of the body, by its head.

    Raises
    ------
    ProblemError
        There is no table (400), its length is not said (411), it is too large (413), of another format (415), its
        owner has as many jobs as it may have (429), or there is no room for it (507).
    """
    if header("Transfer-Encoding") is not None:
        raise ProblemError(LENGTH_REQUIRED, "the request has no Content-Length")
    if not length:
        raise ProblemError(MALFORMED_BODY, "the request has no body")
    if length > settings.job_max_body:
        raise ProblemError(BODY_TOO_LARGE, f"the body has {length} bytes; the maximum is {settings.job_max_body}")
    suffix = _suffix(header)
    owner = owner_of(header, settings)
    with writing():
        check_number(store, owner, settings.max_jobs)
        room = settings.jobs_disk // 2
        if store.tables_bytes() + length > room:
            raise ProblemError(NO_ROOM, "other jobs occupy the room for tables")
        if store.results_bytes() >= room:
            raise ProblemError(NO_ROOM, "the results of other jobs occupy the room for results")
        return store.begin_upload(suffix, length)


def check_number(store: JobStore, owner: str, max_jobs: int) -> None:
    """Raise a ProblemError (429) if an owner has as many jobs as it may have."""
    if sum(job.request.owner == owner for job in store.jobs()) >= max_jobs:
        raise ProblemError(TOO_MANY_JOBS, f"there are {max_jobs} jobs already, which is the maximum")


@contextmanager
def writing() -> Iterator[None]:
    """Use the folder of jobs: an error of the system is logged, and no room for clients (507)."""
    try:
        yield
    except OSError as error:
        _log.error("the folder of jobs cannot be used: %s", error)
        raise ProblemError(NO_ROOM, "the folder of jobs cannot be used") from error


def _suffix(header: Callable[[str], str | None]) -> str:
    """Return how the name of the table's file must end, by the format of the body."""
    media_type, *parameters = (part.strip().lower() for part in (header("Content-Type") or "").split(";"))
    charsets = [
        value.strip('"') for name, _, value in (each.partition("=") for each in parameters) if name == "charset"
    ]
    if media_type not in _SUFFIXES or not {*charsets} <= {"utf-8", "utf8", "us-ascii"}:
        raise ProblemError(
            NOT_A_TABLE, f"the Content-Type must be {CSV} in UTF-8, text/tab-separated-values or {PARQUET}"
        )
    encoding = (header("Content-Encoding") or "identity").strip().lower()
    if encoding == "identity":
        return _SUFFIXES[media_type]
    if encoding not in {"gzip", "x-gzip"} or media_type == PARQUET:
        raise ProblemError(
            UNKNOWN_ENCODING,
            f"the Content-Encoding {encoding[:60]!a} is not supported; send text with gzip or with no encoding",
        )
    return f"{_SUFFIXES[media_type]}.gz"
