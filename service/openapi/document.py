"""The OpenAPI 3.1 document of the HTTP interface, built for the served model."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin

from service.openapi import (
    batch,
    comparables,
    includes,
    index,
    jobs,
    model,
    predict,
    problem,
    report,
    sales,
    screen,
    search,
    v2,
)
from service.openapi.json_schema import ref
from service.openapi.subject import describe_field
from service.openapi.tasks import add_tasks
from service.valuation.choice import PATH as COMPARABLES
from service.valuation.subject_schema import SubjectSchema

_COMPONENTS: Mapping[str, dict[str, Any]] = {
    **predict.SCHEMAS,
    **problem.SCHEMAS,
    **model.SCHEMAS,
    **includes.SCHEMAS,
    **comparables.SCHEMAS,
    **batch.SCHEMAS,
    **screen.SCHEMAS,
    **sales.SCHEMAS,
    **search.SCHEMAS,
    **index.SCHEMAS,
    **jobs.SCHEMAS,
    **v2.SCHEMAS,
}


@dataclass(frozen=True, slots=True)
class _GetRoute:
    """A GET route without parameters: its summary, the media type and component of its answer."""

    summary: str
    media_type: str
    schema: str | None = None
    needs_model: bool = False
    """Whether it answers 503 while no model is loaded."""


_GET_ROUTES: Mapping[str, _GetRoute] = {
    "/model": _GetRoute(
        "The served version: facts with units and bounds, error figures, ratio study, an example request",
        "application/json",
        schema="Model",
        needs_model=True,
    ),
    "/report": _GetRoute(
        "The training report of the served version; 404 if the version was saved without one",
        "text/html",
        needs_model=True,
    ),
    "/report/versions": _GetRoute(
        "A page with the saved versions, to compare their reports with that of the served version",
        "text/html",
        needs_model=True,
    ),
    "/sales": _GetRoute(
        "The sold homes with known coordinates, by column: location, price, size, sale date",
        "application/json",
        schema="Sales",
        needs_model=True,
    ),
    "/index": _GetRoute(
        "The price index: how prices have moved by month, by area and by segment, with a forecast",
        "application/json",
        schema="Index",
        needs_model=True,
    ),
    "/livez": _GetRoute("Liveness: whether the server runs", "text/plain"),
    "/readyz": _GetRoute("Readiness: whether the server can value homes", "text/plain", needs_model=True),
    "/metrics": _GetRoute("Metrics of all workers together, for Prometheus", "text/plain"),
    "/openapi.json": _GetRoute("This document", "application/json", needs_model=True),
    "/docs": _GetRoute("A page to read this document and try the routes", "text/html"),
}
"""Path → its description. A route with parameters or a body has a `describe_…` function in its own module."""


def openapi_document(schema: SubjectSchema, version: str, example: Mapping[str, Any]) -> dict[str, Any]:
    """Describe every route, with the facts of the served market.

    Parameters
    ----------
    schema
        Schema of a subject.
    version
        Version of the model. It is the document's version too, because the facts come with the model.
    example
        `request`, a subject, and `answer`, its valuation by the served model.
    """
    plugin = MarshmallowPlugin()
    spec = APISpec("House-price estimator", version, "3.1.0", plugins=[plugin])
    assert plugin.converter is not None  # noqa: S101  # APISpec has just set it
    plugin.converter.add_attribute_function(describe_field)  # type: ignore[no-untyped-call]
    spec.components.schema("Subject", schema=schema)
    for name, component in _COMPONENTS.items():
        spec.components.schema(name, component)
    # Both schemes and no key at all are listed: the server's settings decide whether a key is required.
    spec.components.security_scheme("bearer", {"type": "http", "scheme": "bearer"})
    spec.components.security_scheme("key", {"type": "apiKey", "in": "header", "name": "X-API-Key"})
    spec.options["security"] = [{}, {"bearer": []}, {"key": []}]
    spec.path(predict.PATH, operations={"post": predict.describe_predict(example)})
    spec.path(COMPARABLES, operations={"post": comparables.describe_comparables(example)})
    spec.path(search.PATH, operations={"get": search.describe_search()})
    spec.path(batch.PATH, operations={"post": batch.describe_batch(example)})
    spec.path(screen.PATH, operations={"post": screen.describe_screen(schema.market, example)})
    for path, operations in (jobs.describe_jobs() | v2.describe_v2(schema.market, version)).items():
        spec.path(path, operations=operations)
    spec.path(report.PATH, operations={"get": report.describe_comparison()})
    for path, route in _GET_ROUTES.items():
        spec.path(path, operations={"get": _describe_get(route)})
    document: dict[str, Any] = spec.to_dict()
    add_tasks(document)
    return document


def _describe_get(route: _GetRoute) -> dict[str, Any]:
    """Return the operation of a route in `_GET_ROUTES`."""
    content = {} if route.schema is None else {"schema": ref(route.schema)}
    responses = {"200": {"description": route.summary, "content": {route.media_type: content}}}
    errors = problem.problem_responses([503] if route.needs_model else [])
    return {"summary": route.summary, "responses": responses | errors}
