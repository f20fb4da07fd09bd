import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimator.appraiser import Appraiser
from estimator.deals.costs import Costs
from estimator.deals.list_prices import ListPriceModel
from estimator.deals.past_resales import MAX_YEARS, MIN_PAIRS, PastResales, RepeatSales
from estimator.deals.readings import PAST_RESALES, READING_FIELDS
from estimator.deals.screen_file import screen_file
from estimator.deals.screening import screen
from tests.deals.test_screen_file import listings

PRIOR = ListPriceModel.prior([np.linspace(-2, 2, 201)])


def simulated(n: int, base: float, value_error: float, rng: np.random.Generator) -> RepeatSales:
    """Return resales whose true discounts come back completely, seen by values that err."""
    true_discount = rng.normal(0.2, 0.2, n)
    discount = true_discount + rng.normal(0, value_error, n)
    return RepeatSales(discount, base + true_discount + rng.normal(0, 0.1, n))


@pytest.mark.parametrize(("value_error", "share"), [(0.0, 1.0), (0.1, 0.8), (0.2, 0.5)])
def test_the_share_is_what_errors_of_the_values_leave_of_a_discount(value_error: float, share: float) -> None:
    # Errors-in-variables attenuation: var(true)/(var(true) + var(error)).
    found = PastResales.fit(simulated(20_000, 0.1, value_error, np.random.default_rng(0)))
    assert found.share == pytest.approx(share, abs=0.02)
    assert found.base + found.share * 0.2 == pytest.approx(0.3, abs=0.01)


def test_what_half_of_the_resales_teach_holds_for_the_other_half() -> None:
    rng = np.random.default_rng(0)
    sales = simulated(600, 0.1, 0.15, rng)
    first, second = np.arange(600) < 300, np.arange(600) >= 300
    past = PastResales.fit(RepeatSales(sales.discount[first], sales.gain[first]))
    value, list_price = np.exp(sales.discount[second]), np.ones(300)
    resale = past.resale(value, list_price)
    gain = np.exp(sales.gain[second])
    assert np.median(resale.quantile(0.5)) == pytest.approx(np.median(gain), abs=0.05)
    inside = (gain > resale.quantile(0.1)) & (gain < resale.quantile(0.9))
    assert inside.mean() == pytest.approx(0.8, abs=0.07)
    assert resale.probability_above(list_price).mean() == pytest.approx((gain > 1).mean(), abs=0.05)


def test_a_few_mistyped_prices_change_little() -> None:
    sales = simulated(500, 0.1, 0.1, np.random.default_rng(0))
    clean = PastResales.fit(sales)
    gain = sales.gain.copy()
    gain[:5] += np.log(10)
    mistyped = PastResales.fit(RepeatSales(sales.discount, gain))
    assert mistyped.share == pytest.approx(clean.share, abs=0.05)
    assert mistyped.base == pytest.approx(clean.base, abs=0.02)


@given(slope=st.floats(-3, 3), seed=st.integers(0, 10))
def test_the_share_stays_between_nothing_and_all(slope: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    discount = rng.normal(0, 0.2, 100)
    past = PastResales.fit(RepeatSales(discount, slope * discount + rng.normal(0, 0.05, 100)))
    assert 0 <= past.share <= 1
    assert abs(np.median(past.errors)) < 0.1


def test_equal_discounts_still_tell_the_gain() -> None:
    past = PastResales.fit(RepeatSales(np.full(60, 0.1), np.linspace(0.2, 0.4, 60)))
    resale = past.resale(np.array([np.exp(0.1)]), np.ones(1))
    assert resale.quantile(0.5)[0] == pytest.approx(np.exp(0.3), rel=0.01)


def test_too_few_pairs_teach_nothing_and_say_so() -> None:
    sales = simulated(MIN_PAIRS - 1, 0.1, 0.1, np.random.default_rng(0))
    past = PastResales.fit(sales)
    assert not past.is_known
    assert past.as_dict() == {"pairs": 49, "pairs_needed": 50, "share": None, "base": None}
    assert past.text() == (
        "49 homes of this market were sold twice within 2 years; at least 50 are needed to learn how much of a"
        " discount comes back on resale"
    )
    one = np.array([300_000.0])
    assert PAST_RESALES not in screen(one, np.array([0.1]), one, Costs.of({}, 1), PRIOR, past=past).readings


def test_what_was_learned_is_told_in_words() -> None:
    past = PastResales(177, 0.135, 0.918, np.array([-0.1, 0.1]))
    assert past.text() == (
        "177 homes of this market were sold twice within 2 years: 92% of a discount came back on resale, besides a"
        " gain of 14%"
    )


def test_a_home_at_its_value_gains_the_base() -> None:
    past = PastResales(100, 0.1, 0.5, np.linspace(-0.2, 0.2, 101))
    one = np.array([200_000.0])
    screening = screen(one, np.array([0.1]), one, Costs.of({}, 1), PRIOR, 0.5, past)
    assert screening.readings[PAST_RESALES].highest_offer[0] == pytest.approx(
        200_000 * np.exp(0.1) * 0.92 / 1.02, rel=1e-6
    )


def test_pairs_are_the_following_sales_of_one_home_valued_without_its_prices(appraiser: Appraiser) -> None:
    # One in ten of King County's sales has no home twice, so each two homes become one.
    sales = replace(appraiser.model.sales, home=appraiser.model.sales.home // 20)
    model = replace(appraiser.model, sales=sales)
    assert sales.date is not None
    index = model.index.at(model.market, sales.facts, sales.date)
    rows_of_home: dict[int, list[int]] = {}
    for row in np.argsort(sales.date, kind="stable").tolist():
        rows_of_home.setdefault(int(sales.home[row]), []).append(row)
    expected = set()
    for rows in rows_of_home.values():
        for first, second in itertools.pairwise(rows):
            if 0 < (sales.date[second] - sales.date[first]).astype(int) <= 365.25 * MAX_YEARS:
                gain = np.log(sales.price[second] / sales.price[first]) - (index[second] - index[first])
                expected.add((round(float(index[first] - model.residual[first]), 9), round(float(gain), 9)))
    found = RepeatSales.of(model)
    pairs = zip(found.discount.round(9).tolist(), found.gain.round(9).tolist(), strict=True)
    assert set(pairs) == expected
    assert len(found) > 20
    # By these residuals, too, homes are worth their price in the middle.
    assert abs(np.median(index - model.residual)) < 0.02


def test_a_screened_file_has_the_third_reading_where_it_is_known(
    appraiser: Appraiser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sales = simulated(200, 0.1, 0.1, np.random.default_rng(0))
    monkeypatch.setattr(RepeatSales, "of", lambda _model: sales)
    listings(30).to_csv(tmp_path / "listings.csv", index=False)
    model = ListPriceModel.prior(appraiser.ranges.scores)
    screen_file(appraiser, model, tmp_path / "listings.csv", tmp_path / "deals.csv", {"holding_months": 6.0})
    lines = (tmp_path / "deals.csv").read_text().splitlines()
    first = dict(zip(lines[0].split(","), lines[1].split(","), strict=True))
    past = PastResales.fit(sales)
    value, list_price = (np.array([float(first[name])]) for name in ("valuation_price", "list_price"))
    expected = screen(value, np.array([0.1]), list_price, Costs.of({"holding_months": 6.0}, 1), model, past=past)
    figures = expected.reading_columns()[PAST_RESALES]
    for field in READING_FIELDS:
        assert float(first[f"screen_{PAST_RESALES}_{field}"]) == pytest.approx(figures[field][0], rel=1e-6)
