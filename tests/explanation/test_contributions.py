from itertools import permutations

import numpy as np
import pytest

from estimator.appraiser import Appraiser
from estimator.explanation.contributions import PLACE, build_reference_home, explain
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
REFERENCE = Facts({"size": np.array([100.0]), "grade": np.array([3.0]), "quarter": np.array(["old town"])})


def price_of(homes: Facts, _: DateArray | None) -> FloatArray:
    """A made-up price model with interactions between facts."""
    charm = np.where(homes["quarter"] == "old town", 1.0, 0.8)
    price: FloatArray = np.round(1000 * homes["size"] * charm + 500 * homes["grade"] * homes["size"], 2)
    return price


def test_parts_are_average_changes_over_the_orders() -> None:
    subject = Facts({"size": np.array([150.0]), "grade": np.array([5.0]), "quarter": np.array(["harbour"])})
    found = explain(SMALL, price_of, REFERENCE, subject, None)
    by_order = []
    for order in permutations(REFERENCE.columns):
        home, before, parts = REFERENCE, price_of(REFERENCE, None)[0], {}
        for name in order:
            home = home.replace({name: subject[name]})
            parts[name] = price_of(home, None)[0] - before
            before = price_of(home, None)[0]
        by_order.append(parts)
    for name in REFERENCE.columns:
        amounts = [parts[name] for parts in by_order]
        assert min(amounts) <= found.parts[name] <= max(amounts)
        assert found.parts[name] == pytest.approx(np.mean(amounts), rel=0.15), "four orders of the six"
    assert found.reference_price == 250_000
    assert found.reference_price + sum(found.parts.values()) == pytest.approx(price_of(subject, None)[0], abs=1e-6)


def test_the_reference_home_is_typical_and_stands_where_it_costs_the_median(
    appraiser: Appraiser, market: Market, parts: Parts
) -> None:
    def price(homes: Facts) -> FloatArray:
        return np.exp(appraiser.model.predict(appraiser.areas.complete(homes)[0], np.full(len(homes), newest)))

    newest = appraiser.sale_dates[1]  # type: ignore[index]
    facts = parts.train.facts
    reference = build_reference_home(market, facts, FactRanges.fit(market, facts), price)
    assert price(reference)[0] == pytest.approx(np.median(price(facts)), rel=0.04)
    elsewhere = reference.take(np.zeros(len(facts), np.intp)).replace(
        {name: facts[name] for name in market.location}
    )
    better = np.mean(price(elsewhere) > price(reference))
    assert 0.3 < better < 0.7, "locations are neither nearly all worse nor nearly all better"
    at = (parts.train.facts["latitude"] == reference["latitude"][0]) & (
        parts.train.facts["longitude"] == reference["longitude"][0]
    )
    assert reference["postal_code"][0] in parts.train.facts["postal_code"][at]
    assert reference["square_footage"][0] == np.quantile(parts.train.facts["square_footage"], 0.5, method="lower")
    assert all(appraiser.reference_home.known(feature.name).all() for feature in market.features)
    assert appraiser.value(appraiser.reference_home).refusals == {}


def test_contributions_sum_to_the_served_price_to_the_cent(appraiser: Appraiser, parts: Parts) -> None:
    homes, dates = parts.test.facts.take(np.arange(0, 400, 10)), parts.test.date[:400:10]  # type: ignore[index]
    served = appraiser.value(homes, dates).price
    for row, why in enumerate(appraiser.contributions(homes, dates)):
        cents = round(why.reference_price * 100) + sum(round(part * 100) for part in why.parts.values())
        assert cents == round(served[row] * 100)
        assert why.reference_price == appraiser.value(appraiser.reference_home).price[0]


def test_a_fact_equal_to_the_reference_homes_contributes_nothing(appraiser: Appraiser, parts: Parts) -> None:
    homes = parts.test.facts.take(np.arange(5))
    same = ("grade", "bathrooms", "crime_rate")
    homes = homes.replace({name: np.repeat(appraiser.reference_home[name], 5) for name in same})
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


def test_all_contributions_of_the_reference_home_are_0(appraiser: Appraiser) -> None:
    (why,) = appraiser.contributions(appraiser.reference_home)
    assert set(why.parts.values()) == {0.0}


def test_contributions_are_reproducible_and_do_not_depend_on_other_homes(
    appraiser: Appraiser, parts: Parts
) -> None:
    homes = parts.test.facts.take(np.arange(3))
    together = appraiser.contributions(homes)
    assert appraiser.contributions(homes) == together
    assert [appraiser.contributions(homes.take(np.array([row])))[0] for row in range(3)] == together
