from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from estimator.features.kriging import KrigingInputs
from estimator.features.label_effects import LabelEffects, with_rare_labels
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.market.overview import MIN_LABEL_COUNT
from estimator.market.sales import Sales

SD_OF_LEVEL, SD_OF_SALE = 0.3, 0.2


def estates(n_levels: int, rng: np.random.Generator) -> tuple[Sales, KrigingInputs, np.ndarray[Any, Any]]:
    """Sales on estates of one to nine homes with one other fact, and what each estate is worth."""
    count = rng.integers(1, 10, n_levels)
    level = np.repeat(np.arange(n_levels), count)
    worth = SD_OF_LEVEL * rng.standard_normal(n_levels)
    size = rng.standard_normal(len(level))
    log_price = 12 + 0.5 * size + worth[level] + SD_OF_SALE * rng.standard_normal(len(level))
    names = np.array([f"estate {index}" for index in range(n_levels)])[level]
    facts = Facts({"size": size, "estate": names})
    sales = Sales(facts, np.exp(log_price), None, np.arange(len(level)))
    nothing = np.empty((len(level), 0), np.float32)
    return sales, KrigingInputs(size[:, None].astype(np.float32), nothing, nothing, None), worth[level]


def fit(n_levels: int = 400, seed: int = 0) -> tuple[LabelEffects, Sales, np.ndarray[Any, Any]]:
    sales, homes, worth = estates(n_levels, np.random.default_rng(seed))
    return LabelEffects.fit(("estate",), sales, homes, np.log(sales.price)), sales, worth


def test_the_shrinkage_is_the_ratio_of_the_variances_that_made_the_prices() -> None:
    prior = [fit(seed=seed)[0].sums["estate"].prior_sales for seed in range(5)]
    assert np.mean(prior) == pytest.approx(SD_OF_SALE**2 / SD_OF_LEVEL**2, rel=0.1)


def test_the_effects_are_closer_to_what_the_levels_are_worth_than_unshrunk_means() -> None:
    effects, sales, worth = fit()
    shrunk = effects.transform(sales.facts)[:, 0]
    sums = effects.sums["estate"]
    mean = (sums.total / sums.count)[np.searchsorted(sums.levels, sales.facts["estate"])]
    error_of_shrunk, error_of_mean = (float(np.std(estimate - worth)) for estimate in (shrunk, mean))
    assert error_of_shrunk < 0.95 * error_of_mean


def test_a_home_has_the_effect_that_the_other_homes_show() -> None:
    effects, sales, _ = fit(40)
    own = effects.transform(sales.facts, sales.home)[:, 0]
    for row in (0, 7, len(sales) - 1):
        sums, estate = effects.sums["estate"], sales.facts["estate"]
        others = (estate == estate[row]) & (np.arange(len(sales)) != row)
        centred = effects.residual - effects.residual.mean()
        assert own[row] == pytest.approx(centred[others].sum() / (others.sum() + sums.prior_sales))


def test_all_sales_of_a_home_are_left_out_on_their_level_only() -> None:
    effects, sales, _ = fit(40)
    sold_twice = LabelEffects(
        effects.sums, effects.residual, Sales(sales.facts, sales.price, None, sales.home // 2)
    )
    both = sold_twice.transform(sales.facts, sales.home // 2)[:, 0]
    estate, home = sales.facts["estate"], sales.home // 2
    centred = effects.residual - effects.residual.mean()
    others = (estate == estate[3]) & (home != home[3])
    assert both[3] == pytest.approx(centred[others].sum() / (others.sum() + effects.sums["estate"].prior_sales))


def test_an_unknown_and_a_new_label_have_no_effect_and_only_the_new_one_is_unseen() -> None:
    effects, _, _ = fit(40)
    homes = Facts({"size": np.zeros(2), "estate": np.array(["", "never sold"])})
    assert (effects.transform(homes) == 0).all()
    assert effects.unseen(homes, "estate").tolist() == [False, True]


def test_a_label_of_few_sales_is_rare() -> None:
    effects, sales, _ = fit(40)
    names, count = np.unique(sales.facts["estate"], return_counts=True)
    homes = Facts({"size": np.zeros(len(names)), "estate": names})
    np.testing.assert_array_equal(effects.rare(homes, "estate"), count < MIN_LABEL_COUNT)


def test_if_levels_do_not_differ_they_have_hardly_an_effect() -> None:
    rng = np.random.default_rng(0)
    sales, homes, worth = estates(400, rng)
    effects = LabelEffects.fit(("estate",), sales, homes, np.log(sales.price) - worth)
    assert np.abs(effects.transform(sales.facts)).max() < 0.1 * SD_OF_SALE


def test_effects_are_restored_from_their_state() -> None:
    effects, sales, _ = fit(40)
    restored = LabelEffects.from_state(effects.state(), sales)
    np.testing.assert_array_equal(
        restored.transform(sales.facts, sales.home), effects.transform(sales.facts, sales.home)
    )


def test_new_sales_change_the_effects_but_not_how_far_they_are_shrunk() -> None:
    """The networks have learned what an effect of some size means."""
    effects, _, _ = fit(40)
    sales, homes, _ = estates(40, np.random.default_rng(9))
    log_price = np.log(sales.price)
    updated = effects.with_sales(sales, homes, log_price)
    assert updated.sums["estate"].prior_sales == effects.sums["estate"].prior_sales
    assert not np.array_equal(updated.sums["estate"].total, effects.sums["estate"].total)


def test_an_effect_that_was_0_for_the_networks_stays_0() -> None:
    effects, sales, _ = fit(40)
    no_difference = replace(effects, sums={"estate": replace(effects.sums["estate"], prior_sales=np.inf)})
    _, homes, _ = estates(40, np.random.default_rng(0))
    updated = no_difference.with_sales(sales, homes, np.log(sales.price))
    assert (updated.transform(sales.facts) == 0).all()


def test_only_categories_with_rare_labels_have_effects(market: Market, parts: Any) -> None:
    facts = parts.train.facts
    name = "postal_code"
    few = Facts({**facts.columns, name: np.repeat("98103", len(facts))})
    assert with_rare_labels(market, few) == ()
    every_home = np.array([f"label {row}" for row in range(len(facts))])
    assert with_rare_labels(market, Facts({**facts.columns, name: every_home})) == (name,)
