import numpy as np
import pytest

from estimator.features.home_encoder import HomeEncoder
from estimator.features.kriging_fit import fit_kriging
from estimator.features.monotone import MAX_PIECES, SLOPE_RANGE, TOTAL_RANGE, MonotoneEncoding
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
def encoding() -> MonotoneEncoding:
    rng = np.random.default_rng(0)
    return MonotoneEncoding.fit(
        MARKET, homes(size=rng.lognormal(7, 0.4, N), noise=rng.uniform(0, 9, N), pool=rng.random(N) < 0.1)
    )


def test_number_of_pieces(encoding: MonotoneEncoding) -> None:
    pieces = {name: len(knots) - 1 for name, knots in encoding.knots.items()}
    assert pieces == {"size": MAX_PIECES + 2, "noise": MAX_PIECES + 2, "pool": 1, "lift": 0}
    assert encoding.n_columns == 2 * MAX_PIECES + 5 + 2, "a pool's only piece needs no slope"
    assert encoding.transform(homes(size=[1000.0])).shape == (1, encoding.n_columns)


def test_pieces_hold_equally_many_sales(encoding: MonotoneEncoding) -> None:
    inner = encoding.knots["size"][1:-1]
    assert np.log(inner[6]) == pytest.approx(7, abs=0.05), "half of them on either side"


def test_columns_sum_to_the_fraction_of_the_range(encoding: MonotoneEncoding) -> None:
    knots = encoding.knots["size"]
    values = np.concatenate((knots, [0.0, 1e9, knots[3:5].mean()]))
    fraction = np.concatenate((np.arange(len(knots)), [0, len(knots) - 1, 3.5])) / (len(knots) - 1)
    columns = encoding.transform(homes(size=values))[:, : len(knots) - 1]
    np.testing.assert_allclose(columns.sum(axis=1), TOTAL_RANGE * fraction, atol=1e-6)


def test_columns_change_in_one_direction_as_a_feature_grows(encoding: MonotoneEncoding) -> None:
    values = np.sort(np.random.default_rng(1).uniform(-100, 5000, 2000))
    next_values = np.nextafter(values, np.inf)
    for name, sign in (("size", 1), ("noise", -1)):
        columns = encoding.transform(homes(**{name: np.ravel(np.column_stack((values, next_values)))}))
        assert (sign * np.diff(columns, axis=0) >= 0).all()


def test_a_slope_follows_the_logarithm_beyond_the_range_too(encoding: MonotoneEncoding) -> None:
    rng = np.random.default_rng(0)
    low, high = np.log1p(np.quantile(rng.lognormal(7, 0.4, N), (0.005, 0.995)))
    span = high - low
    logarithm = np.linspace(low - 1.5 * span, high + 1.5 * span, 400)
    slope = encoding.transform(homes(size=np.expm1(logarithm)))[:, -2]
    expected = SLOPE_RANGE * (logarithm.clip(low - span, high + span) - low + span) / span
    np.testing.assert_allclose(slope, expected, atol=0.02 * SLOPE_RANGE)


def test_homes_smaller_and_larger_than_all_sold_ones_are_valued_by_the_slope() -> None:
    rng = np.random.default_rng(0)
    size = np.concatenate((rng.uniform(60, 150, 400), [45, 46, 45]))
    log_price = 10 + 0.7 * np.log(size)
    encoder = HomeEncoder.fit(MARKET, homes(size=size), None)
    sold = encoder.transform(homes(size=size), None).kriging_inputs
    kriging, _ = fit_kriging(sold, log_price, np.arange(len(size)), rng)
    asked = np.array([30.0, 45.0, 50.0, 100.0, 200.0, 300.0])
    inputs = encoder.transform(homes(size=asked), None).kriging_inputs
    value = kriging.estimate(inputs) + kriging.monotone_effect(inputs.monotone)
    np.testing.assert_allclose(value, 10 + 0.7 * np.log(asked), atol=0.05)


def test_mean_is_the_mean_of_the_training_sales(encoding: MonotoneEncoding) -> None:
    rng = np.random.default_rng(0)
    sold = homes(size=rng.lognormal(7, 0.4, N), noise=rng.uniform(0, 9, N), pool=rng.random(N) < 0.1)
    np.testing.assert_allclose(encoding.mean, encoding.transform(sold).mean(axis=0), atol=1e-6)


def test_an_unknown_value_is_encoded_as_the_median(encoding: MonotoneEncoding) -> None:
    unknown, median = encoding.transform(homes(size=[np.nan, encoding.median["size"]]))
    np.testing.assert_array_equal(unknown, median)


def test_an_encoding_is_restored_from_its_state(encoding: MonotoneEncoding) -> None:
    restored = MonotoneEncoding.from_state(MARKET, encoding.state())
    facts = homes(size=np.linspace(100, 9000, 50), noise=np.linspace(0, 9, 50))
    np.testing.assert_array_equal(restored.transform(facts), encoding.transform(facts))


def test_an_encoding_saved_before_there_were_slopes_has_none(encoding: MonotoneEncoding) -> None:
    state = encoding.state()
    del state["slope_ends"]
    facts = homes(size=np.linspace(100, 9000, 50))
    columns = MonotoneEncoding.from_state(MARKET, state).transform(facts)
    np.testing.assert_array_equal(columns, encoding.transform(facts)[:, :-2])


def test_numbers_that_differ_in_their_last_digits_have_no_slope() -> None:
    facts = homes(size=[1e15, 1e15 + 0.125, 1e15 + 0.25])
    encoding = MonotoneEncoding.fit(MARKET, facts)
    assert "size" not in encoding.slope_ends
    assert np.isfinite(encoding.transform(facts)).all()
