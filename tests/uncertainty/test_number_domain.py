import numpy as np
import pytest

from estimator.market.arrays import FloatArray
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.market.sales import Sales
from estimator.uncertainty.applicability import ApplicabilityDomain, Refusal
from estimator.uncertainty.number_domain import NumberRange

HOUSES = Market.from_dict(
    {
        "name": "houses",
        "currency": "USD",
        "sales": "sales.csv",
        "price": "price",
        "features": [
            {"name": "size", "kind": "number", "required": True, "unit": "ft²"},
            {"name": "year", "kind": "integer"},
            {"name": "bathrooms", "kind": "number"},
        ],
    }
)


@pytest.fixture(scope="module")
def sold(sales: Sales) -> Facts:
    """2,000 of King County's homes."""
    facts = sales.facts.take(np.random.default_rng(0).permutation(len(sales))[:2000])
    names = {"size": "square_footage", "year": "year_built", "bathrooms": "bathrooms"}
    return Facts({name: facts[column] for name, column in names.items()})


def homes(**facts: list[float]) -> Facts:
    n = len(facts["size"])
    return Facts({name: np.array(facts.get(name, [np.nan] * n), np.float64) for name in HOUSES.by_name})


def refused_rows(domain: ApplicabilityDomain, facts: Facts) -> list[int]:
    return sorted(domain.check(facts)[0])


@pytest.mark.parametrize("mistakes", [[19_100.0], [191_000.0, 24_000.0, 80_000.0], [0.0]])
def test_mistyped_sizes_hardly_change_what_is_refused(sold: Facts, mistakes: list[float]) -> None:
    n = len(mistakes)
    with_mistakes = sold.joined(homes(size=mistakes, year=[1975.0] * n, bathrooms=[2.0] * n))
    subjects = homes(size=np.geomspace(100, 1e6, 400).tolist())
    beside_a_mistake = np.isclose(subjects["size"][:, None], mistakes, rtol=0, atol=1500).any(axis=1)
    smallest, largest = [], []
    for facts in (sold, with_mistakes):
        accepted = ~beside_a_mistake
        accepted[refused_rows(ApplicabilityDomain.fit(HOUSES, facts), subjects)] = False
        smallest.append(subjects["size"][accepted].min())
        largest.append(subjects["size"][accepted].max())
    assert smallest[1] > 0.8 * smallest[0] or smallest[0] == 100
    assert largest[1] < 1.4 * largest[0]


def test_a_mistyped_year_does_not_widen_the_range_of_years(sold: Facts) -> None:
    with_mistakes = sold.joined(homes(size=[1900.0, 1900.0], year=[2051.0, 197.0], bathrooms=[2.0, 2.0]))
    domain = ApplicabilityDomain.fit(HOUSES, with_mistakes)
    refusals, _ = domain.check(homes(size=[1900.0] * 4, year=[1700.0, 2035.0, 2016.0, 1950.0]))
    assert sorted(refusals) == [0, 1]
    range_ = "is outside the range of all but 2 of the sold homes: 1900 to 2015"
    assert Refusal("year", f"1700 {range_}") in refusals[0]
    assert Refusal("year", f"2035 {range_}") in refusals[1]


def test_a_home_equal_to_a_sold_one_is_never_refused(sold: Facts) -> None:
    mistakes = homes(
        size=[19_100.0, 1900.0, 1900.0, 12.0],
        year=[1975.0, 2051.0, 197.0, 1990.0],
        bathrooms=[2.0, 25.0, 0.0, 8.0],
    )
    facts = sold.joined(mistakes)
    refusals, warnings = ApplicabilityDomain.fit(HOUSES, facts).check(facts)
    assert refusals == {}
    warned = np.logical_or.reduce(list(warnings.values()))
    assert warned[-4:].all()
    assert warned.mean() < 0.03


