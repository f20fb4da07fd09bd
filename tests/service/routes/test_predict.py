"""`POST /predict`: one home, a list of homes, and invalid requests."""

import json
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from estimator.market.facts import Facts
from estimator.registry import load_version
from service.http.json_body import parse_json
from service.valuation.subject_schema import MAX_ERRORS
from tests.service.homes import HOME


def predict(client: FlaskClient, body: object) -> TestResponse:
    return client.post("/predict", data=json.dumps(body), content_type="application/json")


def field_messages(answer: TestResponse) -> dict[str, str]:
    """Return the messages of a problem by field."""
    assert answer.status_code == 422
    assert answer.content_type == "application/problem+json"
    return {fault["field"]: fault["message"] for fault in answer.get_json(force=True)["errors"]}


def test_the_four_basic_facts_get_a_price_and_a_range(client: FlaskClient) -> None:
    answer = predict(client, HOME)
    valuation = answer.get_json()
    assert answer.status_code == 200
    assert 0 < valuation["price_low"] < valuation["price"] < valuation["price_high"]
    assert valuation["currency"] == "USD"
    assert "grade" in valuation["unknown"]


def test_a_valuation_is_the_served_models_own(client: FlaskClient, models: Path) -> None:
    saved = load_version(models / "king_county")
    facts = Facts.of(saved.appraiser.market, [{name: float(value) for name, value in HOME.items()}])
    expected = saved.appraiser.value(facts).as_dict(0) | {"model_version": saved.name}
    assert predict(client, HOME).get_json() == expected


def test_location_and_size_are_enough_and_looked_up_facts_are_listed(client: FlaskClient) -> None:
    home = {name: HOME[name] for name in ("latitude", "longitude", "square_footage")}
    valuation = predict(client, home).get_json()
    assert {"crime_rate", "population"} <= set(valuation["looked_up"])


def test_aliases_value_the_same_home(client: FlaskClient) -> None:
    home = {"Latitude": 47.6, "lng": -122.3, "LivingArea": 1800, "crime_rate": 5000, "population": 30000}
    assert predict(client, home).get_json() == predict(client, HOME).get_json()


def test_answers_use_feature_names_whichever_names_were_sent(client: FlaskClient) -> None:
    home = {"Latitude": 47.6, "Longitude": -122.3, "LivingArea": 1800, "BedroomsTotal": 3.5}
    assert field_messages(predict(client, home)) == {"bedrooms": "3.5 is not a whole number"}
    valuation = predict(client, {name: home[name] for name in ("Latitude", "Longitude", "LivingArea")}).get_json()
    assert "bedrooms" in valuation["unknown"]
    assert not {"BedroomsTotal", "LivingArea"} & set(valuation["unknown"])


def test_the_valuation_date_is_the_requested_one(client: FlaskClient) -> None:
    assert predict(client, HOME | {"valuation_date": "2014-12-24"}).get_json()["valuation_date"] == "2014-12-24"


def test_all_invalid_facts_are_reported_at_once(client: FlaskClient) -> None:
    answer = predict(client, {"latitude": 4.6, "longitude": "west", "sqft": 1, "sqft_living": 1, "size": 9})
    assert field_messages(answer) == {
        "latitude": "4.6 is below the minimum of 47 °",
        "longitude": "'west' is not a number",
        "square_footage": "'sqft' and 'sqft_living' are both names of square_footage; send one of them",
        "size": "is not a fact of the market king_county",
    }
    problem = answer.get_json(force=True)
    assert problem["type"] == "/problems/invalid-facts"
    assert problem["detail"] == "4 facts are invalid"


@pytest.mark.parametrize("body", [1, "text", True, None])
def test_a_body_that_is_not_a_home_is_refused(client: FlaskClient, body: object) -> None:
    assert "" in field_messages(predict(client, body))


def test_errors_above_the_limit_are_only_counted(client: FlaskClient) -> None:
    answer = predict(client, HOME | {f"no fact {number}": number for number in range(MAX_ERRORS + 7)})
    assert len(field_messages(answer)) == MAX_ERRORS
    assert answer.get_json(force=True)["errors_left_out"] == 7


def test_a_list_is_answered_in_order(client: FlaskClient) -> None:
    homes = [HOME | {"square_footage": size} for size in (900, 3000, 1500)]
    answer = predict(client, homes)
    assert answer.status_code == 200
    assert answer.get_json() == [predict(client, home).get_json() for home in homes]


