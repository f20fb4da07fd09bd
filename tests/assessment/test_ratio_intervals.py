"""Intervals of COD, PRD, MKI and VEI: they agree with resampling, and hold what they should."""

from collections.abc import Callable

import numpy as np
import pytest

from estimator.assessment.ratio_intervals import cod_interval, mki_interval, prd_interval, vei_interval
from estimator.assessment.ratio_statistics import cod, mki, prd, vei
from estimator.market.arrays import FloatArray

Measure = Callable[[FloatArray, FloatArray], float]
Interval = Callable[[FloatArray, FloatArray], tuple[float, float] | None]

MEASURES: list[tuple[Measure, Interval]] = [
    (lambda price, estimate: cod(estimate / price), lambda price, estimate: cod_interval(estimate / price)),
    (prd, prd_interval),
    (mki, mki_interval),
    (lambda price, estimate: (vei(price, estimate) or (np.nan,))[0], vei_interval),
]


def draw(rng: np.random.Generator, n: int) -> tuple[FloatArray, FloatArray]:
    """Prices, and regressive estimates with fat-tailed errors."""
    price = np.exp(rng.normal(13, 0.5, n))
    return price, 2 * price**0.95 * np.exp(0.12 * rng.standard_t(5, n))


@pytest.mark.parametrize(("measure", "interval"), MEASURES, ids=["cod", "prd", "mki", "vei"])
def test_intervals_agree_with_resampling(measure: Measure, interval: Interval) -> None:
    rng = np.random.default_rng(0)
    price, estimate = draw(rng, 2000)
    resampled = []
    for _ in range(400):
        rows = rng.integers(len(price), size=len(price))
        resampled.append(measure(price[rows], estimate[rows]))
    low, high = interval(price, estimate) or (np.nan, np.nan)
    assert low < measure(price, estimate) < high
    assert (high - low) == pytest.approx(np.diff(np.quantile(resampled, [0.05, 0.95]))[0], rel=0.15)


@pytest.mark.parametrize(("measure", "interval"), MEASURES, ids=["cod", "prd", "mki", "vei"])
def test_most_intervals_of_few_sales_hold_the_value_of_the_whole_market(
    measure: Measure, interval: Interval
) -> None:
    rng = np.random.default_rng(1)
    whole = draw(rng, 40_000)
    truth, held = measure(*whole), 0
    for _ in range(200):
        rows = rng.integers(len(whole[0]), size=200)
        low, high = interval(whole[0][rows], whole[1][rows]) or (np.nan, np.nan)
        held += low <= truth <= high
    assert held / 200 > 0.8
