"""`GET /openapi.json`: a valid document that matches routes, requests and answers."""

import json

from flask.testing import FlaskClient
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from estimator.uncertainty.conformal import MAX_CONFIDENCE, MIN_CONFIDENCE
from service.openapi.tasks import TASKS
from service.valuation.includes import INCLUDES
from tests.service.homes import HOME


def test_the_document_is_valid_openapi(client: FlaskClient) -> None:
    document = client.get("/openapi.json").get_json()
    assert document["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(document).validate()


def test_the_document_has_every_route(client: FlaskClient) -> None:
    document = client.get("/openapi.json").get_json()
    served = {str(rule).replace("<", "{").replace(">", "}") for rule in client.application.url_map.iter_rules()}
    of_no_program = {"/", "/home/{name}", "/docs/{name}", "/problems/{name}"}
    assert set(document["paths"]) == served - of_no_program


def test_every_route_belongs_to_a_task(client: FlaskClient) -> None:
    document = client.get("/openapi.json").get_json()
    tasks = [tag["name"] for tag in document["tags"]]
    used = [operation["tags"] for operations in document["paths"].values() for operation in operations.values()]
    assert {task for operation in used for task in operation} == set(tasks) == set(TASKS)
    assert all(len(operation) == 1 for operation in used)
    assert "/predict" in document["info"]["description"]


def test_answers_match_the_document(client: FlaskClient) -> None:
    document = client.get("/openapi.json").get_json()
    schemas = {"components": document["components"]}
    answered = OAS31Validator(
        document["paths"]["/predict"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
        | schemas
    )
    answered.validate(client.post("/predict", json=HOME).get_json())
    answered.validate(client.post("/predict", json=[HOME, {}]).get_json())
    everything = ",".join(
        (f"{name}:grade,{name}:waterfront,{name}:postal_code" if include.takes_fact else name)
        for name, include in INCLUDES.items()
    )
    path = f"/predict?include={everything}&price_above=500000"
    answered.validate(client.post(path, json=[HOME, {}]).get_json())
    valuation = client.post(path, json=HOME).get_json()
    answered.validate(valuation)
    described = document["components"]["schemas"]
    sales = valuation["comparables"]
    for answer_part, name in (
        (valuation, "Valuation"),
        (sales, "ComparableSales"),
        (sales["used"][0], "UsedSale"),
        (valuation["what_if"]["grade"][0], "WhatIfPoint"),
    ):
        assert list(answer_part) == list(described[name]["properties"]), "the document lacks a key"
    sales["used"][0]["adjustments"]["grade"] = "dear"
    assert not answered.is_valid(valuation)
    refused = OAS31Validator(document["components"]["schemas"]["Problem"] | schemas)
    refused.validate(json.loads(client.post("/predict", json={}).data))


def test_the_document_lists_all_includes(client: FlaskClient) -> None:
    parameter, other, _ = client.get("/openapi.json").get_json()["paths"]["/predict"]["post"]["parameters"]
    assert (parameter["name"], other["name"]) == ("include", "confidence")
    assert (other["schema"]["minimum"], other["schema"]["maximum"]) == (MIN_CONFIDENCE, MAX_CONFIDENCE)
    for name, include in INCLUDES.items():
        form = f"`{name}:<fact>`" if include.takes_fact else f"`{name}`"
        assert f"{form}: {include.description}" in parameter["description"]


def test_the_document_accepts_valid_and_rejects_invalid_facts(client: FlaskClient) -> None:
    document = client.get("/openapi.json").get_json()
    subject = OAS31Validator(document["components"]["schemas"]["Subject"])
    assert subject.is_valid(HOME | {"grade": None, "waterfront": True, "postal_code": 98103})
    for bad in (
        {"grade": 99},
        {"grade": 7.5},
        {"latitude": None},
        {"postal_code": ""},
        {"size": 1},
        {"waterfront": 2},
    ):
        assert not subject.is_valid(HOME | bad)
