from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from estimator.features import kriging
from estimator.features.kriging import Homes, Kriging, LeaveHomeOut, learn
from estimator.market.arrays import FloatArray

N = 300


def made_up(n: int, seed: int) -> tuple[Homes, FloatArray]:
    """Homes, and log prices with a hill over the map, a bend in one fact, and noise."""
    rng = np.random.default_rng(seed)
    place, facts = rng.uniform(0, 20, (n, 2)), rng.normal(size=(n, 3)).astype(np.float32)
    flags = (rng.random((n, 2)) < 0.3).astype(np.float32)
    log_price = 12 + np.sin(place[:, 0] / 3) + 0.4 * facts[:, 0] - 0.2 * facts[:, 1] ** 2 + 0.3 * flags[:, 0]
    return Homes(facts, flags, np.zeros((n, 0), np.float32), place), log_price + rng.normal(0, 0.05, n)


@pytest.fixture(scope="module")
def sold() -> tuple[Homes, FloatArray]:
    return made_up(N, 0)


@pytest.fixture(scope="module")
def home() -> NDArray[np.int64]:
    """A third of the homes were sold twice or more."""
    return np.random.default_rng(1).integers(0, N, N)


@pytest.fixture(scope="module")
def learned(sold: tuple[Homes, FloatArray], home: NDArray[np.int64]) -> tuple[Kriging, LeaveHomeOut]:
    return learn(*sold, home, np.random.default_rng(2))


def textbook(sold: tuple[Homes, FloatArray], asked: Homes, range_km: float, mean: float) -> Any:
    """Gaussian process regression written out: k(asked, sold)·(k(sold, sold) + I)⁻¹·(log price − mean)."""

    def covariance(left: Homes, right: Homes) -> Any:
        def fade(a: Any, b: Any, over: float) -> Any:
            return np.exp(-np.linalg.norm(a[:, None].astype(float) - b[None].astype(float), axis=2) / over)

        alike, near = fade(left.facts, right.facts, kriging.FACTS_RANGE), fade(left.place, right.place, range_km)
        line = left.straight().astype(float) @ right.straight().astype(float).T
        return line + alike + near + alike * near

    homes, log_price = sold
    weight = np.linalg.solve(covariance(homes, homes) + np.eye(len(homes)), log_price - mean)
    return mean + covariance(asked, homes) @ weight


def test_with_every_sale_a_pivot_it_is_gaussian_process_regression(
    sold: tuple[Homes, FloatArray], learned: tuple[Kriging, LeaveHomeOut]
) -> None:
    asked, _ = made_up(50, 3)
    expected = textbook(sold, asked, learned[0].range_km, learned[0].mean)
    np.testing.assert_allclose(learned[0].estimate(asked), expected, atol=2e-3)


def test_a_home_left_out_is_as_if_its_sales_had_not_been(
    sold: tuple[Homes, FloatArray], home: NDArray[np.int64], learned: tuple[Kriging, LeaveHomeOut]
) -> None:
    homes, log_price = sold
    kriging_log_price, left_out = learned
    estimates = left_out.estimate(homes, home)
    twice = np.flatnonzero(np.bincount(home, minlength=N)[home] > 1)
    assert len(twice) > 50
    for row in (*range(10), *twice[:20]):
        others = home != home[row]
        expected = textbook(
            (homes.take(others), log_price[others]),
            homes.take(np.array([row])),
            kriging_log_price.range_km,
            kriging_log_price.mean,
        )
        assert estimates[row] == pytest.approx(expected[0], abs=2e-3)
    miss = [np.std(log_price - said) for said in (estimates, kriging_log_price.estimate(homes))]
    assert miss[1] < 0.9 * miss[0], "the sales tell on their own estimates"


def test_a_home_that_was_never_sold_has_nothing_to_leave_out(learned: tuple[Kriging, LeaveHomeOut]) -> None:
    asked, _ = made_up(50, 3)
    np.testing.assert_allclose(learned[1].estimate(asked, np.full(50, N)), learned[0].estimate(asked), atol=1e-4)


def test_a_home_left_out_may_know_less_of_itself_than_its_sale_did(
    sold: tuple[Homes, FloatArray], home: NDArray[np.int64], learned: tuple[Kriging, LeaveHomeOut]
) -> None:
    blind = replace(sold[0], facts=np.zeros_like(sold[0].facts))
    row = np.array([7])
    others = home != home[7]
    expected = textbook(
        (sold[0].take(others), sold[1][others]), blind.take(row), learned[0].range_km, learned[0].mean
    )
    assert learned[1].estimate(blind.take(row), home[row])[0] == pytest.approx(expected[0], abs=2e-3)


