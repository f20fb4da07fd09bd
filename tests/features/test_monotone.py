import numpy as np
import pytest

from estimator.features.monotone import PIECES, RANGE, MonotoneEncoding
from estimator.market.facts import Facts
from estimator.market.market import Market

MARKET = Market.from_dict(
    {
        "name": "made_up",
        "currency": "USD",
        "sales": "sales.csv",
        "price": "price",
        "features": [
            {"name": "size", "kind": "number", "price_effect": "increasing"},
            {"name": "age", "kind": "number"},
            {"name": "noise", "kind": "number", "price_effect": "decreasing"},
            {"name": "pool", "kind": "boolean", "price_effect": "increasing"},
            {"name": "lift", "kind": "boolean", "price_effect": "increasing"},
        ],
    }
)
N = 1000


def homes(**known: object) -> Facts:
    n = len(next(iter(known.values())))  # type: ignore[arg-type]
    columns = {feature.name: np.full(n, np.nan) for feature in MARKET.features}
    return Facts({**columns, **{name: np.asarray(value, float) for name, value in known.items()}})


@pytest.fixture(scope="module")
def directed() -> MonotoneEncoding:
    rng = np.random.default_rng(0)
    return MonotoneEncoding.fit(
        MARKET, homes(size=rng.lognormal(7, 0.4, N), noise=rng.uniform(0, 9, N), pool=rng.random(N) < 0.1)
    )


def test_a_fact_has_as_many_pieces_as_it_needs(directed: MonotoneEncoding) -> None:
    pieces = {name: len(knots) - 1 for name, knots in directed.knots.items()}
    assert pieces == {"size": PIECES + 2, "noise": PIECES + 2, "pool": 1, "lift": 0}
    assert directed.width == 2 * PIECES + 5
    assert directed.transform(homes(size=[1000.0])).shape == (1, directed.width)


def test_each_piece_holds_as_many_sales(directed: MonotoneEncoding) -> None:
    inner = directed.knots["size"][1:-1]
    assert np.log(inner[6]) == pytest.approx(7, abs=0.05), "half of them on either side"


def test_numbers_sum_to_the_way_through_the_range(directed: MonotoneEncoding) -> None:
    knots = directed.knots["size"]
    values = np.concatenate((knots, [0.0, 1e9, knots[3:5].mean()]))
    way = np.concatenate((np.arange(len(knots)), [0, len(knots) - 1, 3.5])) / (len(knots) - 1)
    some = directed.transform(homes(size=values))[:, : len(knots) - 1]
    np.testing.assert_allclose(some.sum(axis=1), RANGE * way, atol=1e-6)


def test_more_of_a_fact_only_moves_numbers_one_way(directed: MonotoneEncoding) -> None:
    values = np.sort(np.random.default_rng(1).uniform(-100, 5000, 2000))
    nearly = np.nextafter(values, np.inf)
    for name, sign in (("size", 1), ("noise", -1)):
        every = directed.transform(homes(**{name: np.ravel(np.column_stack((values, nearly)))}))
        assert (sign * np.diff(every, axis=0) >= 0).all()


def test_the_centre_is_the_mean_home(directed: MonotoneEncoding) -> None:
    rng = np.random.default_rng(0)
    sold = homes(size=rng.lognormal(7, 0.4, N), noise=rng.uniform(0, 9, N), pool=rng.random(N) < 0.1)
    np.testing.assert_allclose(directed.centre, directed.transform(sold).mean(axis=0), atol=1e-6)


def test_an_unknown_fact_is_the_usual_one(directed: MonotoneEncoding) -> None:
    unknown, usual = directed.transform(homes(size=[np.nan, directed.usual["size"]]))
    np.testing.assert_array_equal(unknown, usual)


def test_it_comes_back_from_its_state(directed: MonotoneEncoding) -> None:
    again = MonotoneEncoding.from_state(MARKET, directed.state())
    some = homes(size=np.linspace(100, 9000, 50), noise=np.linspace(0, 9, 50))
    np.testing.assert_array_equal(again.transform(some), directed.transform(some))
