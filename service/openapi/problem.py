"""The error answers (RFC 9457), as the OpenAPI document describes them."""

from collections.abc import Iterable, Mapping
from typing import Any

from service.http import problems
from service.openapi.json_schema import array_schema, ref

_ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["field", "message"],
    "properties": {
        "row": {"type": "integer", "description": "Index of the home in the list, starting at 0."},
        "field": {"type": "string"},
        "message": {"type": "string"},
    },
}

SCHEMAS: Mapping[str, dict[str, Any]] = {
    "Problem": {
        "type": "object",
        "description": "An error (RFC 9457). `type` is a path of this server that explains the kind of problem.",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"type": "string", "format": "uri-reference"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "errors": array_schema(_ERROR),
            "errors_left_out": {"type": "integer", "description": "Number of further errors that are not listed."},
        },
    },
    "RefusedRow": {
        "type": "object",
        "description": "In a list of answers, takes the place of the valuation of a home that cannot be valued.",
        "required": ["error"],
        "properties": {"error": ref("Problem")},
    },
}
"""Name of a component → its schema."""


def problem_responses(statuses: Iterable[int] | None = None) -> dict[str, Any]:
    """Return the responses of some statuses, described by their problem types; None means all statuses."""
    if statuses is None:
        statuses = (problem_type.status for problem_type in problems.PROBLEM_TYPES)
    return {
        str(status): {
            "description": " ".join(
                problem_type.meaning for problem_type in problems.PROBLEM_TYPES if problem_type.status == status
            ),
            "content": {problems.MEDIA_TYPE: {"schema": ref("Problem")}},
        }
        for status in sorted(set(statuses))
    }
