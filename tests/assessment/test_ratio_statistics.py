"""The measures of the ratio study, compared with SciPy and pandas."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from estimator.assessment.ratio_statistics import cod, gini, median_interval, outliers, prb, prd
from tests.assessment.made_up_sales import amounts, columns, sales_lists


@given(sales_lists)
def test_the_measures_agree_with_scipy_and_pandas(rows: list[tuple[float, float]]) -> None:
    price, estimate = columns(rows)
    table = pd.DataFrame({"price": price, "estimate": estimate, "ratio": estimate / price})
    middle = table.ratio.median()
    assert cod(estimate / price) == pytest.approx(100 * (table.ratio / middle - 1).abs().mean(), abs=1e-9)
    assert prd(price, estimate) == pytest.approx(table.ratio.mean() / np.average(table.ratio, weights=table.price))
    worth = 0.5 * table.price + 0.5 * table.estimate / middle
    if (
        worth.max() / worth.min() > 1.001 and np.ptp(table.ratio) > 1e-6
    ):  # SciPy gives no standard error for an exact line
        line = stats.linregress(np.log2(worth), table.ratio / middle - 1)
        half_width = stats.t(len(table) - 2).ppf(0.95) * line.stderr
        assert prb(price, estimate) == pytest.approx(
            (line.slope, line.slope - half_width, line.slope + half_width), rel=1e-6, abs=1e-9
        )


@given(st.lists(amounts, min_size=2, max_size=60))
def test_the_gini_coefficient_is_the_relative_mean_difference(prices: list[float]) -> None:
    price = np.sort(prices)
    expected = np.abs(price[:, None] - price).mean() / (2 * price.mean())
    assert gini(price) == pytest.approx(expected, abs=1e-12)


def test_the_median_interval_has_a_coverage_of_ninety_percent() -> None:
    # The chance that from i to j − 1 of n sales lie below the median, by the binomial distribution.
    chances = []
    for n in range(5, 500):
        low, high = median_interval(np.arange(1.0, n + 1))
        assert low + high == n + 1
        chances.append(stats.binom(n, 0.5).cdf(high - 1) - stats.binom(n, 0.5).cdf(low - 1))
    assert np.mean(chances) == pytest.approx(0.9, abs=0.01)
    assert min(chances) == chances[9 - 5] == pytest.approx(0.82, abs=0.005)
    assert min(chances[30 - 5 :]) > 0.86


def test_with_equal_quartiles_there_are_no_outliers() -> None:
    assert not outliers(np.array([1.0] * 90 + [1.01] * 10)).any()
