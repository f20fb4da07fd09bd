import numpy as np
import pytest
from scipy.stats import spearmanr

from estimator.drafting.effects import PriceSample, price_effect, rank_correlation
from estimator.drafting.known_facts import KnownFact, known_fact

RNG = np.random.default_rng(0)
N = 2_000
SIZE = np.asarray(RNG.lognormal(7, 0.4, N), np.float64)
BUILT = np.asarray(RNG.integers(1900, 2015, N), np.float64)
# Old homes are kept up better, and are worth less for their age.
CONDITION = np.asarray(np.clip(np.round(4 - (BUILT - 1960) / 40 + RNG.normal(0, 0.7, N)), 1, 5), np.float64)
PRICE = np.asarray(SIZE * np.exp(0.012 * (BUILT - 1960) + 0.15 * CONDITION + RNG.normal(0, 0.05, N)), np.float64)
EVIDENCE = PriceSample(PRICE, (SIZE, BUILT))


def fact(name: str) -> KnownFact:
    found = known_fact(name)
    assert found is not None
    return found[0]


def test_the_rank_correlation_is_spearmans() -> None:
    values = np.where(np.arange(N) % 7 == 0, np.nan, CONDITION)
    known = ~np.isnan(values)
    assert rank_correlation(values, PRICE) == pytest.approx(spearmanr(values[known], PRICE[known]).statistic)


def test_good_upkeep_of_old_homes_is_seen_to_raise_prices() -> None:
    assert rank_correlation(CONDITION, PRICE) < 0
    assert rank_correlation(CONDITION, PRICE, [SIZE, BUILT]) > 0.05
    assert price_effect(fact("condition"), CONDITION, EVIDENCE) == ("increasing", [])


def test_an_effect_that_the_sales_do_not_show_is_left_out_and_told() -> None:
    effect, told = price_effect(fact("grade"), 20 - PRICE, EVIDENCE)
    assert effect is None
    assert told == ["price_effect: left out, because the rank correlation with the price is -1.00"]


def test_the_size_itself_is_judged_without_itself() -> None:
    assert price_effect(fact("sqft"), SIZE, EVIDENCE)[0] == "increasing"


def test_an_unknown_number_that_rises_with_the_price_is_proposed() -> None:
    effect, told = price_effect(None, SIZE * 2, EVIDENCE)
    assert effect is None
    assert told[0].startswith('price_effect = "increasing" is possible')
    assert price_effect(None, RNG.normal(0, 1, N), EVIDENCE) == (None, [])


@pytest.mark.parametrize(
    "values", [np.full(N, 3.0), np.full(N, np.nan), np.where(np.arange(N) < 20, BUILT, np.nan)]
)
def test_constant_and_hardly_known_numbers_have_no_effect(values: np.ndarray) -> None:
    assert price_effect(fact("grade"), values, EVIDENCE) == (None, [])
