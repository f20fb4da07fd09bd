"""Ranges of facts, compared with a direct computation from the same columns."""

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from estimator.appraiser import Appraiser
from estimator.market.fact_ranges import MAX_LABELS, FactRanges
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.market.sales import Parts

TABLE = {
    "name": "plain",
    "currency": "EUR",
    "sales": "sales.csv",
    "price": "price",
    "features": [
        {"name": "size", "kind": "number"},
        {"name": "lift", "kind": "boolean"},
        {"name": "quarter", "kind": "category"},
        {"name": "never", "kind": "number"},
        {"name": "no_label", "kind": "category"},
    ],
}
MARKET = Market.from_dict(TABLE)


def random_facts(n: int = 1000) -> Facts:
    rng = np.random.default_rng(0)
    size, lift = rng.normal(100, 20, n), (rng.random(n) < 0.7) * 1.0
    size[:50], lift[50:90] = np.nan, np.nan
    quarter = np.array([f"quarter {number}" for number in rng.geometric(0.05, n)])
    quarter[::7] = ""
    return Facts(
        {
            "size": size,
            "lift": lift,
            "quarter": quarter,
            "never": np.full(n, np.nan),
            "no_label": np.full(n, "", np.str_),
        }
    )


def test_the_range_of_a_number_is_that_of_the_sold_homes() -> None:
    facts = random_facts()
    found = FactRanges.fit(MARKET, facts).numbers["size"]
    known = np.sort(facts["size"][~np.isnan(facts["size"])])
    assert (found.minimum, found.maximum) == (known[0], known[-1])
    assert np.mean(known < found.low) == pytest.approx(0.005, abs=0.002)
    assert np.mean(known > found.high) == pytest.approx(0.005, abs=0.002)
    assert found.median in known
    below, above = (int(side.sum()) for side in (known < found.median, known > found.median))
    assert abs(below - above) <= 1


def test_the_median_of_a_boolean_is_the_more_frequent_value() -> None:
    assert FactRanges.fit(MARKET, random_facts()).numbers["lift"].median == 1.0


def test_the_most_frequent_labels_come_first() -> None:
    facts = random_facts()
    found = FactRanges.fit(MARKET, facts).labels["quarter"]
    counts = Counter(label for label in facts["quarter"].tolist() if label)
    assert len(counts) > len(found) == MAX_LABELS
    assert [counts[label] for label in found] == sorted(counts.values(), reverse=True)[:MAX_LABELS]


def test_a_fact_that_is_never_known_has_no_range() -> None:
    found = FactRanges.fit(MARKET, random_facts())
    assert set(found.numbers) == {"size", "lift"}
    assert set(found.labels) == {"quarter"}


def test_ranges_come_back_from_their_state() -> None:
    found = FactRanges.fit(MARKET, random_facts())
    assert FactRanges.from_state(json.loads(json.dumps(found.state()))) == found


def test_the_ranges_of_an_appraiser_are_those_of_all_sales_that_it_knows(
    appraiser: Appraiser, parts: Parts
) -> None:
    sizes = np.concatenate([part.facts["square_footage"] for part in (parts.train, parts.validation)])
    assert appraiser.fact_ranges.numbers["square_footage"].maximum == sizes.max()
    assert "crime_rate" in appraiser.fact_ranges.numbers, "facts from the table of areas count too"
    larger = parts.test.facts.replace({"square_footage": parts.test.facts["square_footage"] * 3})
    with_larger = appraiser.with_sales(replace(parts.test, facts=larger), np.random.default_rng(0))
    assert with_larger.fact_ranges.numbers["square_footage"].maximum == larger["square_footage"].max()
    assert Appraiser.from_state(appraiser.state()).fact_ranges == appraiser.fact_ranges
