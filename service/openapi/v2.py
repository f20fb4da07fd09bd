"""The routes of the Open Inference Protocol under `/v2`, as the OpenAPI document describes them."""

from collections.abc import Mapping
from typing import Any

from estimator.market.market import Market
from service.openapi.json_schema import array_schema, json_content, object_schema, ref

PREFIX = "/v2"
DATATYPES = frozenset(
    {
        "BOOL",
        "BYTES",
        "FP16",
        "FP32",
        "FP64",
        *(f"{sign}INT{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)),
    }
)
"""All datatypes of the protocol."""

_NUMBERS = frozenset({"FP32", "FP64", "INT32", "INT64"})
ACCEPTED_DATATYPES: Mapping[str, frozenset[str]] = {
    "FP64": _NUMBERS,
    "INT64": _NUMBERS,
    "BOOL": _NUMBERS | {"BOOL"},
    "BYTES": frozenset({"BYTES"}),
}
"""Datatype of an input in the metadata → the datatypes in which it may be sent. Clients often send all numbers as
one type. Smaller types cannot hold the values of all facts."""

_TENSOR_TYPE = {"name": {"type": "string"}, "datatype": {"enum": sorted(DATATYPES)}}
_SHAPE = array_schema({"type": "integer"})
_TENSOR_METADATA = array_schema(object_schema(_TENSOR_TYPE | {"shape": _SHAPE}))
_TENSOR = object_schema(_TENSOR_TYPE | {"shape": _SHAPE, "data": array_schema({})})
SCHEMAS: Mapping[str, dict[str, Any]] = {
    "V2Server": object_schema(
        {
            "name": {"type": "string"},
            "version": {"type": "string"},
            "extensions": array_schema({"type": "string"}),
        }
    ),
    "V2Live": object_schema({"live": {"type": "boolean"}}),
    "V2Ready": object_schema({"ready": {"type": "boolean"}}),
    "V2ModelReady": object_schema({"name": {"type": "string"}, "ready": {"type": "boolean"}}),
    "V2Model": object_schema(
        {
            "name": {"type": "string"},
            "versions": array_schema({"type": "string"}),
            "platform": {"type": "string"},
            "inputs": _TENSOR_METADATA,
            "outputs": _TENSOR_METADATA,
        }
    ),
    "V2Request": {
        "type": "object",
        "required": ["inputs"],
        "properties": {
            "id": {"type": "string"},
            "parameters": {
                "type": "object",
                "properties": {"confidence": {"type": "number"}},
                "additionalProperties": False,
            },
            "inputs": array_schema(_TENSOR, minItems=1),
            "outputs": array_schema(object_schema({"name": {"type": "string"}})),
        },
    },
    "V2Inference": {
        "type": "object",
        "required": ["model_name", "model_version", "outputs"],
        "properties": {
            "id": {"type": "string"},
            "model_name": {"type": "string"},
            "model_version": {"type": "string"},
            "outputs": array_schema(_TENSOR),
        },
    },
    "V2Error": object_schema({"error": {"type": "string"}}),
}
"""Name of a component → its schema."""


def describe_v2(market: Market, version: str) -> dict[str, dict[str, Any]]:
    """Return path → operations."""
    with_name = [("name", market.name)]
    with_version = [*with_name, ("version", version)]
    paths: dict[str, dict[str, Any]] = {
        PREFIX: {"get": _operation("Name and version of this server", "V2Server", [])},
        f"{PREFIX}/health/live": {"get": _operation("Liveness: whether the server runs", "V2Live", [])},
        f"{PREFIX}/health/ready": {"get": _operation("Readiness: whether it can value homes", "V2Ready", [])},
    }
    for path, parameters in (("/models/{name}", with_name), ("/models/{name}/versions/{version}", with_version)):
        ready = _operation("Whether the model is ready", "V2ModelReady", parameters)
        infer = _operation("Value homes; each fact is one tensor", "V2Inference", parameters)
        infer["requestBody"] = {"required": True, "content": json_content(ref("V2Request"))}
        paths[PREFIX + path] = {"get": _operation("Inputs and outputs of the model", "V2Model", parameters)}
        paths[f"{PREFIX}{path}/ready"] = {"get": ready}
        paths[f"{PREFIX}{path}/infer"] = {"post": infer}
    return paths


def _operation(summary: str, schema: str, parameters: list[tuple[str, str]]) -> dict[str, Any]:
    """Describe an operation; `parameters`: name and example of each parameter in the path."""
    return {
        "summary": f"Open Inference Protocol: {summary[0].lower()}{summary[1:]}",
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}, "example": example}
            for name, example in parameters
        ],
        "responses": {
            "200": {"description": summary, "content": json_content(ref(schema))},
            "default": {"description": "The error message", "content": json_content(ref("V2Error"))},
        },
    }
