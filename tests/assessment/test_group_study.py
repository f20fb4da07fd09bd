"""Figures by group of the population, and when a difference is more than chance."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimator.assessment.group_study import FIGURES, MIN_AREAS, GroupSales, group_figures, weighted_median


@given(st.lists(st.tuples(st.floats(0.5, 2), st.integers(0, 4)), min_size=1, max_size=40))
def test_a_median_weighted_by_counts_is_that_of_the_repeated_values(rows: list[tuple[float, int]]) -> None:
    values, counts = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    found = weighted_median(np.append(values, np.nan), np.append(counts.astype(np.float64), 7.0))
    repeated = np.repeat(values, counts)
    assert found == pytest.approx(np.median(repeated)) if len(repeated) else np.isnan(found)


def town(gap: float = 1.0, areas: int = 40, seed: int = 0) -> tuple[GroupSales, np.ndarray]:
    """Sales of areas, half of them with many of a group, whose homes are valued at `gap` times those elsewhere."""
    rng = np.random.default_rng(seed)
    area = np.repeat(np.arange(areas), 25)
    share = np.where(area % 2, 0.9, 0.1)
    level = np.where(area % 2, gap, 1.0) * np.exp(0.02 * rng.normal(size=areas))[area]
    ratio = level * np.exp(0.1 * rng.normal(size=len(area)))
    inside = (np.abs(np.log(ratio)) < 0.165).astype(np.float64)
    return GroupSales(ratio, inside, np.full(len(area), 0.1), area), share


def test_shares_of_one_and_zero_give_the_plain_figures_of_the_two_halves() -> None:
    sales, share = town()
    found = group_figures(sales, (share > 0.5).astype(np.float64), np.random.default_rng(0))
    rows = share > 0.5
    ratio = sales.ratio[rows]
    expected = {
        "median_ratio": np.median(ratio),
        "mdape": 100 * np.median(np.abs(ratio - 1)),
        "coverage": 100 * sales.inside[rows].mean(),
        "fsd_ratio": np.std(ratio) / 0.1,
        "refused": 0.0,
    }
    assert list(found["figures"]) == list(FIGURES)
    for name, value in expected.items():
        assert found["figures"][name]["value"] == pytest.approx(value, abs=1e-4)
    assert found["figures"]["median_ratio"]["rest"] == pytest.approx(np.median(sales.ratio[~rows]), abs=1e-4)
    assert (found["sales"], found["areas"], found["weight"]) == (1000, 20, 500)


def test_a_group_that_is_valued_lower_is_found_and_one_that_is_not_mostly_not() -> None:
    sales, share = town(gap=0.9)
    level = group_figures(sales, share, np.random.default_rng(0))["figures"]["median_ratio"]
    assert level["differs"] is True
    assert -0.1 < level["difference_low"] < level["difference"] < level["difference_high"] < -0.05
    assert level["low"] < level["value"] < level["high"]
    chance = [
        group_figures(*town(seed=seed, areas=20), np.random.default_rng(0))["figures"]["median_ratio"]["differs"]
        for seed in range(20)
    ]
    assert chance.count(True) <= 6  # a tenth of them, give or take


def test_refusals_count_and_unknown_shares_do_not() -> None:
    sales, share = town()
    refused = np.arange(len(share)) % 10 == 0
    ratio = np.where(refused & (share > 0.5), np.nan, sales.ratio)
    nothing = np.where(np.isnan(ratio), np.nan, sales.inside)
    changed = GroupSales(ratio, nothing, np.where(np.isnan(ratio), np.nan, sales.fsd), sales.area)
    known = np.where(sales.area < 30, share > 0.5, np.nan).astype(np.float64)
    found = group_figures(changed, known, np.random.default_rng(0))
    rows = (sales.area < 30) & (share > 0.5)
    assert found["sales"] == 750
    assert found["figures"]["refused"]["value"] == pytest.approx(100 * refused[rows].mean(), abs=1e-4)
    assert found["figures"]["refused"]["rest"] == 0
    assert found["figures"]["refused"]["differs"] is True


def test_few_areas_and_values_without_ranges_have_no_intervals_or_figures() -> None:
    sales, share = town(areas=2 * MIN_AREAS - 2)
    few = group_figures(sales, (share > 0.5).astype(np.float64), np.random.default_rng(0))["figures"]["mdape"]
    assert few["value"] is not None
    assert few["low"] is few["difference_low"] is few["differs"] is None
    unknown = np.full(len(share), np.nan)
    bare = group_figures(GroupSales(sales.ratio, unknown, unknown, sales.area), share, np.random.default_rng(0))
    assert bare["figures"]["coverage"]["value"] is bare["figures"]["fsd_ratio"]["differs"] is None
