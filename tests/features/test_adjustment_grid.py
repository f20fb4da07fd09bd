from dataclasses import replace

import numpy as np
import pytest

from estimator.features.adjustment_grid import AdjustmentGrid
from estimator.features.grid_inputs import GridFactors, GridHomes, GridParameters, Neighbours

N_FACTS, N_SOLD, N_SUBJECTS, N_NEIGHBOURS = 4, 200, 60, 12


def random_homes(n: int, rng: np.random.Generator) -> GridHomes:
    """Homes with a fifth of their facts unknown."""
    known = (rng.random((n, N_FACTS)) < 0.8).astype(np.float32)
    return GridHomes(rng.normal(size=(n, N_FACTS)).astype(np.float32) * known, known)


@pytest.fixture(scope="module")
def sold() -> GridHomes:
    return random_homes(N_SOLD, np.random.default_rng(0))


@pytest.fixture(scope="module")
def log_price() -> np.ndarray:
    return np.random.default_rng(1).normal(size=N_SOLD).astype(np.float32)


@pytest.fixture(scope="module")
def subjects() -> GridHomes:
    return random_homes(N_SUBJECTS, np.random.default_rng(2))


@pytest.fixture(scope="module")
def neighbours() -> Neighbours:
    """Random comparables; the last two subjects have few or none."""
    rng = np.random.default_rng(3)
    km = np.sort(rng.random((N_SUBJECTS, N_NEIGHBOURS)), axis=1)
    km[-2, 5:] = np.inf
    km[-1] = np.inf
    return Neighbours(rng.integers(0, N_SOLD, (N_SUBJECTS, N_NEIGHBOURS)), km)


THETA = np.random.default_rng(4).normal(0, 0.3, 3 * N_FACTS + 2)
FACTORS = GridFactors.of(THETA)
AGE = np.random.default_rng(6).random(N_SOLD).astype(np.float32)


