"""What `POST /predict/batch` takes and gives, as the interface's document tells it."""

from collections.abc import Mapping
from typing import Any

from estimator.market.market import ANSWER_COLUMNS
from service.http.json_schema import an_array, an_object, or_null, ref
from service.http.tables import TableKind

PATH = "/predict/batch"

_NUMBERS = an_array({"type": ["number", "null"]})
_TEXTS = an_array(or_null(an_array({"type": "string"})))
SCHEMAS: Mapping[str, dict[str, Any]] = {
    "ValuationColumns": an_object(
        {
            **dict.fromkeys(("price", "price_low", "price_high", "fsd"), _NUMBERS),
            "valuation_date": an_array({"type": ["string", "null"], "format": "date"}),
            **dict.fromkeys(("looked_up", "unknown", "warnings"), _TEXTS),
            "error": an_array(or_null(ref("Problem"))),
            "confidence": {"type": "number"},
            "currency": {"type": "string"},
            "model_version": {"type": "string"},
        },
        description="Valuations by column, as POST /predict gives them: null where a home has none, and then a"
        " problem in `error`.",
    ),
}
"""The answer's schema, by its name in the interface's document."""


def describe_batch(example: Mapping[str, Any]) -> dict[str, Any]:
    """Return the route's summary, description, body and good answers, as the interface's document has them."""
    subject = example["request"]
    names = ",".join(subject)
    cells = ",".join("" if value is None else str(value) for value in subject.values())
    csv = {"schema": {"type": "string"}, "example": f"{names}\n{cells}\n"}
    lines = {"schema": {"type": "string", "description": "A home a line."}}
    columns = an_object({}, additionalProperties=an_array({}), minProperties=1)
    return {
        "summary": "Value a table of homes",
        "description": "CSV, lines of JSON, or JSON by column; gzip is taken. The same kind comes back, with every"
        f" row in its place: CSV with its own columns and then {', '.join(ANSWER_COLUMNS)}; lines with a valuation"
        " or an error each; columns with those of valuations. The header Model-Version names the version.",
        "requestBody": {
            "required": True,
            "content": {
                TableKind.CSV.value: csv,
                TableKind.LINES.value: lines,
                TableKind.COLUMNS.value: {
                    "schema": columns,
                    "example": {name: [value] for name, value in subject.items()},
                },
            },
        },
        "responses": {
            "200": {
                "description": "The table's valuations",
                "content": {
                    TableKind.CSV.value: {"schema": {"type": "string"}},
                    TableKind.LINES.value: {"schema": {"type": "string"}},
                    TableKind.COLUMNS.value: {"schema": ref("ValuationColumns")},
                },
            }
        },
    }