def test_few_pivots_do_nearly_as_well(monkeypatch: pytest.MonkeyPatch, home: NDArray[np.int64]) -> None:
    sold, later = made_up(N, 0), made_up(200, 4)
    miss = []
    for pivots in (N, 100, 1):
        monkeypatch.setattr(kriging, "PIVOTS", pivots)
        estimate = learn(*sold, home, np.random.default_rng(2))[0].estimate(later[0])
        miss.append(np.std(later[1] - estimate))
    assert miss[0] < miss[1] < 1.3 * miss[0]
    assert miss[2] > 2 * miss[0], "a line alone"


def test_sales_beyond_the_most_are_not_learned_from(
    monkeypatch: pytest.MonkeyPatch, home: NDArray[np.int64]
) -> None:
    monkeypatch.setattr(kriging, "MOST_SALES", 40)
    kriging_log_price, left_out = learn(*made_up(N, 0), home, np.random.default_rng(2))
    assert len(kriging_log_price.facts) == 40
    assert np.isfinite(left_out.estimate(made_up(N, 0)[0], home)).all()


def test_directed_numbers_count_like_the_rest_of_the_line_but_never_against_the_price(
    home: NDArray[np.int64],
) -> None:
    homes, log_price = made_up(N, 0)
    up = np.random.default_rng(5).uniform(0, 0.3, (N, 1)).astype(np.float32)
    down = np.random.default_rng(6).uniform(0, 0.3, (N, 1)).astype(np.float32)
    price = log_price + 2 * up[:, 0] - 2 * down[:, 0]
    both = learn(replace(homes, directed=np.hstack((down, up))), price, home, np.random.default_rng(2))
    assert both[0].worth[0] == 0
    assert both[0].worth[1] == pytest.approx(2, rel=0.25), (
        "drawn towards 0, since noise counts for more than it is"
    )
    # As if the one with the wrong sign were not there: the textbook's line has the other as a flag.
    as_flag = replace(homes, flags=np.hstack((homes.flags, up * kriging._DIRECTED / kriging._FLAGS)))
    asked, _ = made_up(50, 3)
    more = np.full((50, 2), 0.2, np.float32)
    expected = textbook(
        (as_flag, price),
        replace(asked, flags=np.hstack((asked.flags, more[:, 1:] * kriging._DIRECTED / kriging._FLAGS))),
        both[0].range_km,
        both[0].mean,
    )
    estimate = both[0].estimate(replace(asked, directed=more)) + both[0].worth_of(more)
    np.testing.assert_allclose(estimate, expected, atol=3e-3)
    alone = learn(replace(homes, directed=up), price, home, np.random.default_rng(2))
    np.testing.assert_allclose(
        both[1].estimate(replace(homes, directed=np.hstack((down, up))), home),
        alone[1].estimate(replace(homes, directed=up), home),
        atol=1e-4,
    )


def test_a_home_of_unknown_place_is_near_none(learned: tuple[Kriging, LeaveHomeOut]) -> None:
    asked, _ = made_up(20, 3)
    lost, far = (replace(asked, place=np.full((20, 2), where)) for where in (np.nan, 1e6))
    np.testing.assert_array_equal(learned[0].estimate(lost), learned[0].estimate(far))
    assert np.abs(learned[0].estimate(lost) - learned[0].estimate(asked)).max() > 0.3


def test_a_market_without_places_has_a_line_and_what_is_alike(home: NDArray[np.int64]) -> None:
    homes, log_price = made_up(N, 0)
    placeless, later = replace(homes, place=None), made_up(200, 4)
    estimate = learn(placeless, log_price, home, np.random.default_rng(2))[0].estimate(
        replace(later[0], place=None)
    )
    hill = np.std(np.sin(later[0].place[:, 0] / 3))  # type: ignore[index]
    assert np.std(later[1] - estimate) < 1.1 * hill < np.std(later[1])


def test_homes_all_in_one_place_can_be_learned_from(home: NDArray[np.int64]) -> None:
    homes, log_price = made_up(N, 0)
    together = replace(homes, place=np.ones((N, 2)))
    assert np.isfinite(learn(together, log_price, home, np.random.default_rng(2))[0].estimate(together)).all()


@pytest.mark.parametrize("n", [1, 2, 5])
def test_some_sales_are_enough(n: int) -> None:
    homes, log_price = made_up(n, 0)
    kriging_log_price, left_out = learn(homes, log_price, np.arange(n), np.random.default_rng(0))
    assert np.isfinite(kriging_log_price.estimate(made_up(9, 1)[0])).all()
    assert np.isfinite(left_out.estimate(homes, np.arange(n))).all()


def test_kriging_comes_back_from_its_state(learned: tuple[Kriging, LeaveHomeOut]) -> None:
    asked, _ = made_up(50, 3)
    again = Kriging.from_state(learned[0].state())
    np.testing.assert_array_equal(again.estimate(asked), learned[0].estimate(asked))
