"""`POST /jobs` and what follows: a large table → its values as a file, computed in a process of their own."""

from functools import partial
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, g, request, send_file

from service.http.json_body import json_answer
from service.http.problems import (
    INVALID_WEBHOOK,
    JOB_NOT_DONE,
    MALFORMED_BODY,
    NO_JOB,
    UNKNOWN_PARAMETER,
    ProblemError,
)
from service.http.tables import MODEL_VERSION
from service.jobs.acceptance import CSV, PARQUET, UPLOAD, begin_upload, check_number, own_job, writing
from service.jobs.job import JobRequest, Status, StoredJob, now
from service.jobs.store import TABLE, JobStore
from service.jobs.webhook import is_allowed
from service.live_model import LiveModel
from service.openapi.jobs import INDEX, JOB_PATH, PATH, RESULT_PATH, WEBHOOK
from service.settings import Settings
from service.valuation.parameters import CONFIDENCE, read_options

_MEDIA_TYPES = {".gz": "application/gzip", ".parquet": PARQUET, ".tsv": "text/tab-separated-values", ".csv": CSV}
"""Last part of the name of a result → its Content-Type."""
_BLOCK = 2**20


def jobs_routes(live: LiveModel, settings: Settings) -> Blueprint:
    """Return the routes."""
    routes = Blueprint("jobs", __name__)
    store = JobStore(settings.jobs_folder, settings.job_hours)

    def requested(identifier: str) -> StoredJob:
        return own_job(store, identifier, g.get("client", ""))

    @routes.post(PATH)
    def create() -> Response:
        identifier = request.environ.get(UPLOAD)
        if identifier is None:  # there is no front that has received the body
            identifier = _receive(store, settings)
        if store.read(identifier) is None:  # the worker that made it a job may have ended before it answered
            try:
                with writing():
                    accepted = _accepted(live, settings, store.upload(identifier))
                    # Again: other uploads may have become jobs since this one began.
                    check = partial(check_number, store, accepted.owner, settings.max_jobs)
                    store.accept(identifier, accepted, check)
            except ProblemError:
                store.discard_upload(identifier)
                raise
        answer = json_answer(_described(store, requested(identifier)), 202)
        answer.headers["Location"] = f"{PATH}/{identifier}"
        return answer

    @routes.get(JOB_PATH)
    def state(identifier: str) -> Response:
        return json_answer(_described(store, requested(identifier)))

    @routes.get(RESULT_PATH)
    def result(identifier: str) -> Response:
        job = requested(identifier)
        if job.status is not Status.DONE:
            raise ProblemError(JOB_NOT_DONE, f"the job is {job.status.value}")
        answer = _file_answer(store.result(job).absolute())
        answer.headers[MODEL_VERSION] = job.request.version
        return answer

    @routes.delete(JOB_PATH)
    def remove(identifier: str) -> Response:
        store.remove(requested(identifier))
        return Response(status=204)

    return routes


def _file_answer(file: Path) -> Response:
    """Answer with a file, which is sent by the front if there is one.

    Raises
    ------
    ProblemError
        It has gone (404).
    """
    try:
        return send_file(
            file,
            mimetype=_MEDIA_TYPES[file.suffix],
            as_attachment=True,
            download_name=file.name,
            conditional=False,
            etag=False,
        )
    except FileNotFoundError as error:
        raise ProblemError(NO_JOB, "the job has just been removed") from error


def _accepted(live: LiveModel, settings: Settings, table: Path) -> JobRequest:
    """Return the job that this request asks for, with the table in a file.

    Raises
    ------
    ProblemError
        A parameter is unknown or invalid (400), or no model is loaded (503).
    """
    snapshot = live.snapshot()
    options = read_options(request, snapshot.appraiser.market, PATH, (CONFIDENCE, INDEX, WEBHOOK))
    webhooks, index = request.args.getlist(WEBHOOK), request.args.getlist(INDEX)
    if len(webhooks) > 1 or not all(is_allowed(url, settings.webhook_origins) for url in webhooks):
        raise ProblemError(INVALID_WEBHOOK, "the settings of this server do not allow it")
    if index not in ([], ["true"], ["false"]):
        raise ProblemError(UNKNOWN_PARAMETER, f"{INDEX} must be true or false, given once")
    return JobRequest(
        owner=g.get("client", ""),
        version=snapshot.version,
        version_folder=str(snapshot.folder),
        confidence=options.confidence,
        with_index=index == ["true"],
        webhook=webhooks[0] if webhooks else "",
        suffix=table.name.removeprefix(TABLE),
        size=table.stat().st_size,
        created=now().isoformat(),
    )


def _described(store: JobStore, job: StoredJob) -> dict[str, Any]:
    """Return what a client is told about a job."""
    progress, outcome, expires = job.progress, job.outcome, store.expires(job)
    is_running, is_done = job.status is Status.RUNNING, job.status is Status.DONE
    return {
        "id": job.identifier,
        "status": job.status.value,
        "detail": outcome.detail or None if outcome else None,
        "model_version": job.request.version,
        "confidence": job.request.confidence,
        "created": job.request.created,
        "finished": outcome.finished if outcome else None,
        "expires": expires.isoformat() if expires else None,
        "rows": progress.rows if progress else 0,
        "rows_total": progress.total if progress else None,
        "rows_per_second": progress.rate if progress else None,
        "seconds_left": progress.seconds_left if progress and is_running else None,
        "valued": outcome.valued if outcome and is_done else None,
        "refused": outcome.refused if outcome and is_done else None,
        "faults": list(outcome.faults) if outcome else [],
        "result": f"{PATH}/{job.identifier}/result" if is_done else None,
    }


def _receive(store: JobStore, settings: Settings) -> str:
    """Write the body of this request to a file; return the id of the upload."""
    identifier, table = begin_upload(store, request.headers.get, request.content_length, settings)
    try:
        with writing(), table.open("r+b") as file:
            while block := request.stream.read(_BLOCK):
                file.write(block)
            received = file.tell()
    except ProblemError:
        store.discard_upload(identifier)
        raise
    if received != request.content_length:
        store.discard_upload(identifier)
        raise ProblemError(MALFORMED_BODY, f"the body ended after {received} of {request.content_length} bytes")
    return identifier
