from itertools import permutations

import numpy as np
import pytest

from estimator.appraiser import Appraiser
from estimator.explanation.contributions import PLACE, explain, reference_home
from estimator.market.arrays import DateArray, FloatArray
from estimator.market.fact_ranges import FactRanges
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.market.sales import Parts

SMALL = Market.from_dict(
    {
        "name": "made_up",
        "currency": "USD",
        "sales": "sales.csv",
        "price": "price",
        "features": [
            {"name": "size", "kind": "number"},
            {"name": "grade", "kind": "integer"},
            {"name": "quarter", "kind": "category"},
        ],
    }
)
USUAL = Facts({"size": np.array([100.0]), "grade": np.array([3.0]), "quarter": np.array(["old town"])})


def priced(homes: Facts, _: DateArray | None) -> FloatArray:
    """A made-up model in which facts matter together."""
    charm = np.where(homes["quarter"] == "old town", 1.0, 0.8)
    price: FloatArray = np.round(1000 * homes["size"] * charm + 500 * homes["grade"] * homes["size"], 2)
    return price


def test_parts_are_what_facts_add_on_average_over_orders() -> None:
    subject = Facts({"size": np.array([150.0]), "grade": np.array([5.0]), "quarter": np.array(["harbour"])})
    found = explain(SMALL, priced, USUAL, subject, None)
    every = []
    for order in permutations(USUAL.columns):
        home, before, parts = USUAL, priced(USUAL, None)[0], {}
        for name in order:
            home = home.replace({name: subject[name]})
            parts[name] = priced(home, None)[0] - before
            before = priced(home, None)[0]
        every.append(parts)
    for name in USUAL.columns:
        amounts = [parts[name] for parts in every]
        assert min(amounts) <= found.parts[name] <= max(amounts)
        assert found.parts[name] == pytest.approx(np.mean(amounts), rel=0.15), "four orders of the six"
    assert found.reference_price == 250_000
    assert found.reference_price + sum(found.parts.values()) == pytest.approx(priced(subject, None)[0], abs=1e-6)


def test_the_usual_home_has_the_place_of_a_sold_one(appraiser: Appraiser, market: Market, parts: Parts) -> None:
    usual = reference_home(market, parts.train.facts, FactRanges.fit(market, parts.train.facts))
    at = (parts.train.facts["latitude"] == usual["latitude"][0]) & (
        parts.train.facts["longitude"] == usual["longitude"][0]
    )
    assert usual["postal_code"][0] in parts.train.facts["postal_code"][at]
    assert usual["square_footage"][0] == np.quantile(parts.train.facts["square_footage"], 0.5, method="lower")
    assert all(appraiser.usual.known(feature.name).all() for feature in market.features)
    assert appraiser.value(appraiser.usual).refusals == {}


def test_contributions_sum_to_the_served_price_to_the_cent(appraiser: Appraiser, parts: Parts) -> None:
    homes, dates = parts.test.facts.take(np.arange(0, 400, 10)), parts.test.date[:400:10]  # type: ignore[index]
    served = appraiser.value(homes, dates).price
    for row, why in enumerate(appraiser.contributions(homes, dates)):
        cents = round(why.reference_price * 100) + sum(round(part * 100) for part in why.parts.values())
        assert cents == round(served[row] * 100)
        assert why.reference_price == appraiser.value(appraiser.usual).price[0]


def test_a_fact_as_in_the_usual_home_contributes_nothing(appraiser: Appraiser, parts: Parts) -> None:
    homes = parts.test.facts.take(np.arange(5))
    same = ("grade", "bathrooms", "crime_rate")
    homes = homes.replace({name: np.repeat(appraiser.usual[name], 5) for name in same})
    for why in appraiser.contributions(homes):
        assert [why.parts[name] for name in (*same, "valuation_date")] == [0, 0, 0, 0]
        assert why.parts[PLACE] != 0
        assert set(why.parts) == {PLACE, "valuation_date"} | {
            feature.name for feature in appraiser.market.features
        } - {
            "latitude",
            "longitude",
            "postal_code",
        }


def test_the_usual_home_needs_no_reasons(appraiser: Appraiser) -> None:
    (why,) = appraiser.contributions(appraiser.usual)
    assert set(why.parts.values()) == {0.0}


def test_reasons_are_the_same_every_time_and_whoever_else_asks(appraiser: Appraiser, parts: Parts) -> None:
    homes = parts.test.facts.take(np.arange(3))
    together = appraiser.contributions(homes)
    assert appraiser.contributions(homes) == together
    assert [appraiser.contributions(homes.take(np.array([row])))[0] for row in range(3)] == together
