"""The routes by what people want to do, and the introduction, as the OpenAPI document and `/docs` show them."""

from collections.abc import Mapping
from typing import Any

INTRODUCTION = """\
Send what you know of a home, get what it is worth, with a range and the reasons.

1. `GET /model` names the facts that this market knows, with their units and bounds, and has an example.
2. `POST /predict` values a home, or a list of homes. Location and size are usually enough; what you leave out is
   looked up, or makes the range wider. `?include=comparables,contributions` adds the reasons.
3. Tables go to `POST /predict/batch`, listings to `POST /screen`, very large tables to `POST /jobs`.

Errors are problems (RFC 9457): `errors` names each wrong field, and `type` is a path on this server that explains
the problem. A server may need an API key, sent as `X-API-Key` or as `Authorization: Bearer …`.
The [web page](./) uses these routes and nothing else."""

TASKS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "Value homes": ("One home, a list, a table.", ("/predict", "/predict/batch", "/jobs")),
    "Look around": (
        "Places, sold homes, and how prices have moved.",
        ("/search", "/comparables", "/sales", "/index"),
    ),
    "Find deals": ("Listings whose value is above their price and costs.", ("/screen",)),
    "Know the model": ("What is served, and how accurate it is.", ("/model", "/report")),
    "Open Inference Protocol": ("For inference servers and their clients: version 2, with tensors.", ("/v2",)),
    "Operate": ("Health, metrics, documentation.", ("/livez", "/readyz", "/metrics", "/openapi.json", "/docs")),
}
"""Task → its description, and its routes: each with all paths below it, unless a longer one is named."""


def add_tasks(document: dict[str, Any]) -> None:
    """Add the introduction to a document, and to each operation the task that it belongs to.

    Raises
    ------
    StopIteration
        A route belongs to no task.
    """
    document["info"]["description"] = INTRODUCTION
    document["tags"] = [{"name": name, "description": text} for name, (text, _) in TASKS.items()]
    for path, operations in document["paths"].items():
        task = next(
            name
            for name, (_, routes) in TASKS.items()
            if any(path == route or path.startswith(f"{route}/") for route in routes)
        )
        for operation in operations.values():
            operation["tags"] = [task]
