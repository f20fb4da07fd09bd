"""`POST /jobs` and what follows, as the OpenAPI document describes it."""

from collections.abc import Mapping
from typing import Any

from estimator.market.market import ANSWER_COLUMNS, INDEX_COLUMN
from service.jobs.acceptance import CSV, PARQUET
from service.jobs.job import Status
from service.openapi.json_schema import array_schema, json_content, nullable, object_schema, ref
from service.openapi.predict import CONFIDENCE_PARAMETER
from service.openapi.problem import problem_responses

PATH = "/jobs"
JOB_PATH = f"{PATH}/<identifier>"
RESULT_PATH = f"{JOB_PATH}/result"
INDEX, WEBHOOK = "index", "webhook"
"""Names of the parameters."""

_TIME = {"type": "string", "format": "date-time"}
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_ANY_TABLE = {"description": "What is wrong with a table is found when it is valued: then the job fails."}
_REFUSALS = (400, 401, 408, 411, 413, 415, 429, 503, 507)

SCHEMAS: Mapping[str, dict[str, Any]] = {
    "Job": object_schema(
        {
            "id": {"type": "string", "description": "Who knows it, and has the same API key, has the job."},
            "status": {"enum": [status.value for status in Status]},
            "detail": nullable({"type": "string"}, description="Why the job failed."),
            "model_version": {"type": "string", "description": "The version that values the table."},
            "confidence": {"type": "number", "description": "The share of sale prices that its ranges contain."},
            "created": _TIME,
            "finished": nullable(_TIME, description="When the job was done, or failed."),
            "expires": nullable(_TIME, description="When the job and its result are removed."),
            "rows": {"type": "integer", "description": "Homes that were worked on."},
            "rows_total": nullable({"type": "integer"}, description="Lines of the table, once they are counted."),
            "rows_per_second": nullable({"type": "number"}),
            "seconds_left": nullable({"type": "number"}, description="Expected time until the job is done."),
            "valued": nullable({"type": "integer"}, description="Homes that have a value."),
            "refused": nullable({"type": "integer"}, description="Homes that have an error instead."),
            "faults": array_schema(
                {"type": "string"}, description="What was wrong with values, by column and kind."
            ),
            "result": nullable({"type": "string"}, description="Path of the result, once the job is done."),
        },
        description="A table that is valued while other requests are answered.",
    ),
}
"""Name of a component → its schema."""

_ID = {"name": "identifier", "in": "path", "required": True, "schema": {"type": "string"}}


def describe_jobs() -> dict[str, dict[str, Any]]:
    """Return the operations of each path."""
    return {
        PATH: {"post": _describe_create()},
        _with_braces(JOB_PATH): {
            "get": {
                "summary": "How far a job is",
                "parameters": [_ID],
                "responses": {"200": _job("The job")} | problem_responses([401, 404]),
            },
            "delete": {
                "summary": "Cancel a job, and remove its table and its result",
                "parameters": [_ID],
                "responses": {"204": {"description": "It is removed."}} | problem_responses([401, 404]),
            },
        },
        _with_braces(RESULT_PATH): {
            "get": {
                "summary": "The result of a job",
                "description": "A file in the format of the table: CSV, CSV compressed with gzip, or Parquet. It"
                " has the columns of the table, and adds"
                f" {', '.join(ANSWER_COLUMNS)}. The header Model-Version names the version.",
                "parameters": [_ID],
                "responses": {
                    "200": {
                        "description": "The table with its values",
                        "content": {
                            CSV: {"schema": {"type": "string"}},
                            "text/tab-separated-values": {"schema": {"type": "string"}},
                            "application/gzip": _BINARY,
                            PARQUET: _BINARY,
                        },
                    }
                }
                | problem_responses([401, 404, 409]),
            }
        },
    }


def _describe_create() -> dict[str, Any]:
    return {
        "summary": "Value a large table",
        "description": "Accepts CSV, also compressed with gzip, and Parquet. The answer comes at once and names"
        " the job; a process of its own values the table with the version that is served now, without slowing"
        " other requests. Ask for the job until it is done, then fetch its result, and delete it. Jobs are seen"
        " only with the API key that made them.",
        "parameters": [
            CONFIDENCE_PARAMETER,
            {
                "name": INDEX,
                "in": "query",
                "description": f"Whether the result has the column `{INDEX_COLUMN}`.",
                "schema": {"type": "boolean", "default": False},
            },
            {
                "name": WEBHOOK,
                "in": "query",
                "description": "URL that gets a POST with `id` and `status` when the job has ended. Its host must"
                " be one that the server's settings name.",
                "schema": {"type": "string"},
            },
        ],
        "requestBody": {
            "required": True,
            "content": {CSV: {"schema": _ANY_TABLE}, PARQUET: {"schema": _ANY_TABLE}},
        },
        "responses": {"202": _job("The job was accepted; Location is its path.")} | problem_responses(_REFUSALS),
    }


def _job(description: str) -> dict[str, Any]:
    return {"description": description, "content": json_content(ref("Job"))}


def _with_braces(path: str) -> str:
    return path.replace("<", "{").replace(">", "}")
