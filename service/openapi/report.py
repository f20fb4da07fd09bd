"""The comparison of two versions' reports, as the OpenAPI document describes it."""

from typing import Any

from service.openapi.problem import problem_responses

PATH = "/report/versions/{version}"


def describe_comparison() -> dict[str, Any]:
    """Return the operation."""
    summary = "The report of the served version beside that of another saved version"
    name = {"name": "version", "in": "path", "required": True, "schema": {"type": "string"}}
    answer = {"200": {"description": f"{summary}.", "content": {"text/html": {}}}}
    return {
        "summary": summary,
        "parameters": [{**name, "description": "Name of a saved version of the same market that has a report."}],
        "responses": answer | problem_responses([404, 503]),
    }
