"""`GET /sales`: the sold homes by column."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from openapi_schema_validator import OAS31Validator

from estimator.registry import load_version
from estimator.training import train_market
from service.settings import Settings
from tests.service.ready import ready_client
from tests.town import make_town


def test_the_sales_are_those_of_the_model(client: FlaskClient, models: Path) -> None:
    answer = client.get("/sales").get_json()
    sold = load_version(models / "king_county").appraiser.sold
    assert sold is not None
    assert answer["count"] == len(sold) > 500
    assert (answer["size_name"], answer["size_unit"], answer["currency"]) == ("square_footage", "ft²", "USD")
    for name, column in (
        ("latitude", sold.facts["latitude"]),
        ("longitude", sold.facts["longitude"]),
        ("size", sold.facts["square_footage"]),
        ("price", sold.price),
    ):
        np.testing.assert_array_equal(answer[name], column)
    assert answer["date"] == [str(day) for day in sold.date]  # type: ignore[union-attr]
    assert answer["date"] == sorted(answer["date"])
    assert answer["model_version"] == client.get("/model").get_json()["model_version"]


def test_gzip_is_sent_to_clients_that_accept_it(client: FlaskClient) -> None:
    plain = client.get("/sales")
    zipped = client.get("/sales", headers={"Accept-Encoding": "br, gzip"})
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(zipped.data) == plain.data
    assert len(zipped.data) < len(plain.data) / 3
    assert "Content-Encoding" not in plain.headers
    for answer in (plain, zipped):
        assert "Accept-Encoding" in answer.headers["Vary"]
    refused = client.get("/sales", headers={"Accept-Encoding": "gzip;q=0"})
    assert refused.data == plain.data


@pytest.fixture(scope="module", params=[False, True], ids=["without places", "with places, without dates"])
def town(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    folder = tmp_path_factory.mktemp("town")
    make_town(folder, places=request.param)
    return ready_client(Settings(model=train_market(folder, None, folder, split=None, seed=0).folder))


@pytest.mark.training
def test_sales_of_other_markets_match_the_document(town: FlaskClient) -> None:
    answer = town.get("/sales").get_json()
    described(town).validate(answer)
    assert (answer["size_name"], answer["size_unit"], answer["currency"]) == ("size", "m²", "SEK")
    columns = [answer[name] for name in ("latitude", "longitude", "price", "size", "date")]
    assert {len(column) for column in columns} == {answer["count"]}
    placed = any(feature["kind"] == "latitude" for feature in town.get("/model").get_json()["features"])
    assert (answer["count"] > 0) == placed
    assert set(answer["date"]) <= {None}


def test_sales_match_the_document(client: FlaskClient) -> None:
    answer = client.get("/sales").get_json()
    described(client).validate(answer)
    document = client.get("/openapi.json").get_json()
    assert list(answer) == list(document["components"]["schemas"]["Sales"]["properties"]), (
        "the document lacks a key"
    )


def described(client: FlaskClient) -> Any:
    document = json.loads(client.get("/openapi.json").data)
    schema = document["paths"]["/sales"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    return OAS31Validator(schema | {"components": document["components"]})


@pytest.mark.parametrize("path", ["/sales", "/index", "/report", "/"])
def test_if_match_of_other_content_gets_412_without_the_content(client: FlaskClient, path: str) -> None:
    for tag in ('"another"', client.get(path).headers["ETag"]):  # a weak ETag never matches here
        answer = client.get(path, headers={"If-Match": tag})
        assert (answer.status_code, answer.mimetype) == (412, "application/problem+json")
        assert len(answer.data) < 500
    assert client.get(path, headers={"If-Match": "*"}).status_code == 200
