"""`GET /model`: the description of the served version."""

import gzip
import json
import shutil
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from openapi_schema_validator import OAS31Validator

from estimator.registry import load_version
from service.settings import Settings
from tests.service.ready import ready_client


def test_model_describes_version_and_facts(client: FlaskClient, models: Path) -> None:
    saved = load_version(models / "king_county")
    model = client.get("/model").get_json()
    assert model["model_version"] == saved.name
    assert (model["market"], model["currency"]) == ("king_county", "USD")
    assert model["error_figures"] == saved.manifest["error_figures"]
    assert model["ratio_study"] == saved.manifest["ratio_study"]
    assert model["ratio_study"]["all_facts"]["overall"]["median_ratio"] == pytest.approx(1, abs=0.2)
    assert model["standards"] == saved.manifest["standards"]
    assert model["gate"] == saved.manifest["gate"]
    assert model["gate"]["publish_anyway"] is True
    assert (model["gate"]["judged"], model["gate"]["sales"]) == ("month by month", saved.manifest["sales"]["test"])
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
        "changeable": True,
        "looked_up": False,
        "description": "Finished living area.",
        "widget": "number",
        "whole": False,
    }
    fixed = {"latitude", "longitude", "postal_code", "crime_rate", "population", "year_built", "lot_size", "view"}
    fixed |= {"waterfront", "nearby_square_footage", "nearby_lot_size"}
    assert {name for name, feature in features.items() if not feature["changeable"]} == fixed
    looked_up = {name for name, feature in features.items() if feature["looked_up"]}
    assert looked_up == {"postal_code", "crime_rate", "population"}
    assert (model["coordinates"], model["size"]) == (["latitude", "longitude"], "square_footage")


def test_the_description_is_compressed_and_not_sent_again(client: FlaskClient) -> None:
    """It has figures of every area, and the page loads it before it shows anything."""
    plain = client.get("/model")
    packed = client.get("/model", headers={"Accept-Encoding": "gzip"})
    assert gzip.decompress(packed.data) == plain.data
    assert len(packed.data) < len(plain.data) / 4
    again = client.get("/model", headers={"If-None-Match": plain.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_the_example_gets_the_documented_answer(client: FlaskClient) -> None:
    example = client.get("/model").get_json()["example"]
    assert client.post("/predict", json=example["request"]).get_json() == example["answer"]


def test_the_model_answer_matches_the_document(client: FlaskClient, models: Path) -> None:
    document = client.get("/openapi.json").get_json()
    schema = document["paths"]["/model"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    described = OAS31Validator(schema | {"components": document["components"]})
    model = client.get("/model").get_json()
    described.validate(model)
    schemas = document["components"]["schemas"]
    study = model["ratio_study"]
    for answer_part, name in (
        (model, "Model"),
        (model["gate"], "Gate"),
        (model["gate"]["checks"][0], "GateCheck"),
        (study, "RatioStudies"),
        (study["all_facts"], "RatioStudy"),
        (study["all_facts"]["overall"], "RatioFigures"),
        (model["standards"]["all_facts"][0], "Standard"),
    ):
        assert list(answer_part) == list(schemas[name]["properties"]), "the document lacks a key"
    model["ratio_study"]["all_facts"]["areas"][0]["cod"] = "low"
    assert not described.is_valid(model)


def test_a_version_without_a_ratio_study_is_served(client: FlaskClient, models: Path, tmp_path: Path) -> None:
    version = tmp_path / "version"
    shutil.copytree((models / "king_county" / "current").resolve(), version)
    manifest = json.loads((version / "manifest.json").read_text())
    del manifest["ratio_study"]
    (version / "manifest.json").write_text(json.dumps(manifest))
    assert ready_client(Settings(model=version)).get("/model").get_json()["ratio_study"] is None