def test_the_largest_sold_homes_belong_to_the_range_and_those_like_them_are_valued(sold: Facts) -> None:
    largest = float(sold["size"].max())
    domain = ApplicabilityDomain.fit(HOUSES, sold)
    assert refused_rows(domain, homes(size=[largest, 1.02 * largest, 0.98 * largest, 3 * largest])) == [3]


@pytest.mark.parametrize("n", [100, 1000, 20_000])
@pytest.mark.parametrize(
    "draw",
    [
        lambda rng, n: rng.lognormal(7.5, 0.4, n),
        lambda rng, n: rng.integers(1900, 2016, n).astype(float),
        lambda rng, n: rng.integers(0, 5, n).astype(float),
        lambda rng, n: np.where(rng.random(n) < 0.6, 0.0, rng.lognormal(6.5, 0.5, n)),
        lambda rng, n: np.where(rng.random(n) < 0.99, 0.0, rng.uniform(200, 800, n)),
        lambda rng, n: rng.normal(0, 10, n),
        lambda rng, n: rng.pareto(1.5, n),
        lambda rng, n: np.full(n, 7.0),
    ],
    ids=["sizes", "years", "few levels", "basements", "pools", "negative numbers", "heavy tail", "constant"],
)
def test_nearly_all_values_are_inside_whatever_their_distribution(draw, n: int) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(0)
    sold, others = draw(rng, n), draw(rng, 2000)
    found = NumberRange.fit(sold)
    outside = (others < found.low) | (others > found.high)
    assert outside.mean() <= 0.002 + 6 / n
    assert len(found.beyond) <= max(3, 0.005 * n)
    values: FloatArray = np.sort(np.append(found.beyond, sold[(sold >= found.low) & (sold <= found.high)]))
    np.testing.assert_array_equal(values, np.sort(sold))


def test_where_all_homes_have_one_size_the_other_numbers_keep_their_ranges(sold: Facts) -> None:
    """Rounding errors in the variance of equal sizes made a slope of them, and every home was refused."""
    for size in (0.1, 1901.0, 1e6 / 3):
        facts = sold.replace({"size": np.full(len(sold), size)})
        domain = ApplicabilityDomain.fit(HOUSES, facts)
        others = homes(size=[size] * 3, year=[1913.0, 1970.0, 2010.0], bathrooms=[1.0, 2.0, 4.0])
        assert domain.check(others) == ({}, {})


@pytest.mark.parametrize("n", [100, 300])
def test_a_town_of_few_sales_refuses_few_homes_and_none_far_outside_is_accepted(
    market: Market, sales: Sales, n: int
) -> None:
    refused, warned = [], []
    for seed in range(5):
        rows = np.random.default_rng(seed).permutation(len(sales))
        domain = ApplicabilityDomain.fit(market, sales.facts.take(rows[:n]))
        refusals, warnings = domain.check(sales.facts.take(rows[n : n + 500]))
        refused.append(len(refusals) / 500)
        warned.append(np.logical_or.reduce(list(warnings.values())).mean())
        castle = sales.facts.take(rows[:1]).replace({"square_footage": np.array([60_000.0])})
        assert domain.check(castle)[0]
    assert np.mean(refused) < 0.04
    assert np.mean(warned) < 0.12


def test_only_values_like_a_sold_one_are_accepted_beyond_the_range() -> None:
    rng = np.random.default_rng(0)
    for m in range(6):
        beyond, values = np.sort(rng.uniform(50, 150, m)), rng.uniform(0, 200, 200)
        # The range has a length of 80, so its margin of 8 is the smaller one from 80 on.
        expected = [all(abs(value - other) > min(8, 0.1 * other) for other in beyond) for value in values]
        found = NumberRange(0, 80, 0, logarithmic=False, beyond=beyond)
        assert found.is_far_from_beyond(values, step=1.0).tolist() == expected
        assert not found.is_far_from_beyond(beyond, step=0.0).any()
