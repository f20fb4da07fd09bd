"""`POST /comparables`: sold homes of the user's choice, and what they suggest."""

import json
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from openapi_schema_validator import OAS31Validator

from tests.service.homes import HOME


def choose(client: FlaskClient, query: str = "", status: int = 200) -> Any:
    answer = client.post(f"/comparables?{query}", json=HOME)
    assert answer.status_code == status, answer.text
    return json.loads(answer.data)


def test_without_limits_the_models_own_comparables_are_chosen(client: FlaskClient) -> None:
    chosen = choose(client)
    used = client.post("/predict?include=comparables", json=HOME).get_json()["comparables"]["used"]
    assert chosen["sales"][: len(used)] == used
    assert chosen["weight_share"] == pytest.approx(1, abs=1e-5)
    assert sum(sale["weight"] for sale in chosen["sales"]) == pytest.approx(1, abs=1e-4)
    weights = np.array([sale["weight"] for sale in chosen["sales"]])
    logs = np.log([sale["adjusted_price"] for sale in chosen["sales"]])
    assert chosen["price"] == pytest.approx(np.exp((weights * logs).sum() / weights.sum()), rel=1e-4)
    document = client.get("/openapi.json").get_json()
    schema = document["paths"]["/comparables"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    OAS31Validator(schema | {"components": document["components"]}).validate(chosen)


def test_limits_pins_and_drops_are_kept(client: FlaskClient) -> None:
    sold = client.get("/sales").get_json()
    chosen = choose(client, "radius_km=3&months=6&size_percent=25")
    assert 0 < chosen["count"] <= chosen["found"]
    assert chosen["weight_share"] < 1
    for sale in chosen["sales"]:
        assert sale["distance_km"] <= 3
        assert abs(sold["size"][sale["row"]] / HOME["square_footage"] - 1) <= 0.25
        assert sale["date"] == sold["date"][sale["row"]] >= "2014-11-15"
        assert sale["price"] == sold["price"][sale["row"]]
    first, far = chosen["sales"][0]["row"], int(np.argmin(sold["price"]))
    changed = choose(client, f"radius_km=3&months=6&size_percent=25&pinned={far}&dropped={first}")
    rows = {sale["row"] for sale in changed["sales"]}
    assert rows == {sale["row"] for sale in chosen["sales"]} - {first} | {far}
    assert changed["price"] != chosen["price"]
    nothing = choose(client, "radius_km=0")
    assert (nothing["price"], nothing["count"], nothing["sales"]) == (None, 0, [])


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("radius=3", "'radius' is not a parameter of /comparables; the parameters are radius_km, months"),
        ("months=-1", "months: '-1' is not a number such as 1.5"),
        ("pinned=1,x", "pinned: '1,x' is not a list of row numbers such as 12,345"),
        ("dropped=99999999", "dropped: there is no row 99999999; GET /sales has"),
        ("pinned=" + ",".join(map(str, range(65))), "pinned has 65 rows; the maximum is 64"),
    ],
)
def test_wrong_parameters_are_named(client: FlaskClient, query: str, message: str) -> None:
    assert choose(client, query, 400)["detail"].startswith(message)


def test_wrong_facts_are_refused_as_by_predict(client: FlaskClient) -> None:
    wrong = HOME | {"square_footage": -1}
    answer = client.post("/comparables", json=wrong)
    assert answer.status_code == 422
    assert answer.get_json()["errors"] == client.post("/predict", json=wrong).get_json()["errors"]
