"""How likely a value is right, over HTTP: near the sale price, and above a price of the caller's."""

import csv
import io
import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from openapi_schema_validator import OAS31Validator

from tests.service.homes import FAR, HOME


def value(client: FlaskClient, query: str = "") -> dict[str, Any]:
    answer: dict[str, Any] = client.post(f"/predict{query}", json=HOME).get_json()
    return answer


def test_the_probability_within_10_percent_does_not_depend_on_the_confidence(
    client: FlaskClient,
) -> None:
    answers = [value(client, f"?confidence={confidence}") for confidence in (0.5, 0.9)]
    assert 0.05 < answers[0]["probability_within_10"] < 0.95
    assert answers[0]["probability_within_10"] == answers[1]["probability_within_10"]


def test_the_probability_of_a_higher_price_is_given_on_request(client: FlaskClient) -> None:
    plain = value(client)
    assert "probability_above" not in plain
    prices = [1, plain["price_low"], plain["price"], plain["price_high"], 1e9]
    above = [value(client, f"?price_above={price:.2f}") for price in prices]
    chances = [answer.pop("probability_above") for answer in above]
    assert above == [plain] * 5
    assert chances == sorted(chances, reverse=True)
    assert (chances[0], chances[-1]) == (1, 0)


def test_lists_and_tables_get_the_probability_of_a_higher_price_of_each_home(client: FlaskClient) -> None:
    query, homes = "?price_above=450000", [HOME, HOME | {"square_footage": 2500}, FAR]
    rows = client.post(f"/predict{query}", json=homes).get_json()
    expected = [row["probability_above"] for row in rows[:2]]
    assert expected[0] == value(client, query)["probability_above"] < expected[1]

    def batch(body: str, kind: str) -> Any:
        return client.post(f"/predict/batch{query}", data=body, content_type=kind)

    columns = {name: [home[name] for home in homes] for name in HOME}
    by_column = batch(json.dumps(columns), "application/json").get_json()
    assert by_column["probability_above"] == [*expected, None]
    document = client.get("/openapi.json").get_json()
    schema = document["components"]["schemas"]["ValuationColumns"] | {"components": document["components"]}
    OAS31Validator(schema).validate(by_column)
    lines = batch("\n".join(map(json.dumps, homes)), "application/x-ndjson").text.splitlines()
    assert [json.loads(line)["probability_above"] for line in lines[:2]] == expected
    text = "\n".join([",".join(HOME), *(",".join(map(str, home.values())) for home in homes)])
    table = list(csv.DictReader(io.StringIO(batch(text, "text/csv").text)))
    assert [row["valuation_probability_above"] for row in table] == [*map(str, expected), ""]
    assert [row["valuation_probability_within_10"] for row in table[:2]] == [
        str(row["probability_within_10"]) for row in rows[:2]
    ]
    clash = batch(text.replace("population", "valuation_probability_above"), "text/csv")
    assert "has the name of a column of the answer" in clash.get_json()["detail"]


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("price_above=0", "price_above: 0 is not above 0"),
        ("price_above=-5", "price_above: '-5' is not a number such as 450000"),
        ("price_above=inf", "price_above: 'inf' is not a number such as 450000"),
        ("price_above=nan", "price_above: 'nan' is not a number such as 450000"),
        ("price_above=", "price_above: '' is not a number such as 450000"),
        ("price_above=1,000", "price_above: '1,000' is not a number such as 450000"),
        ("price_above=1&price_above=2", "price_above is given 2 times; give it once"),
    ],
)
@pytest.mark.parametrize("path", ["/predict", "/predict/batch"])
def test_an_invalid_price_is_refused(client: FlaskClient, path: str, query: str, detail: str) -> None:
    answer = client.post(f"{path}?{query}", json={name: [fact] for name, fact in HOME.items()})
    problem = answer.get_json()
    assert (answer.status_code, problem["type"]) == (400, "/problems/bad-price")
    assert problem["detail"] == detail
