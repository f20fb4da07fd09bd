"""The service with a market unlike King County: no locations, no dates, other kinds of facts."""

import numpy as np
import pandas as pd
import pytest
from flask.testing import FlaskClient
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from estimator.training import train_market
from service.settings import Settings
from tests.service.ready import ready_client

pytestmark = pytest.mark.training

MARKET = """
name = "flats"
currency = "EUR"
sales = "sales.csv"
price = "price"

[[features]]
name = "living.area"
kind = "number"
unit = "m²"
required = true
minimum = 10

[[features]]
name = "quarter"
kind = "category"

[[features]]
name = "lift"
kind = "boolean"

[[features]]
name = "first_let"
kind = "date"
"""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    folder = tmp_path_factory.mktemp("flats")
    rng = np.random.default_rng(0)
    area = rng.uniform(20, 200, 300).round(1)
    sales = {
        "price": (3000 * area * rng.lognormal(0, 0.1, 300)).round(),
        "living.area": area,
        "quarter": rng.choice(["north", "south"], 300),
        "lift": rng.choice(["true", "false"], 300),
        "first_let": rng.choice(["1990-01-01", "2010-06-30"], 300),
    }
    (folder / "market.toml").write_text(MARKET)
    pd.DataFrame(sales).to_csv(folder / "sales.csv", index=False)
    trained = train_market(folder, None, folder, split=None, seed=0)
    return ready_client(Settings(model=trained.folder))


def test_it_values_with_its_own_facts_and_currency(client: FlaskClient) -> None:
    flat = {"living.area": 60, "quarter": "north", "lift": True, "first_let": "1990-01-01"}
    valuation = client.post("/predict", json=flat).get_json()
    assert valuation["price_low"] < valuation["price"] < valuation["price_high"]
    assert valuation["currency"] == "EUR"
    assert valuation["valuation_date"] is None
    assert valuation["unknown"] == []


def test_missing_facts_are_unknown(client: FlaskClient) -> None:
    valuation = client.post("/predict", json={"living.area": 60}).get_json()
    assert valuation["unknown"] == ["quarter", "lift", "first_let"]
    assert valuation["looked_up"] == []


def test_without_dates_a_day_of_valuation_is_an_unknown_field(client: FlaskClient) -> None:
    answer = client.post("/predict", json={"living.area": 60, "valuation_date": "2015-05-27"})
    assert [fault["field"] for fault in answer.get_json(force=True)["errors"]] == ["valuation_date"]


def test_its_openapi_document_is_valid_and_has_its_facts(client: FlaskClient) -> None:
    document = client.get("/openapi.json").get_json()
    OpenAPIV31SpecValidator(document).validate()
    subject = document["components"]["schemas"]["Subject"]
    assert list(subject["properties"]) == ["living.area", "quarter", "lift", "first_let"]
    assert subject["required"] == ["living.area"]


def test_its_example_gets_the_documented_answer(client: FlaskClient) -> None:
    example = client.get("/model").get_json()["example"]
    assert client.post("/predict", json=example["request"]).get_json() == example["answer"]


def test_without_locations_comparables_are_null_as_documented(client: FlaskClient) -> None:
    flats = [{"living.area": 60}, {"living.area": 80, "quarter": "north"}]
    answer = client.post("/predict?include=comparables", json=flats).get_json()
    assert [valuation["comparables"] for valuation in answer] == [None, None]
    document = client.get("/openapi.json").get_json()
    schema = document["paths"]["/predict"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    OAS31Validator(schema | {"components": document["components"]}).validate(answer)


def test_what_if_works_for_facts_of_every_kind(client: FlaskClient) -> None:
    flat = {"living.area": 60, "first_let": "2000-01-01", "quarter": "south"}
    names = ["living.area", "quarter", "lift", "first_let"]
    path = "/predict?include=" + ",".join(f"what_if:{name}" for name in names)
    moved = client.post(path, json=flat).get_json()["what_if"]
    assert list(moved) == names
    assert [point["value"] for point in moved["quarter"]] == ["north", "south"]
    assert [point["value"] for point in moved["lift"]] == [False, True]
    days = [point["value"] for point in moved["first_let"]]
    assert (days[0], days[-1]) == ("1990-01-01", "2010-06-30")
    assert "2000-01-01" in days
    for name, points in moved.items():
        for point in points[::5]:
            alone = client.post("/predict", json=flat | {name: point["value"]}).get_json()
            assert point == {"value": point["value"]} | {
                key: alone[key] for key in ("price", "price_low", "price_high")
            }
