from dataclasses import replace

import numpy as np
import pytest

from estimator.features.adjustment_grid import AdjustmentGrid, Homes, Near, Terms

FACTS, SOLD, SUBJECTS, COUNT = 4, 200, 60, 12


def made_up(n: int, rng: np.random.Generator) -> Homes:
    """Homes that lack some facts."""
    known = (rng.random((n, FACTS)) < 0.8).astype(np.float32)
    return Homes(rng.normal(size=(n, FACTS)).astype(np.float32) * known, known, rng.random(n).astype(np.float32))


@pytest.fixture(scope="module")
def sold() -> Homes:
    return made_up(SOLD, np.random.default_rng(0))


@pytest.fixture(scope="module")
def log_price() -> np.ndarray:
    return np.random.default_rng(1).normal(size=SOLD).astype(np.float32)


@pytest.fixture(scope="module")
def subjects() -> Homes:
    return made_up(SUBJECTS, np.random.default_rng(2))


@pytest.fixture(scope="module")
def near() -> Near:
    """Comparables by lot; the last subjects have few or none."""
    rng = np.random.default_rng(3)
    km = np.sort(rng.random((SUBJECTS, COUNT)), axis=1)
    km[-2, 5:] = np.inf
    km[-1] = np.inf
    return Near(rng.integers(0, SOLD, (SUBJECTS, COUNT)), km)


THETA = np.random.default_rng(4).normal(0, 0.3, 3 * FACTS + 3)


