"""Building blocks of JSON schemas."""

from collections.abc import Mapping
from typing import Any


def object_schema(properties: Mapping[str, Any], **keywords: Any) -> dict[str, Any]:
    """Return the schema of an object in which all properties are required."""
    return {"type": "object", "required": list(properties), "properties": dict(properties), **keywords}


def array_schema(items: Mapping[str, Any], **keywords: Any) -> dict[str, Any]:
    """Return the schema of an array whose items share a schema."""
    return {"type": "array", "items": items, **keywords}


def ref(name: str) -> dict[str, str]:
    """Return a reference to a component of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def nullable(schema: Mapping[str, Any], **keywords: Any) -> dict[str, Any]:
    """Return a schema that also accepts null."""
    return {"anyOf": [schema, {"type": "null"}], **keywords}


def json_content(schema: Mapping[str, Any], **keywords: Any) -> dict[str, Any]:
    """Return the `content` of a JSON body or answer."""
    return {"application/json": {"schema": schema, **keywords}}
