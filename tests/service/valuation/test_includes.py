"""`include`: reasons for a valuation, which do not change it, and all kinds of invalid values."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.registry import load_version
from service.http.problems import ProblemError
from service.settings import Settings
from service.valuation.includes import INCLUDES, count_reasons, read_include
from tests.service.homes import HOME

KING_COUNTY = Market.read(Path(__file__).parents[3] / "data" / "king_county")


def predict(client: FlaskClient, body: object, include: str | None = None) -> Any:
    path = "/predict" if include is None else f"/predict?include={include}"
    answer = client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def refused(client: FlaskClient, query: str, body: object = HOME, status: int = 400) -> str:
    """Return the detail of the problem that answers a query."""
    answer = client.post(f"/predict?{query}", json=body)
    problem = json.loads(answer.data)
    assert answer.status_code == problem["status"] == status
    assert problem["type"] == {400: "/problems/unknown-parameter", 413: "/problems/too-many-rows"}[status]
    detail: str = problem["detail"]
    return detail


def test_a_valuation_is_the_same_with_reasons_and_without(client: FlaskClient) -> None:
    answer = predict(client, HOME, "comparables,what_if:grade,what_if:crime_rate")
    assert list(answer["what_if"]) == ["grade", "crime_rate"]
    assert {key: member for key, member in answer.items() if key not in INCLUDES} == predict(client, HOME)


def test_comparables_are_the_served_models_own(client: FlaskClient, models: Path) -> None:
    appraiser = load_version(models / "king_county").appraiser
    facts = Facts.of(appraiser.market, [{name: float(value) for name, value in HOME.items()}])
    day = np.array(["2014-12-24"], "datetime64[D]")
    comparables = appraiser.comparables(facts, day)
    assert comparables is not None
    answer = predict(client, HOME | {"valuation_date": "2014-12-24"}, "comparables")["comparables"]
    assert answer == comparables[0].as_dict()
    for sale in answer["used"]:
        # Sales after the valuation date are used too, adjusted to it.
        assert sale["date"] == "2014-12-24" or sale["adjustments"]["valuation_date"] != 0
        assert round(sale["price"] + sum(sale["adjustments"].values()), 2) == sale["adjusted_price"]


def test_the_median_is_that_of_the_comparables_adjusted_prices(client: FlaskClient) -> None:
    answer = predict(client, HOME, "comparables,comparables_median")
    adjusted = [sale["adjusted_price"] for sale in answer["comparables"]["used"]]
    assert answer["comparables_median"] == pytest.approx(np.median(adjusted), abs=0.01)


def test_homes_in_a_list_have_their_own_reasons_and_an_invalid_home_its_error(client: FlaskClient) -> None:
    homes = [HOME, HOME | {"latitude": 47.5, "grade": 9}, HOME | {"grade": 99}, HOME | {"square_footage": 900}]
    include = "comparables,what_if:square_footage"
    answers = predict(client, homes, include)
    assert "error" in answers[2]
    for place in (0, 1, 3):
        assert answers[place] == predict(client, homes[place], include)
    assert answers[0]["comparables"] != answers[1]["comparables"]


@pytest.mark.parametrize("name", ["square_footage", "postal_code", "waterfront", "year_built", "longitude"])
def test_what_if_points_equal_separate_requests(client: FlaskClient, name: str) -> None:
    home = HOME | {"valuation_date": "2015-01-31"}
    points = predict(client, home, f"what_if:{name}")["what_if"][name]
    values = [point["value"] for point in points]
    assert values == sorted(values)
    for point in points:
        alone = predict(client, home | {name: point["value"]})
        assert point == {"value": point["value"]} | {
            key: alone[key] for key in ("price", "price_low", "price_high")
        }


def test_what_if_accepts_aliases(client: FlaskClient) -> None:
    by_alias = predict(client, HOME, "what_if:LivingArea")
    assert by_alias == predict(client, HOME, "what_if:square_footage")
    assert list(by_alias["what_if"]) == ["square_footage"]


@pytest.mark.parametrize(
    ("query", "parts"),
    [
        ("include=reasons", ["'reasons': unknown value; expected one of", "comparables", "what_if:<fact>"]),
        ("include=", ["''", "comparables"]),
        ("include=comparables,", ["''"]),
        ("include=Comparables", ["'Comparables'"]),
        (
            "include=comparables:grade",
            [
                "'comparables:grade'",
                "comparables_median, contributions, own_sales, looked_up_values, what_if:<fact>",
            ],
        ),
        ("include=what_if", ["'what_if'", "what_if:<fact>"]),
        ("include=what_if:size", ["'what_if:size'", "king_county", "square_footage"]),
        ("include=what_if:", ["'what_if:'", "square_footage"]),
        ("include=what_if:valuation_date", ["'what_if:valuation_date'"]),
        ("include=comparables,comparables", ["'comparables'", "twice"]),
        ("include=what_if:sqft,what_if:square_footage", ["'what_if:square_footage'", "twice"]),
        ("include=comparables&include=what_if:grade", ["2 times"]),
        ("include=comparables&why=1", ["'why'", "include"]),
    ],
)
def test_invalid_includes_are_refused_and_the_accepted_values_listed(
    client: FlaskClient, query: str, parts: list[str]
) -> None:
    detail = refused(client, query)
    for part in parts:
        assert part in detail


def test_long_entries_are_truncated_in_the_error(client: FlaskClient) -> None:
    assert len(refused(client, f"include={'x' * 5000}")) < 200


def test_more_reasons_than_the_maximum_are_refused(client: FlaskClient, settings: Settings) -> None:
    assert settings.max_reasons == 400
    nine = ",".join(["comparables", *(f"what_if:{feature.name}" for feature in KING_COUNTY.features[:8])])
    detail = refused(client, f"include={nine}", [HOME] * 45, 413)
    assert detail.startswith("45 homes with 9 reasons each are 405 reasons; the maximum is 400")
    assert len(predict(client, [HOME] * 45, "comparables")) == 45


def test_what_if_works_for_all_facts_at_once(client: FlaskClient) -> None:
    names = [feature.name for feature in KING_COUNTY.features]
    answer = predict(client, HOME, ",".join(f"what_if:{name}" for name in names))
    assert list(answer["what_if"]) == names
    assert all(len(points) >= 2 for points in answer["what_if"].values())


WORDS = st.sampled_from([*INCLUDES, "what_if:grade", "what_if:sqft", ":", ",", "grade"]) | st.text(max_size=8)


@given(st.lists(WORDS, max_size=5).map(",".join))
@hypothesis_settings(deadline=None)
def test_any_text_is_read_or_refused(text: str) -> None:
    included = None
    with suppress(ProblemError):
        included = read_include(text, KING_COUNTY)
    if included is not None:
        assert count_reasons(included, KING_COUNTY) >= len(text.split(","))
        assert set(included) <= set(INCLUDES)


def test_a_homes_own_sale_is_found_and_moved_to_the_valuation_date(client: FlaskClient, models: Path) -> None:
    appraiser = load_version(models / "king_county").appraiser
    sold = appraiser.sold
    assert sold is not None
    assert sold.date is not None
    row = int(np.flatnonzero(np.bincount(sold.home, minlength=sold.home.max() + 1)[sold.home] == 1)[0])
    names = ("latitude", "longitude", "square_footage", "bedrooms", "year_built")
    home = {name: float(sold.facts[name][row]) for name in names}
    (own,) = predict(client, home, "own_sales")["own_sales"]
    assert (own["date"], own["price"]) == (str(sold.date[row]), sold.price[row])
    facts, days = Facts.of(appraiser.market, [home, home]), np.array([own["date"], sold.date[-1]], "datetime64[D]")
    then, now = appraiser.value(facts, days).price
    assert own["price_now"] / own["price"] == pytest.approx(now / then, rel=1e-3), "moved as values are"
    assert predict(client, home | {"bedrooms": 3 + (home["bedrooms"] == 3)}, "own_sales")["own_sales"] == []
    far = home | {"latitude": home["latitude"] + 0.01}
    assert predict(client, far, "own_sales")["own_sales"] == []
    assert predict(client, {name: home[name] for name in names[:3]}, "own_sales")["own_sales"] == []


def test_looked_up_values_come_with_their_area(client: FlaskClient, models: Path) -> None:
    home = {name: HOME[name] for name in ("latitude", "longitude", "square_footage")}
    answer = predict(client, home, "looked_up_values")
    found = answer["looked_up_values"]
    assert list(found) == answer["looked_up"]
    code = found["postal_code"]["value"]
    areas = load_version(models / "king_county").appraiser.areas.areas
    at = list(areas.postal_code).index(code)
    for name, value in found.items():
        assert (value["postal_code"], value["by_place"]) == (code, True)
        if name != "postal_code":
            assert value["value"] == areas.figures[name][at]
    given = predict(client, home | {"postal_code": "98103"}, "looked_up_values")["looked_up_values"]
    assert {(value["postal_code"], value["by_place"]) for value in given.values()} == {("98103", False)}