def test_the_grid_is_the_formula_written_out(
    sold: Homes, log_price: np.ndarray, subjects: Homes, near: Near
) -> None:
    found = AdjustmentGrid(sold, log_price).weigh(subjects, near, THETA)
    terms = Terms(THETA)
    for subject in range(SUBJECTS - 1):
        some = near.rows[subject, np.isfinite(near.km[subject])]
        km = near.km[subject, : len(some)]
        both = subjects.known[subject] * sold.known[some]
        x, theirs = subjects.facts[subject], sold.facts[some]
        since = subjects.time[subject] - sold.time[some]
        score = -((x - theirs) ** 2 * both) @ np.exp(terms.likeness)
        score -= np.exp(terms.nearness) * np.log(km + 0.05) + np.exp(terms.age) * since
        weight = np.exp(score) / np.exp(score).sum()
        suggested = log_price[some] + (x - theirs) * both @ terms.worth + terms.trend * since
        suggested += (x**2 - theirs**2) * both @ terms.bend
        np.testing.assert_allclose(found.weight[subject, : len(some)], weight, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(found.suggested[subject, : len(some)], suggested, rtol=1e-4, atol=1e-5)
        assert found.estimate[subject] == pytest.approx(weight @ suggested, rel=1e-4, abs=1e-5)
    assert not found.weight[-1].any(), "a subject without comparables"


def test_a_subject_is_weighed_alone_as_it_is_among_others(
    sold: Homes, log_price: np.ndarray, subjects: Homes, near: Near
) -> None:
    grid = AdjustmentGrid(sold, log_price)
    together = grid.weigh(subjects, near, THETA)
    for subject in range(SUBJECTS):
        one = slice(subject, subject + 1)
        alone = grid.weigh(subjects.take(one), near.take(one), THETA)
        np.testing.assert_array_equal(alone.weight[0], together.weight[subject])
        np.testing.assert_array_equal(alone.suggested[0], together.suggested[subject])


def test_the_loss_has_the_slope_that_finite_differences_have(
    sold: Homes, log_price: np.ndarray, subjects: Homes, near: Near
) -> None:
    grid = AdjustmentGrid(sold, log_price)
    price = np.random.default_rng(5).normal(size=SUBJECTS).astype(np.float32)
    slope = grid.gradient(subjects, near, price, THETA)[1]
    for place in range(len(THETA)):
        step = np.zeros(len(THETA))
        step[place] = 1e-2
        above, below = (grid.gradient(subjects, near, price, THETA + side * step)[0] for side in (1, -1))
        assert slope[place] == pytest.approx((above - below) / 2e-2, rel=0.02, abs=2e-4)


def test_learning_finds_what_a_difference_is_worth(sold: Homes, subjects: Homes, near: Near) -> None:
    worth = np.array([0.5, -1.0, 0.0, 2.0], np.float32)
    everything = replace(sold, known=np.ones_like(sold.known))
    asked = replace(subjects, known=np.ones_like(subjects.known))
    grid = AdjustmentGrid(everything, everything.facts @ worth)
    theta = grid.learn(
        asked, near, asked.facts @ worth, Terms.start(np.ones(FACTS, np.bool_)), np.random.default_rng(0)
    )
    np.testing.assert_allclose(Terms(theta).worth, worth, atol=0.05)


def test_the_differences_sum_to_what_is_suggested_and_to_how_the_weights_compare(
    sold: Homes, log_price: np.ndarray, subjects: Homes, near: Near
) -> None:
    grid = AdjustmentGrid(sold, log_price)
    weighed, between = grid.weigh(subjects, near, THETA), grid.differences(subjects, near, THETA)
    for subject in range(SUBJECTS - 1):
        there = np.isfinite(near.km[subject])
        suggested = log_price[near.rows[subject]] + between.adjustment[subject].sum(axis=1)
        np.testing.assert_allclose(suggested[there], weighed.suggested[subject, there], rtol=1e-4, atol=1e-5)
        share = np.exp(-between.against[subject, there].sum(axis=1).astype(np.float64))
        np.testing.assert_allclose(share / share.sum(), weighed.weight[subject, there], rtol=1e-4, atol=1e-6)


def test_a_difference_makes_itself_known_in_its_own_place_and_in_no_other(
    sold: Homes, log_price: np.ndarray, subjects: Homes, near: Near
) -> None:
    grid = AdjustmentGrid(sold, log_price)
    moved = replace(subjects, facts=subjects.facts + np.eye(FACTS, dtype=np.float32)[1] * subjects.known)
    before, after = (grid.differences(homes, near, THETA) for homes in (subjects, moved))
    for one, other in ((before.adjustment, after.adjustment), (before.against, after.against)):
        changed = (one != other).any(axis=(0, 1))
        assert np.flatnonzero(changed).tolist() == [1]
    unknown = subjects.known[:, None, 1] * sold.known[near.rows, 1] == 0
    assert unknown.any()
    assert not after.adjustment[unknown, 1].any()
    assert not after.against[unknown, 1].any()


def test_what_a_fact_is_worth_is_found_though_its_weights_were_learned_without_it() -> None:
    """Neighbours have like sizes: a grid from which the subject's is hidden misreads a comparable's."""
    rng = np.random.default_rng(0)
    n, count = 2000, 20
    place = np.sort(rng.random(n))
    size = (np.sin(20 * place) + rng.normal(0, 0.7, n)).astype(np.float32)
    log_price = (0.3 * size + rng.normal(0, 0.02, n)).astype(np.float32)
    homes = Homes(size[:, None], np.ones((n, 1), np.float32), np.zeros(n, np.float32))
    order = np.argsort(np.abs(place[:, None] - place), axis=1)[:, 1 : count + 1]
    near = Near(order, np.abs(place[order] - place[:, None]))
    grid = AdjustmentGrid(homes, log_price)
    blind = replace(homes, facts=np.zeros_like(homes.facts))
    theta = grid.learn(blind, near, log_price, Terms.start(np.zeros(1, np.bool_)), rng)
    assert Terms(theta).worth[0] < 0.2
    told = Terms(grid.learn_worth(homes, near, log_price, theta, np.ones(1)))
    assert told.worth[0] == pytest.approx(0.3, abs=0.01)
    assert told.bend[0] == pytest.approx(0.0, abs=0.01)
    held = Terms(theta)
    assert (told.likeness, told.nearness, told.age) == (held.likeness, held.nearness, held.age)


@pytest.mark.parametrize("direction", [1.0, -1.0])
def test_a_fact_of_declared_direction_is_never_worth_the_other_way(
    sold: Homes, subjects: Homes, near: Near, direction: float
) -> None:
    """Whatever the sales say: here, that the price falls with it, then rises."""
    theirs = 0.4 * subjects.facts[:, 0] ** 2
    grid = AdjustmentGrid(sold, 0.4 * sold.facts[:, 0] ** 2)
    directions = np.array([direction, 0, 0, 0])
    told = Terms(grid.learn_worth(subjects, near, theirs, THETA, directions))
    slope = told.worth[0] + 2 * told.bend[0] * np.linspace(-3, 3, 50)
    assert (direction * slope >= -1e-9).all()
    free = Terms(grid.learn_worth(subjects, near, theirs, THETA, np.zeros(FACTS)))
    assert free.worth[0] + 6 * free.bend[0] > 0 > free.worth[0] - 6 * free.bend[0]
