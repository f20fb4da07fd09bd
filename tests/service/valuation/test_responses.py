"""Confidence levels, and homes that are refused a price, over HTTP."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from service.valuation.subject_schema import MAX_ERRORS
from tests.service.homes import FAR, HOME, MANSION


def test_a_home_unlike_any_sold_home_is_a_problem_that_names_the_fact(client: FlaskClient) -> None:
    for home, fields in ((MANSION, {"square_footage", "bathrooms"}), (FAR, {"latitude"})):
        answer = client.post("/predict", json=home)
        assert answer.status_code == 422
        assert answer.mimetype == "application/problem+json"
        problem = answer.get_json()
        assert problem["type"] == "/problems/out-of-reach"
        assert fields & {error["field"] for error in problem["errors"]}
        assert all(
            "range of sold homes" in error["message"] or "km" in error["message"] for error in problem["errors"]
        )


def test_refused_homes_do_not_affect_others_in_a_list(client: FlaskClient) -> None:
    alone = client.post("/predict?include=contributions", json=HOME).get_json()
    answers = client.post("/predict?include=contributions", json=[FAR, HOME, {}, HOME]).get_json()
    assert answers[1] == answers[3] == alone
    assert answers[0]["error"]["type"] == "/problems/out-of-reach"
    assert answers[0]["error"]["errors"][0]["row"] == 0
    assert answers[2]["error"]["type"] == "/problems/invalid-facts"


def test_contributions_sum_to_the_price(client: FlaskClient) -> None:
    answer = client.post("/predict?include=contributions", json=HOME).get_json()
    why = answer["contributions"]
    cents = round(100 * why["reference_price"]) + sum(round(100 * part) for part in why["parts"].values())
    assert cents == round(100 * answer["price"])
    sizes = [abs(part) for part in why["parts"].values()]
    assert sizes == sorted(sizes, reverse=True)
    assert 0 not in sizes


def test_a_higher_confidence_level_gives_a_wider_range(client: FlaskClient) -> None:
    answers = [client.post(f"/predict?confidence={c}", json=HOME).get_json() for c in (0.5, ".8", 0.9, 0.99)]
    assert [answer["confidence"] for answer in answers] == [0.5, 0.8, 0.9, 0.99]
    assert len({answer["price"] for answer in answers}) == 1
    lows, highs = ([answer[end] for answer in answers] for end in ("price_low", "price_high"))
    assert lows == sorted(lows, reverse=True)
    assert highs == sorted(highs)
    assert len(set(lows)) == 4
    assert answers[2] == client.post("/predict", json=HOME).get_json()


def test_what_if_uses_the_requested_confidence_level(client: FlaskClient) -> None:
    path = "/predict?confidence=0.5&include=what_if:square_footage"
    answer = client.post(path, json=HOME).get_json()
    (own,) = [point for point in answer["what_if"]["square_footage"] if point["value"] == HOME["square_footage"]]
    assert own == {"value": HOME["square_footage"]} | {
        name: answer[name] for name in ("price", "price_low", "price_high")
    }


def test_what_if_leaves_out_values_without_a_price(client: FlaskClient) -> None:
    large = HOME | {"square_footage": 5000, "bathrooms": 4}
    points = client.post("/predict?include=what_if:square_footage", json=large).get_json()["what_if"]
    assert all(isinstance(point["price"], float) for point in points["square_footage"])


@pytest.mark.parametrize(
    "confidence", ["0.49", "0.995", "1", "90", "nan", "0_9", "\uff10.9", "", "-0.9", "0.9&confidence=0.8"]
)
def test_invalid_confidence_levels_are_refused(client: FlaskClient, confidence: str) -> None:
    answer = client.post(f"/predict?confidence={confidence}", json=HOME)
    problem: dict[str, Any] = answer.get_json()
    assert (answer.status_code, problem["type"]) == (400, "/problems/bad-confidence")
    assert "confidence" in problem["detail"]


def test_refusals_and_invalid_facts_share_the_error_limit(client: FlaskClient) -> None:
    refused = MANSION | {"latitude": FAR["latitude"], "longitude": FAR["longitude"]}
    bad = {f"no fact {number}": 1 for number in range(20)}
    alone = [len(client.post("/predict", json=home).get_json()["errors"]) for home in (refused, HOME | bad)]
    assert alone[0] > 1
    rows = client.post("/predict", json=[refused, HOME | bad] * 25).get_json()
    error_counts = [len(row["error"]["errors"]) for row in rows]
    assert min(error_counts) == 1
    assert sum(error_counts) <= MAX_ERRORS + len(rows)
    assert [len(row["error"]["errors"]) + row["error"].get("errors_left_out", 0) for row in rows] == alone * 25
    assert {error["row"] for row in rows for error in row["error"]["errors"]} == set(range(50))
