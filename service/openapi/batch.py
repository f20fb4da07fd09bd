"""`POST /predict/batch`, as the OpenAPI document describes it."""

from collections.abc import Mapping
from typing import Any

from estimator.market.market import ABOVE_COLUMN, ANSWER_COLUMNS
from service.http.tables import TableKind
from service.openapi.json_schema import array_schema, nullable, object_schema, ref
from service.openapi.predict import CONFIDENCE_PARAMETER, ON_REQUEST, PRICE_ABOVE_PARAMETER
from service.openapi.problem import problem_responses
from service.valuation.parameters import PRICE_ABOVE

PATH = "/predict/batch"

_NUMBERS = array_schema({"type": ["number", "null"]})
_STRING_LISTS = array_schema(nullable(array_schema({"type": "string"})))
_COLUMNS: Mapping[str, dict[str, Any]] = {
    **dict.fromkeys(("price", "price_low", "price_high", "fsd", "probability_within_10"), _NUMBERS),
    "valuation_date": array_schema({"type": ["string", "null"], "format": "date"}),
    **dict.fromkeys(("looked_up", "unknown", "warnings"), _STRING_LISTS),
    "error": array_schema(nullable(ref("Problem"))),
    "confidence": {"type": "number"},
    "currency": {"type": "string"},
    "model_version": {"type": "string"},
}
SCHEMAS: Mapping[str, dict[str, Any]] = {
    "ValuationColumns": {
        "type": "object",
        "required": list(_COLUMNS),
        "properties": {**_COLUMNS, ON_REQUEST: _NUMBERS},
        "description": "The members of the valuations of POST /predict, by column. Where a home has no valuation,"
        " they are null and `error` has the problem.",
    },
}
"""Name of a component → its schema."""


def describe_batch(example: Mapping[str, Any]) -> dict[str, Any]:
    """Return the operation; `example` has a `request` and its `answer`."""
    subject = example["request"]
    names = ",".join(subject)
    cells = ",".join("" if value is None else str(value) for value in subject.values())
    csv = {"schema": {"type": "string"}, "example": f"{names}\n{cells}\n"}
    lines = {"schema": {"type": "string", "description": "One home per line."}}
    columns = object_schema({}, additionalProperties=array_schema({}), minProperties=1)
    return {
        "summary": "Value a table of homes",
        "description": "Accepts CSV, Excel, NDJSON, and JSON by column; the body may be compressed with gzip. The"
        " answer has the same format, CSV for Excel, and a row for each row of the request. CSV keeps its columns"
        " and adds"
        f" {', '.join(ANSWER_COLUMNS)}. NDJSON has a valuation or an error per line. JSON has the valuations by"
        f" column. With `{PRICE_ABOVE}` there is one more column: `{ON_REQUEST}`, in CSV `{ABOVE_COLUMN}`."
        " The header Model-Version names the version.",
        "parameters": [CONFIDENCE_PARAMETER, PRICE_ABOVE_PARAMETER],
        "requestBody": {
            "required": True,
            "content": {
                TableKind.CSV.value: csv,
                TableKind.EXCEL.value: {"schema": {"type": "string", "format": "binary"}},
                TableKind.LINES.value: lines,
                TableKind.COLUMNS.value: {
                    "schema": columns,
                    "example": {name: [value] for name, value in subject.items()},
                },
            },
        },
        "responses": {
            "200": {
                "description": "The valuations",
                "content": {
                    TableKind.CSV.value: {"schema": {"type": "string"}},
                    TableKind.LINES.value: {"schema": {"type": "string"}},
                    TableKind.COLUMNS.value: {"schema": ref("ValuationColumns")},
                },
            }
        }
        | problem_responses(),
    }
