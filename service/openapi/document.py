"""The document of the HTTP interface, OpenAPI 3.1, made for the model that is served."""

from collections.abc import Iterable, Mapping
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import fields

from estimator.appraiser import CONFIDENCE
from estimator.market.facts import MAX_LABEL_LENGTH
from estimator.market.market import Feature, Market
from estimator.uncertainty.conformal import GREATEST_CONFIDENCE, LEAST_CONFIDENCE
from service.http import problems
from service.openapi import batch as batch_document
from service.openapi import screen as screen_document
from service.routes import model as about
from service.routes import sales as sold
from service.routes import v2
from service.valuation import includes as reasons
from service.valuation.subject_schema import DateField, FactField, SubjectSchema

_TYPES = {
    "integer": ["integer"],
    "boolean": ["boolean", "integer"],
    "date": ["string"],
    "category": ["string", "integer"],
    "postal_code": ["string", "integer"],
}
"""Kind of a feature → the JSON types it takes; every other kind takes a number."""


def openapi_document(schema: SubjectSchema, version: str, example: Mapping[str, Any]) -> dict[str, Any]:
    """Describe every route, with the facts of the market that is served.

    Parameters
    ----------
    schema
        What a subject may hold.
    version
        The model's version. It is the document's too: the facts come with the model.
    example
        `request`, a subject, and `answer`, its valuation by the served model.
    """
    plugin = MarshmallowPlugin()
    spec = APISpec("House-price estimator", version, "3.1.0", plugins=[plugin])
    assert plugin.converter is not None  # noqa: S101  # set by APISpec, which has just been given the plugin
    plugin.converter.add_attribute_function(_describe_field)  # type: ignore[no-untyped-call]
    spec.components.schema("Subject", schema=schema)
    for name, component in {
        **_COMPONENTS,
        **about.SCHEMAS,
        **reasons.SCHEMAS,
        **batch_document.SCHEMAS,
        **screen_document.SCHEMAS,
        "Sales": sold.SCHEMA,
        **v2.SCHEMAS,
    }.items():
        spec.components.schema(name, component)
    # Either will do, or none: whether a key is asked for is the server's settings' to say.
    spec.components.security_scheme("bearer", {"type": "http", "scheme": "bearer"})
    spec.components.security_scheme("key", {"type": "apiKey", "in": "header", "name": "X-API-Key"})
    spec.options["security"] = [{}, {"bearer": []}, {"key": []}]
    spec.path("/predict", operations={"post": _predict(example)})
    spec.path(batch_document.PATH, operations={"post": _batch(example)})
    spec.path(screen_document.PATH, operations={"post": _screen(schema.market, example)})
    for path, operations in v2.describe(schema.market, version).items():
        spec.path(path, operations=operations)
    for path, (summary, media_type) in _READ_ONLY.items():
        content = {"schema": {"$ref": f"#/components/schemas/{_SCHEMAS[path]}"}} if path in _SCHEMAS else {}
        answers = {"200": {"description": summary, "content": {media_type: content}}}
        errors = (503,) if path in {"/model", "/sales", "/report", "/readyz", "/openapi.json"} else ()
        spec.path(path, operations={"get": {"summary": summary, "responses": answers | _problem_answers(errors)}})
    document: dict[str, Any] = spec.to_dict()
    return document


def _predict(example: Mapping[str, Any]) -> dict[str, Any]:
    """Describe `POST /predict`."""
    subject, valuation = {"$ref": "#/components/schemas/Subject"}, {"$ref": "#/components/schemas/Valuation"}
    listed = {"anyOf": [subject, {"description": "What is no good home gets an error in its place."}]}
    row = {"anyOf": [valuation, {"$ref": "#/components/schemas/RefusedRow"}]}
    return {
        "summary": "Value one home, or a list of homes",
        "description": "A list is answered in its order, with an error in the place of each home that cannot be"
        " valued. A fact left out, or null, is looked up or unknown: the answer says which.",
        "parameters": [reasons.describe_include(), _CONFIDENCE],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"anyOf": [subject, {"type": "array", "items": listed}]},
                    "example": example["request"],
                }
            },
        },
        "responses": {
            "200": {
                "description": "The valuation, or the list of valuations",
                "content": {
                    "application/json": {
                        "schema": {"anyOf": [valuation, {"type": "array", "items": row}]},
                        "example": example["answer"],
                    }
                },
            }
        }
        | _problem_answers(kind.status for kind in problems.KINDS),
    }


def _batch(example: Mapping[str, Any]) -> dict[str, Any]:
    """Describe `POST /predict/batch`."""
    described = batch_document.describe_batch(example)
    answers = described["responses"] | _problem_answers(kind.status for kind in problems.KINDS)
    return described | {"parameters": [_CONFIDENCE], "responses": answers}