def test_the_grid_agrees_with_its_formula_written_out(
    sold: GridHomes, log_price: np.ndarray, subjects: GridHomes, neighbours: Neighbours
) -> None:
    estimates = AdjustmentGrid(sold, log_price, AGE).estimate(subjects, neighbours, FACTORS)
    parameters = GridParameters(THETA)
    for subject in range(N_SUBJECTS - 1):
        rows = neighbours.rows[subject, np.isfinite(neighbours.km[subject])]
        km = neighbours.km[subject, : len(rows)]
        both_known = subjects.known[subject] * sold.known[rows]
        x, sold_facts = subjects.facts[subject], sold.facts[rows]
        score = -((x - sold_facts) ** 2 * both_known) @ np.exp(parameters.log_fact_penalty)
        score -= (
            np.exp(parameters.log_distance_penalty) * np.log(km + 0.05)
            + np.exp(parameters.log_age_penalty) * AGE[rows]
        )
        weight = np.exp(score) / np.exp(score).sum()
        adjusted = log_price[rows] + (x - sold_facts) * both_known @ parameters.slope
        adjusted += (x**2 - sold_facts**2) * both_known @ parameters.curvature
        np.testing.assert_allclose(estimates.weight[subject, : len(rows)], weight, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(
            estimates.adjusted_log_price[subject, : len(rows)], adjusted, rtol=1e-4, atol=1e-5
        )
        assert estimates.estimate[subject] == pytest.approx(weight @ adjusted, rel=1e-4, abs=1e-5)
    assert not estimates.weight[-1].any(), "a subject without comparables"


def test_the_grid_of_a_subject_does_not_depend_on_other_subjects(
    sold: GridHomes, log_price: np.ndarray, subjects: GridHomes, neighbours: Neighbours
) -> None:
    grid = AdjustmentGrid(sold, log_price, AGE)
    together = grid.estimate(subjects, neighbours, FACTORS)
    for subject in range(N_SUBJECTS):
        one = slice(subject, subject + 1)
        alone = grid.estimate(subjects.take(one), neighbours.take(one), FACTORS)
        np.testing.assert_array_equal(alone.weight[0], together.weight[subject])
        np.testing.assert_array_equal(alone.adjusted_log_price[0], together.adjusted_log_price[subject])


def test_weights_do_not_depend_on_the_day_that_ages_are_counted_from(
    sold: GridHomes, log_price: np.ndarray, subjects: GridHomes, neighbours: Neighbours
) -> None:
    earlier, later = (
        AdjustmentGrid(sold, log_price, AGE + days).estimate(subjects, neighbours, FACTORS) for days in (0, 10)
    )
    np.testing.assert_allclose(earlier.weight, later.weight, atol=1e-5)


def test_the_gradient_agrees_with_finite_differences(
    sold: GridHomes, log_price: np.ndarray, subjects: GridHomes, neighbours: Neighbours
) -> None:
    grid = AdjustmentGrid(sold, log_price, AGE)
    price = np.random.default_rng(5).normal(size=N_SUBJECTS).astype(np.float32)
    gradient = grid.loss_gradient(subjects, neighbours, price, THETA)[1]
    for index in range(len(THETA)):
        step = np.zeros(len(THETA))
        step[index] = 1e-2
        above, below = (
            grid.loss_gradient(subjects, neighbours, price, THETA + side * step)[0] for side in (1, -1)
        )
        assert gradient[index] == pytest.approx((above - below) / 2e-2, rel=0.02, abs=2e-4)


def test_fit_recovers_the_price_effects(sold: GridHomes, subjects: GridHomes, neighbours: Neighbours) -> None:
    slope = np.array([0.5, -1.0, 0.0, 2.0], np.float32)
    sold_known = replace(sold, known=np.ones_like(sold.known))
    subjects_known = replace(subjects, known=np.ones_like(subjects.known))
    grid = AdjustmentGrid(sold_known, sold_known.facts @ slope, AGE)
    theta = grid.fit(
        subjects_known,
        neighbours,
        subjects_known.facts @ slope,
        GridParameters.initial_theta(np.ones(N_FACTS, np.bool_)),
        np.random.default_rng(0),
    )
    np.testing.assert_allclose(GridParameters(theta).slope, slope, atol=0.05)


def test_differences_sum_to_the_adjusted_prices_and_the_log_weights(
    sold: GridHomes, log_price: np.ndarray, subjects: GridHomes, neighbours: Neighbours
) -> None:
    grid = AdjustmentGrid(sold, log_price, AGE)
    estimates, differences = (
        grid.estimate(subjects, neighbours, FACTORS),
        grid.differences(subjects, neighbours, THETA),
    )
    for subject in range(N_SUBJECTS - 1):
        is_present = np.isfinite(neighbours.km[subject])
        adjusted = log_price[neighbours.rows[subject]] + differences.adjustment[subject].sum(axis=1)
        np.testing.assert_allclose(
            adjusted[is_present], estimates.adjusted_log_price[subject, is_present], rtol=1e-4, atol=1e-5
        )
        share = np.exp(-differences.penalty[subject, is_present].sum(axis=1).astype(np.float64))
        np.testing.assert_allclose(
            share / share.sum(), estimates.weight[subject, is_present], rtol=1e-4, atol=1e-6
        )


def test_a_change_of_one_fact_only_changes_its_own_differences(
    sold: GridHomes, log_price: np.ndarray, subjects: GridHomes, neighbours: Neighbours
) -> None:
    grid = AdjustmentGrid(sold, log_price, AGE)
    moved = replace(subjects, facts=subjects.facts + np.eye(N_FACTS, dtype=np.float32)[1] * subjects.known)
    before, after = (grid.differences(homes, neighbours, THETA) for homes in (subjects, moved))
    for one, other in ((before.adjustment, after.adjustment), (before.penalty, after.penalty)):
        changed = (one != other).any(axis=(0, 1))
        assert np.flatnonzero(changed).tolist() == [1]
    unknown = subjects.known[:, None, 1] * sold.known[neighbours.rows, 1] == 0
    assert unknown.any()
    assert not after.adjustment[unknown, 1].any()
    assert not after.penalty[unknown, 1].any()


def test_price_effects_are_recovered_after_a_fit_with_the_fact_hidden() -> None:
    """Neighbours have similar sizes, so a grid without the subject's size underestimates the effect of size."""
    rng = np.random.default_rng(0)
    n, count = 2000, 20
    location = np.sort(rng.random(n))
    size = (np.sin(20 * location) + rng.normal(0, 0.7, n)).astype(np.float32)
    log_price = (0.3 * size + rng.normal(0, 0.02, n)).astype(np.float32)
    homes = GridHomes(size[:, None], np.ones((n, 1), np.float32))
    order = np.argsort(np.abs(location[:, None] - location), axis=1)[:, 1 : count + 1]
    neighbours = Neighbours(order, np.abs(location[order] - location[:, None]))
    grid = AdjustmentGrid(homes, log_price, np.zeros(n, np.float32))
    without_size = replace(homes, facts=np.zeros_like(homes.facts))
    theta = grid.fit(without_size, neighbours, log_price, GridParameters.initial_theta(np.zeros(1, np.bool_)), rng)
    assert GridParameters(theta).slope[0] < 0.2
    fitted = GridParameters(grid.fit_price_effects(homes, neighbours, log_price, theta, np.ones(1)))
    assert fitted.slope[0] == pytest.approx(0.3, abs=0.01)
    assert fitted.curvature[0] == pytest.approx(0.0, abs=0.01)
    before = GridParameters(theta)
    assert (fitted.log_fact_penalty, fitted.log_distance_penalty, fitted.log_age_penalty) == (
        before.log_fact_penalty,
        before.log_distance_penalty,
        before.log_age_penalty,
    )


@pytest.mark.parametrize("direction", [1.0, -1.0])
def test_a_monotone_feature_never_has_the_wrong_sign(
    sold: GridHomes, subjects: GridHomes, neighbours: Neighbours, direction: float
) -> None:
    """Even if the sales suggest otherwise: here the price first falls with the feature, then rises."""
    log_price = 0.4 * subjects.facts[:, 0] ** 2
    grid = AdjustmentGrid(sold, 0.4 * sold.facts[:, 0] ** 2, AGE)
    directions = np.array([direction, 0, 0, 0])
    fitted = GridParameters(grid.fit_price_effects(subjects, neighbours, log_price, THETA, directions))
    slope = fitted.slope[0] + 2 * fitted.curvature[0] * np.linspace(-3, 3, 50)
    assert (direction * slope >= -1e-9).all()
    unconstrained = GridParameters(
        grid.fit_price_effects(subjects, neighbours, log_price, THETA, np.zeros(N_FACTS))
    )
    assert (
        unconstrained.slope[0] + 6 * unconstrained.curvature[0]
        > 0
        > unconstrained.slope[0] - 6 * unconstrained.curvature[0]
    )
