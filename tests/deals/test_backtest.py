import numpy as np
import pytest
from scipy.stats import kendalltau

from benchmarks.screening import FREE, simulated_market
from estimator.deals.backtest import (
    EXPECTED_MARGIN,
    NAIVE,
    PRICE_PER_UNIT,
    SEVENTY,
    Backtest,
    backtest,
    reliability,
)
from estimator.deals.costs import Costs
from estimator.deals.list_prices import ListPriceModel

N = 4_000


@pytest.fixture(scope="module")
def result() -> Backtest:
    rng = np.random.default_rng(0)
    fsd = np.full(N, 0.12)
    worth, value, list_price = simulated_market(N, 0.12, 0.06, rng)
    model = ListPriceModel.fit(value, fsd, list_price, worth)
    worth, value, list_price = simulated_market(N, 0.12, 0.06, rng)
    return backtest(value, fsd, list_price, worth, Costs.of(FREE, N), model, worth / 300, rng)


def test_probabilities_are_calibrated(result: Backtest) -> None:
    assert sum(band.n for band in result.reliability) == N
    for band in result.reliability:
        chance = np.sqrt(band.claimed * (1 - band.claimed) / band.n)
        assert abs(band.claimed - band.realised) < 0.02 + 3 * chance


def test_the_expected_margin_is_realised_and_the_margin_by_value_is_not(result: Backtest) -> None:
    expected, naive = result.rankings[EXPECTED_MARGIN].tops[-1], result.rankings[NAIVE].tops[-1]
    assert expected.k == naive.k == 500
    assert expected.claimed == pytest.approx(expected.realised, abs=1.0)
    assert naive.claimed is not None
    assert naive.claimed > naive.realised + 10


def test_the_top_fifth_beats_the_bottom_fifth_within_the_interval(result: Backtest) -> None:
    ranking = result.rankings[EXPECTED_MARGIN]
    assert 0 < ranking.spread_low < ranking.spread < ranking.spread_high
    assert ranking.rank_correlation > 0.2


def test_the_seventy_percent_rule_without_repair_ranks_like_the_value(result: Backtest) -> None:
    assert result.rankings[SEVENTY].tops[0].realised == result.rankings[NAIVE].tops[0].realised
    assert result.rankings[SEVENTY].tops[0].claimed is None


def test_figures_of_five_listings_by_hand() -> None:
    value = np.array([200.0, 150.0, 120.0, 100.0, 90.0])
    resale = np.array([110.0, 130.0, 100.0, 105.0, 80.0])
    list_price, size = np.full(5, 100.0), np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    model = ListPriceModel.prior([np.linspace(-2, 2, 21)])
    rng = np.random.default_rng(0)
    result = backtest(value, np.full(5, 0.2), list_price, resale, Costs.of(FREE, 5), model, size, rng)
    naive = result.rankings[NAIVE]
    assert naive.tops == ()  # the smallest top list is of ten
    assert naive.spread == pytest.approx(10 - -20)
    assert np.sign(naive.rank_correlation) == np.sign(kendalltau(value, resale).statistic)
    assert result.rankings[PRICE_PER_UNIT].spread == pytest.approx(-20 - 10)
    count, realised = result.seventy_percent_buys
    assert count == 2
    assert realised == pytest.approx(20.0)


def test_bands_include_their_bounds() -> None:
    bands = reliability(np.array([0.0, 0.05, 0.1, 1.0]), np.array([False, True, True, True]))
    assert [(band.low, band.n, band.realised) for band in bands] == [(0.0, 2, 0.5), (0.1, 1, 1.0), (0.9, 1, 1.0)]
