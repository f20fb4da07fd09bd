"""What values the facts of sold homes take, against a plain reading of the same columns."""

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from estimator.appraiser import Appraiser
from estimator.market.fact_ranges import COMMON_LABELS, FactRanges
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


def made_up(n: int = 1000) -> Facts:
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


def test_a_number_starts_and_ends_where_the_sold_homes_do() -> None:
    facts = made_up()
    found = FactRanges.fit(MARKET, facts).numbers["size"]
    known = np.sort(facts["size"][~np.isnan(facts["size"])])
    assert (found.least, found.greatest) == (known[0], known[-1])
    assert np.mean(known < found.low) == pytest.approx(0.005, abs=0.002)
    assert np.mean(known > found.high) == pytest.approx(0.005, abs=0.002)
    assert found.usual in known
    below, above = (int(side.sum()) for side in (known < found.usual, known > found.usual))
    assert abs(below - above) <= 1


def test_the_usual_of_a_boolean_is_the_commoner_value() -> None:
    assert FactRanges.fit(MARKET, made_up()).numbers["lift"].usual == 1.0


def test_the_commonest_labels_come_first() -> None:
    facts = made_up()
    found = FactRanges.fit(MARKET, facts).labels["quarter"]
    counts = Counter(label for label in facts["quarter"].tolist() if label)
    assert len(counts) > len(found) == COMMON_LABELS
    assert [counts[label] for label in found] == sorted(counts.values(), reverse=True)[:COMMON_LABELS]


def test_what_is_never_known_has_no_range() -> None:
    found = FactRanges.fit(MARKET, made_up())
    assert set(found.numbers) == {"size", "lift"}
    assert set(found.labels) == {"quarter"}


def test_ranges_come_back_from_their_state() -> None:
    found = FactRanges.fit(MARKET, made_up())
    assert FactRanges.from_state(json.loads(json.dumps(found.state()))) == found


def test_an_appraiser_knows_the_ranges_of_what_it_learned_from_and_no_others(
    appraiser: Appraiser, parts: Parts
) -> None:
    sizes = np.concatenate([part.facts["square_footage"] for part in (parts.train, parts.validation)])
    assert appraiser.fact_ranges.numbers["square_footage"].greatest == sizes.max()
    assert "crime_rate" in appraiser.fact_ranges.numbers, "what an area's table says is known as well"
    larger = parts.test.facts.replace({"square_footage": parts.test.facts["square_footage"] * 3})
    seen = replace(parts.test, facts=larger)
    assert appraiser.with_sales(seen).fact_ranges == appraiser.fact_ranges
    assert Appraiser.from_state(appraiser.state()).fact_ranges == appraiser.fact_ranges
