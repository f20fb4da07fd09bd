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
from estimator.deals.list_prices import ListPriceModel
from estimator.deals.screening import Costs

N = 4_000


@pytest.fixture(scope="module")
def found() -> Backtest:
    rng = np.random.default_rng(0)
    fsd = np.full(N, 0.12)
    worth, value, ask = simulated_market(N, 0.12, 0.06, rng)
    asks = ListPriceModel.fit(value, fsd, ask, worth)
    worth, value, ask = simulated_market(N, 0.12, 0.06, rng)
    return backtest(value, fsd, ask, worth, Costs.of(FREE, N), asks, worth / 300, rng)


def test_probabilities_come_true(found: Backtest) -> None:
    assert sum(band.n for band in found.reliability) == N
    for band in found.reliability:
        chance = np.sqrt(band.claimed * (1 - band.claimed) / band.n)
        assert abs(band.claimed - band.realised) < 0.02 + 3 * chance


def test_claims_of_the_expected_margin_hold_and_those_of_the_value_do_not(found: Backtest) -> None:
    honest, naive = found.rankings[EXPECTED_MARGIN].tops[-1], found.rankings[NAIVE].tops[-1]
    assert honest.k == naive.k == 500
    assert honest.claimed == pytest.approx(honest.realised, abs=1.0)
    assert naive.claimed is not None
    assert naive.claimed > naive.realised + 10


def test_the_best_fifth_beats_the_worst_and_the_interval_holds_the_difference(found: Backtest) -> None:
    ranking = found.rankings[EXPECTED_MARGIN]
    assert 0 < ranking.spread_low < ranking.spread < ranking.spread_high
    assert ranking.rank_correlation > 0.2


def test_the_seventy_percent_rule_ranks_as_the_value_does_without_repair(found: Backtest) -> None:
    assert found.rankings[SEVENTY].tops[0].realised == found.rankings[NAIVE].tops[0].realised
    assert found.rankings[SEVENTY].tops[0].claimed is None


def test_figures_of_a_handful_by_hand() -> None:
    value = np.array([200.0, 150.0, 120.0, 100.0, 90.0])
    resale = np.array([110.0, 130.0, 100.0, 105.0, 80.0])
    ask, size = np.full(5, 100.0), np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    asks = ListPriceModel.prior([np.linspace(-2, 2, 21)])
    rng = np.random.default_rng(0)
    found = backtest(value, np.full(5, 0.2), ask, resale, Costs.of(FREE, 5), asks, size, rng)
    naive = found.rankings[NAIVE]
    assert naive.tops == ()  # the least is the best ten
    assert naive.spread == pytest.approx(10 - -20)
    assert np.sign(naive.rank_correlation) == np.sign(kendalltau(value, resale).statistic)
    assert found.rankings[PRICE_PER_UNIT].spread == pytest.approx(-20 - 10)
    count, realised = found.seventy_percent_buys
    assert count == 2
    assert realised == pytest.approx(20.0)


def test_bands_hold_their_ends() -> None:
    bands = reliability(np.array([0.0, 0.05, 0.1, 1.0]), np.array([False, True, True, True]))
    assert [(band.low, band.n, band.realised) for band in bands] == [(0.0, 2, 0.5), (0.1, 1, 1.0), (0.9, 1, 1.0)]
