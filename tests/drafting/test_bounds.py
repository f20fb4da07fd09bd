import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimator.drafting.bounds import amount_bounds, coordinate_bounds, rating_bounds, year_bounds

SIZES = np.asarray(np.random.default_rng(0).lognormal(7.5, 0.4, 5_000).round(), np.float64)


@pytest.mark.parametrize("wrong", [0.0, -1.0, 9e6])
def test_wrong_sizes_lie_outside(wrong: float) -> None:
    bounds = amount_bounds(np.array([*SIZES, wrong], np.float64), may_be_zero=False)
    assert bounds.outside == 1
    assert bounds.minimum < SIZES.min()
    assert bounds.maximum > SIZES.max()


def test_counts_may_be_zero() -> None:
    rooms = np.asarray(np.random.default_rng(0).poisson(3, 1_000) + 1, np.float64)
    assert amount_bounds(rooms, may_be_zero=True).minimum == 0


@given(st.lists(st.floats(0, 1e7), min_size=1, max_size=50))
def test_bounds_exclude_hardly_any_value_that_is_not_rare(values: list[float]) -> None:
    bounds = amount_bounds(np.array(values), may_be_zero=True)
    assert bounds.outside <= 0.002 * len(values)
    assert bounds.minimum <= bounds.maximum


def test_negative_amounts_that_are_common_are_inside() -> None:
    heights = np.random.default_rng(0).normal(0, 10, 1_000)
    bounds = amount_bounds(heights, may_be_zero=True)
    assert bounds.minimum <= heights.min()
    assert bounds.outside == 0


def test_year_500_is_outside_and_a_home_under_construction_inside() -> None:
    years = np.append(np.arange(1900.0, 2016.0).repeat(10), [500.0, 20015.0])
    bounds = year_bounds(years, 2015)
    assert (bounds.minimum, bounds.maximum, bounds.outside) == (1850, 2020, 2)


def test_zero_is_a_year_where_it_means_never() -> None:
    assert year_bounds(np.array([0.0] * 90 + [1990.0] * 10), 2015).minimum == 0


def test_ratings_have_the_bounds_of_their_scale() -> None:
    assert rating_bounds(np.array([1.0, 3.0, 5.0])).maximum == 5


def test_coordinates_at_zero_and_swapped_ones_are_outside() -> None:
    latitude = np.append(np.random.default_rng(0).normal(47.5, 0.1, 1_000), [0.0, -122.3])
    bounds = coordinate_bounds(latitude, 90.0)
    assert bounds.outside == 2
    assert 46 < bounds.minimum < 47.2
    assert 47.8 < bounds.maximum < 49
