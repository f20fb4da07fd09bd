"""`GET /index`: the price index by month, by area and by segment."""

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from openapi_schema_validator import OAS31Validator

from estimator.training import train_market
from service.settings import Settings
from tests.service.ready import ready_client
from tests.town import make_town


def test_the_months_run_from_the_oldest_sale_to_the_last_valuation_date(client: FlaskClient) -> None:
    model, index = (client.get(path).get_json() for path in ("/model", "/index"))
    assert index["model_version"] == model["model_version"]
    assert index["newest_month"] == model["sale_dates"][1][:7] == model["price_index"]["newest_month"]
    assert (index["month"][0], index["month"][-1]) == (
        model["sale_dates"][0][:7],
        model["last_valuation_date"][:7],
    )
    months = np.array(index["month"], "datetime64[M]")
    assert (np.diff(months) == np.timedelta64(1, "M")).all()
    assert index["is_forecast"] == [month > index["newest_month"] for month in index["month"]]
    assert index["index"][index["month"].index(index["newest_month"])] == 1
    assert {len(index[name]) for name in ("month", "index", "low", "high", "is_forecast")} == {index["count"]}


def test_a_homes_price_follows_the_index(client: FlaskClient) -> None:
    """The middle of a month with 31 days is the 16th; without groupings, all homes follow the market."""
    index = client.get("/index").get_json()
    assert index["groupings"] == [], "homes would also follow their areas and segments"
    home = {"latitude": 47.6, "longitude": -122.3, "square_footage": 1800}
    days = [f"{month}-16" for month in index["month"] if month[5:] in {"01", "03", "05", "07", "08", "10", "12"}]
    days = [day for day in days if day > client.get("/model").get_json()["sale_dates"][0]]
    answers = client.post("/predict", json=[home | {"valuation_date": day} for day in days]).get_json()
    price = {answer["valuation_date"][:7]: answer["price"] for answer in answers}
    factor = dict(zip(index["month"], index["index"], strict=True))
    first = next(iter(price))
    expected = [price[first] * factor[month] / factor[first] for month in price]
    # A value as of another day also differs a little by the age of the house and by the comparables.
    assert list(price.values()) == pytest.approx(expected, rel=0.03)
    assert len(price) > 10


def test_the_band_widens_with_the_forecast(client: FlaskClient) -> None:
    index = client.get("/index").get_json()
    low, middle, high = (np.array(index[name]) for name in ("low", "index", "high"))
    assert ((low < middle) & (middle < high)).all()
    ahead = np.array(index["is_forecast"])
    assert (np.diff((high / low)[ahead]) > 0).all()


def test_model_summarises_the_index(client: FlaskClient) -> None:
    index, summary = client.get("/index").get_json(), client.get("/model").get_json()["price_index"]
    newest = index["month"].index(index["newest_month"])
    for name, start, end in (
        ("change_3_months", newest - 3, newest),
        ("change_12_months", newest - 12, newest),
        ("forecast_next_month", newest, newest + 1),
    ):
        expected = index["index"][end] / index["index"][start] - 1 if start >= 0 else None
        assert summary[name] == pytest.approx(expected, abs=2e-5), name


def test_gzip_and_the_etag_save_traffic(client: FlaskClient) -> None:
    plain = client.get("/index")
    zipped = client.get("/index", headers={"Accept-Encoding": "gzip"})
    assert gzip.decompress(zipped.data) == plain.data
    again = client.get("/index", headers={"If-None-Match": plain.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_the_index_matches_the_document(client: FlaskClient) -> None:
    answer = client.get("/index").get_json()
    described(client).validate(answer)
    schemas = client.get("/openapi.json").get_json()["components"]["schemas"]
    assert list(answer) == list(schemas["Index"]["properties"]), "the document lacks a key"
    assert not described(client).is_valid(answer | {"month": ["May"]})


@pytest.mark.training
def test_a_market_without_dates_has_no_index_and_says_why(tmp_path: Path) -> None:
    make_town(tmp_path)
    town = ready_client(Settings(model=train_market(tmp_path, None, tmp_path, split=None, seed=0).folder))
    answer = town.get("/index").get_json()
    described(town).validate(answer)
    assert (answer["count"], answer["month"], answer["index"], answer["groupings"]) == (0, [], [], [])
    assert "no dates" in answer["detail"]
    model = town.get("/model").get_json()
    assert (model["price_index"], model["last_valuation_date"], answer["newest_month"]) == (None, None, None)


def described(client: FlaskClient) -> Any:
    document = client.get("/openapi.json").get_json()
    schema = document["paths"]["/index"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    return OAS31Validator(schema | {"components": document["components"]})


def test_a_home_can_be_valued_up_to_the_last_valuation_date_with_reasons(client: FlaskClient) -> None:
    model = client.get("/model").get_json()
    newest, last = model["sale_dates"][1], model["last_valuation_date"]
    home = {"latitude": 47.6, "longitude": -122.3, "square_footage": 1800}
    include = "/predict?include=comparables,contributions,what_if:square_footage"
    today, ahead, beyond = client.post(
        include, json=[home | {"valuation_date": day} for day in (newest, last, "2100-01-01")]
    ).get_json()
    assert "so the price is a forecast" in ahead["warnings"][0]
    assert ahead["price_high"] / ahead["price_low"] > today["price_high"] / today["price_low"]
    parts = ahead["contributions"]["parts"]
    total = ahead["contributions"]["reference_price"] + sum(parts.values())
    assert total == pytest.approx(ahead["price"], abs=0.01)
    assert parts["valuation_date"] == pytest.approx(ahead["price"] - today["price"], rel=0.5)
    own = [point for point in ahead["what_if"]["square_footage"] if point["value"] == 1800]
    assert [point["price"] for point in own] == [ahead["price"]]
    assert (beyond["price"], beyond["valuation_date"]) == (ahead["price"], last)