def test_an_empty_list_gets_an_empty_list(client: FlaskClient) -> None:
    assert predict(client, []).get_json() == []


def test_an_invalid_home_in_a_list_gets_an_error_in_its_place(client: FlaskClient) -> None:
    good = predict(client, HOME).get_json()
    answer = predict(client, [HOME, HOME | {"grade": 99}, 3, HOME])
    assert answer.status_code == 200
    first, bad, no_home, last = answer.get_json()
    assert first == last == good
    assert bad["error"]["status"] == 422
    assert bad["error"]["errors"] == [{"row": 1, "field": "grade", "message": "99 is above the maximum of 13"}]
    assert no_home["error"]["errors"][0]["row"] == 2


def test_each_invalid_home_of_a_long_list_has_at_least_one_error(client: FlaskClient) -> None:
    home = {f"no fact {number}": number for number in range(30)}
    rows = predict(client, [home] * 20).get_json()
    error_counts = [len(row["error"]["errors"]) for row in rows]
    assert min(error_counts) == 1
    assert sum(error_counts) <= MAX_ERRORS + len(rows)
    assert all(len(row["error"]["errors"]) + row["error"].get("errors_left_out", 0) == 33 for row in rows)


def test_a_list_that_is_too_long_is_refused(client: FlaskClient) -> None:
    answer = predict(client, [HOME] * 51)
    assert answer.status_code == 413
    assert answer.get_json(force=True)["detail"] == "the list has 51 homes; the maximum is 50"


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "text/json", "", "json"]
)
def test_other_content_types_are_refused(client: FlaskClient, content_type: str) -> None:
    answer = client.post("/predict", data=json.dumps(HOME), content_type=content_type)
    assert answer.status_code == 415
    assert answer.get_json(force=True)["type"] == "/problems/not-json"


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/home+json"]
)
def test_variants_of_the_json_content_type_are_accepted(client: FlaskClient, content_type: str) -> None:
    assert client.post("/predict", data=json.dumps(HOME), content_type=content_type).status_code == 200


def test_a_body_over_the_limit_is_refused(client: FlaskClient) -> None:
    answer = client.post("/predict", data=b" " * 100_001, content_type="application/json")
    assert answer.status_code == 413
    assert answer.get_json(force=True)["detail"] == "the body has 100001 bytes; the maximum is 100000"


def test_a_request_without_a_length_is_refused(client: FlaskClient) -> None:
    answer = client.post("/predict", content_type="application/json", headers={"Transfer-Encoding": "chunked"})
    assert answer.status_code == 411


def test_another_method_gets_405_with_allow(client: FlaskClient) -> None:
    answer = client.get("/predict")
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=10)
    | st.sampled_from([47.6, -122.3, 1800, 3, "98103", "2015-01-01", 10**400, "1" * 300, "\ud800", "\x00"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(
    ["latitude", "lat", "longitude", "sqft", "grade", "waterfront", "zipcode", "valuation_date"]
)
HOMES = st.dictionaries(NAMES | st.text(max_size=5), VALUES, max_size=8).map(lambda drawn: HOME | drawn)


BODIES = (HOMES | st.lists(HOMES | VALUES, max_size=4) | VALUES).map(json.dumps).map(str.encode) | st.binary(
    min_size=1
)


@pytest.mark.slow
@given(body=BODIES, kind=st.sampled_from(["application/json", "text/csv", "application/x-ndjson"]))
@hypothesis_settings(max_examples=20_000, deadline=None)
def test_none_of_twenty_thousand_bodies_causes_a_server_error(client: FlaskClient, body: bytes, kind: str) -> None:
    for path in ("/predict", "/predict/batch", "/v2/models/king_county/infer"):
        assert client.post(path, data=body, content_type=kind).status_code < 500


@given(body=BODIES)
@hypothesis_settings(max_examples=300, deadline=None)
def test_no_body_causes_a_server_error(client: FlaskClient, body: bytes) -> None:
    answer = client.post("/predict", data=body, content_type="application/json")
    assert answer.status_code in {200, 400, 422}
    assert parse_json(answer.data) == json.loads(answer.data)


def test_an_unknown_parameter_is_refused(client: FlaskClient) -> None:
    answer = client.post("/predict?reasons=all", data=json.dumps(HOME), content_type="application/json")
    assert answer.status_code == 400
    assert answer.get_json(force=True)["type"] == "/problems/unknown-parameter"
    assert "'reasons'" in answer.get_json(force=True)["detail"]
