"""The home in a request, as the OpenAPI document describes it: the facts of the served market."""

from typing import Any

from marshmallow import fields

from estimator.market.feature import Feature
from estimator.market.values import MAX_LABEL_LENGTH
from service.valuation.subject_schema import DateField, FactField


def describe_field(_converter: Any, field: fields.Field[Any], **_: Any) -> dict[str, Any]:
    """Return the JSON schema of one field of a subject; apispec calls it for each field."""
    if isinstance(field, FactField):
        return _describe_fact(field.feature)
    if isinstance(field, DateField):
        text = (
            "The valuation date. Default: the date of the newest sale. After it, prices are forecast, up to the"
            " `last_valuation_date` of GET /model."
        )
        return {"type": ["string", "null"], "format": "date", "description": text}
    return {}


def _describe_fact(feature: Feature) -> dict[str, Any]:
    kind = feature.fact_kind
    text = [feature.description] if feature.description else []
    if feature.unit:
        text.append(f"Unit: {feature.unit}.")
    if len(feature.names) > 1:
        text.append(f"Also accepted as {', '.join(feature.names[1:])}.")
    schema: dict[str, Any] = {
        "description": " ".join(text),
        "type": [*kind.json_types, *([] if feature.required else ["null"])],
    }
    if kind.is_label:
        schema |= {"minLength": 1, "maxLength": MAX_LABEL_LENGTH}
    if kind.json_format is not None:
        schema["format"] = kind.json_format
    bounds = (feature.minimum, feature.maximum) if kind.choices is None else (min(kind.choices), max(kind.choices))
    for keyword, bound in zip(("minimum", "maximum"), bounds, strict=True):
        if bound is not None:
            schema[keyword] = bound
    return schema
