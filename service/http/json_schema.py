"""Pieces of JSON schemas, for the rooms that describe their answers. Knows no answer."""

from collections.abc import Mapping
from typing import Any


def an_object(properties: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Describe an object that always has all its properties."""
    return {"type": "object", "required": list(properties), "properties": dict(properties), **more}


def an_array(items: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Describe an array whose items are all alike."""
    return {"type": "array", "items": items, **more}


def ref(name: str) -> dict[str, str]:
    """Refer to a component of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def or_null(schema: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Describe what may be null instead."""
    return {"anyOf": [schema, {"type": "null"}], **more}
