"""Homes that are alike should have values that are alike."""

import numpy as np
import pytest

from estimator.assessment.horizontal_equity import MAX_HOMES, evenly_spaced, horizontal_equity


def test_groups_of_five_twins_give_the_dispersion_by_hand() -> None:
    facts = np.repeat(np.arange(8.0), 5)[:, None]
    value = np.tile([80.0, 90, 100, 110, 120], 8)  # median 100, mean distance 12
    found = horizontal_equity(facts, np.tile([100.0, 100, 100, 100, 150], 8), value)
    assert found is not None
    assert (found.chd_values, found.chd_prices, found.widest_tenth) == pytest.approx((12, 10, 12))
    assert found.homes == 40


def test_values_that_follow_the_facts_differ_less_among_like_homes_than_noisy_prices() -> None:
    rng = np.random.default_rng(0)
    facts = rng.normal(size=(1500, 3))
    value = np.exp(0.3 * facts.sum(axis=1))
    found = horizontal_equity(facts, value * np.exp(0.2 * rng.normal(size=1500)), value)
    assert found is not None
    assert found.chd_values < 0.6 * found.chd_prices
    assert found.homes == 1500


def test_of_many_homes_some_are_compared_from_the_first_to_the_last() -> None:
    rows = evenly_spaced(7 * MAX_HOMES)
    assert (len(set(rows.tolist())), rows[0], rows[-1]) == (MAX_HOMES, 0, 7 * MAX_HOMES - 1)
    assert evenly_spaced(3).tolist() == [0, 1, 2]


def test_few_homes_have_no_figure() -> None:
    assert horizontal_equity(np.zeros((29, 1)), np.ones(29), np.ones(29)) is None