def _screen(market: Market, example: Mapping[str, Any]) -> dict[str, Any]:
    """Describe `POST /screen`."""
    described = screen_document.describe_screen(market, example)
    answers = described["responses"] | _problem_answers(kind.status for kind in problems.KINDS)
    parameters = [reasons.describe_include(), _CONFIDENCE, *described["parameters"]]
    return described | {"parameters": parameters, "responses": answers}


_CONFIDENCE = {
    "name": "confidence",
    "in": "query",
    "required": False,
    "description": "Share of prices that the ranges are to hold.",
    "schema": {
        "type": "number",
        "minimum": LEAST_CONFIDENCE,
        "maximum": GREATEST_CONFIDENCE,
        "default": CONFIDENCE,
    },
}


def _problem_answers(statuses: Iterable[int]) -> dict[str, Any]:
    """Describe the answers of some statuses: the kinds of problem that have them."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        str(status): {
            "description": " ".join(kind.meaning for kind in problems.KINDS if kind.status == status),
            "content": {problems.MEDIA_TYPE: {"schema": schema}},
        }
        for status in sorted(set(statuses))
    }


def _describe_field(_converter: Any, field: fields.Field[Any], **_: Any) -> dict[str, Any]:
    """Return the JSON schema of one field of a subject."""
    if isinstance(field, FactField):
        return _describe_fact(field.feature)
    if isinstance(field, DateField):
        text = "The day of valuation; the newest sale's if left out."
        return {"type": ["string", "null"], "format": "date", "description": text}
    return {}


def _describe_fact(feature: Feature) -> dict[str, Any]:
    text = [feature.description] if feature.description else []
    if feature.unit:
        text.append(f"In {feature.unit}.")
    if len(feature.names) > 1:
        text.append(f"Also accepted as {', '.join(feature.names[1:])}.")
    types = _TYPES.get(feature.kind, ["number"])
    described: dict[str, Any] = {
        "description": " ".join(text),
        "type": types if feature.required else [*types, "null"],
    }
    if feature.is_label:
        described |= {"minLength": 1, "maxLength": MAX_LABEL_LENGTH}
    if feature.kind == "date":
        described["format"] = "date"
    bounds = (0, 1) if feature.kind == "boolean" else (feature.minimum, feature.maximum)
    described |= {
        key: bound for key, bound in zip(("minimum", "maximum"), bounds, strict=True) if bound is not None
    }
    return described


def _array_of_text(description: str) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "string"}, "description": description}


_VALUATION: dict[str, Any] = {
    "type": "object",
    "properties": {
        "price": {"type": "number", "description": "What the home is worth."},
        "price_low": {"type": "number", "description": "Lower end of the range."},
        "price_high": {"type": "number", "description": "Upper end of the range."},
        "confidence": {"type": "number", "description": "Share of prices that lie inside such ranges."},
        "fsd": {
            "type": "number",
            "description": "Forecast standard deviation: that of (price − sale price)/sale price.",
        },
        "currency": {"type": "string", "description": "ISO 4217."},
        "valuation_date": {
            "type": ["string", "null"],
            "format": "date",
            "description": "The day of valuation; null in a market without dates.",
        },
        "looked_up": _array_of_text("Facts that were left out and looked up."),
        "unknown": _array_of_text("Facts that were left out and are not known; they widen the range."),
        "warnings": _array_of_text("What the reader of this valuation should know."),
        "model_version": {"type": "string", "description": "The version that valued the home."},
    },
}
_VALUATION["required"] = list(_VALUATION["properties"])
_VALUATION["properties"] |= {name: reason.schema for name, reason in reasons.REASONS.items()}

_PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457. The type is a path of this server that says what the problem means.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {
                    "row": {"type": "integer", "description": "Place in the list, from 0."},
                    "field": {"type": "string"},
                    "message": {"type": "string"},
                },
            },
        },
        "errors_left_out": {"type": "integer", "description": "How many more errors there are."},
    },
}

_REFUSED_ROW: dict[str, Any] = {
    "type": "object",
    "description": "Stands in a list for a home that cannot be valued.",
    "required": ["error"],
    "properties": {"error": {"$ref": "#/components/schemas/Problem"}},
}

_COMPONENTS = {"Valuation": _VALUATION, "Problem": _PROBLEM, "RefusedRow": _REFUSED_ROW}

_SCHEMAS = {"/model": "Model", "/sales": "Sales"}
"""Path → the component that its answer is."""

_READ_ONLY = {
    "/model": (
        "What is served: version, facts with units and bounds, error figures, ratio study, an example",
        "application/json",
    ),
    "/report": (
        "The training report of the served version, for people; 404 where it was saved without",
        "text/html",
    ),
    "/sales": (
        "The sold homes of known place, column by column: place, price, size, day of sale",
        "application/json",
    ),
    "/livez": ("Whether the server runs", "text/plain"),
    "/readyz": ("Whether it can value homes", "text/plain"),
    "/metrics": ("Figures of all workers together, for Prometheus", "text/plain"),
    "/openapi.json": ("This document", "application/json"),
    "/docs": ("This document, to be read and tried out", "text/html"),
}
