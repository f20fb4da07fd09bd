"""Liveness, readiness, what is served, and the document of the interface."""

import json
import shutil
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from estimator.registry import load_version
from estimator.uncertainty.conformal import MAX_CONFIDENCE, MIN_CONFIDENCE
from service.app import create_app
from service.settings import Settings
from service.valuation.includes import INCLUDES
from tests.service.homes import HOME
from tests.service.ready import ready_client


def test_a_server_with_its_model_is_alive_and_ready(client: FlaskClient) -> None:
    assert client.get("/livez").status_code == 200
    assert client.get("/readyz").status_code == 200


def test_a_server_without_a_model_is_alive_but_not_ready(tmp_path: Path) -> None:
    client = create_app(Settings(model=tmp_path / "nothing")).test_client()
    assert client.get("/livez").status_code == 200
    for answer in (
        client.get("/readyz"),
        client.get("/model"),
        client.get("/openapi.json"),
        client.post("/predict", json=HOME),
    ):
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "1"
        assert answer.get_json(force=True)["type"] == "/problems/not-ready"


def test_the_model_says_what_it_is_and_what_it_takes(client: FlaskClient, models: Path) -> None:
    saved = load_version(models / "king_county")
    model = client.get("/model").get_json()
    assert model["model_version"] == saved.name
    assert (model["market"], model["currency"]) == ("king_county", "USD")
    assert model["error_figures"] == saved.manifest["error_figures"]
    assert model["ratio_study"] == saved.manifest["ratio_study"]
    assert model["ratio_study"]["all_facts"]["overall"]["median_ratio"] == pytest.approx(1, abs=0.2)
    features = {feature["name"]: feature for feature in model["features"]}
    assert list(features) == [feature.name for feature in saved.appraiser.market.features]
    assert features["square_footage"] == {
        "name": "square_footage",
        "aliases": ["sqft_living", "LivingArea", "sqft"],
        "kind": "number",
        "unit": "ft²",
        "required": True,
        "minimum": 100,
        "maximum": 20000,
        "price_effect": "increasing",
        "description": "Finished living area.",
        "widget": "number",
        "whole": False,
    }
    assert (model["coordinates"], model["size"]) == (["latitude", "longitude"], "square_footage")


def test_the_models_example_gets_the_answer_it_promises(client: FlaskClient) -> None:
    example = client.get("/model").get_json()["example"]
    assert client.post("/predict", json=example["request"]).get_json() == example["answer"]


def test_the_document_is_valid_openapi(client: FlaskClient) -> None:
    document = client.get("/openapi.json").get_json()
    assert document["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(document).validate()


def test_the_document_names_every_route(client: FlaskClient) -> None:
    document = client.get("/openapi.json").get_json()
    served = {str(rule).replace("<", "{").replace(">", "}") for rule in client.application.url_map.iter_rules()}
    of_no_program = {"/", "/home/{name}", "/docs/{name}", "/problems/{name}"}
    assert set(document["paths"]) == served - of_no_program


def test_answers_are_what_the_document_says(client: FlaskClient) -> None:
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
    path = f"/predict?include={everything}"
    answered.validate(client.post(path, json=[HOME, {}]).get_json())
    valuation = client.post(path, json=HOME).get_json()
    answered.validate(valuation)
    described = document["components"]["schemas"]
    sales = valuation["comparables"]
    for told, name in (
        (valuation, "Valuation"),
        (sales, "ComparableSales"),
        (sales["used"][0], "UsedSale"),
        (valuation["what_if"]["grade"][0], "WhatIfPoint"),
    ):
        assert list(told) == list(described[name]["properties"]), "no key goes undescribed"
    sales["used"][0]["adjustments"]["grade"] = "dear"
    assert not answered.is_valid(valuation)
    refused = OAS31Validator(document["components"]["schemas"]["Problem"] | schemas)
    refused.validate(json.loads(client.post("/predict", json={}).data))


def test_the_document_says_what_may_be_included(client: FlaskClient) -> None:
    parameter, other = client.get("/openapi.json").get_json()["paths"]["/predict"]["post"]["parameters"]
    assert (parameter["name"], other["name"]) == ("include", "confidence")
    assert (other["schema"]["minimum"], other["schema"]["maximum"]) == (MIN_CONFIDENCE, MAX_CONFIDENCE)
    for name, include in INCLUDES.items():
        form = f"`{name}:<fact>`" if include.takes_fact else f"`{name}`"
        assert f"{form}: {include.description}" in parameter["description"]


def test_the_model_is_what_the_document_says(client: FlaskClient, models: Path) -> None:
    document = client.get("/openapi.json").get_json()
    schema = document["paths"]["/model"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    described = OAS31Validator(schema | {"components": document["components"]})
    model = client.get("/model").get_json()
    described.validate(model)
    schemas = document["components"]["schemas"]
    study = model["ratio_study"]
    for told, name in (
        (model, "Model"),
        (study, "RatioStudies"),
        (study["all_facts"], "RatioStudy"),
        (study["all_facts"]["overall"], "RatioFigures"),
    ):
        assert list(told) == list(schemas[name]["properties"]), "no key goes undescribed"
    model["ratio_study"]["all_facts"]["areas"][0]["cod"] = "low"
    assert not described.is_valid(model)


def test_a_version_older_than_the_ratio_study_is_served_without(
    client: FlaskClient, models: Path, tmp_path: Path
) -> None:
    version = tmp_path / "version"
    shutil.copytree((models / "king_county" / "current").resolve(), version)
    manifest = json.loads((version / "manifest.json").read_text())
    del manifest["ratio_study"]
    (version / "manifest.json").write_text(json.dumps(manifest))
    assert ready_client(Settings(model=version)).get("/model").get_json()["ratio_study"] is None


def test_the_document_tells_good_facts_from_bad(client: FlaskClient) -> None:
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
