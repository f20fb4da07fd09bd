from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import ArrayLike

from estimator.features.encoding import RARE, WAVES, Encoding, NumberScales
from estimator.market.arrays import FloatArray
from estimator.market.facts import Facts
from estimator.market.market import Market

NEWEST = np.datetime64("2020-06-01")
TOWN = Market.from_dict(
    {
        "name": "town",
        "currency": "EUR",
        "sales": "sales.csv",
        "price": "price",
        "features": [
            {"name": "latitude", "kind": "latitude"},
            {"name": "longitude", "kind": "longitude"},
            {"name": "size", "kind": "number", "required": True},
            {"name": "rooms", "kind": "integer"},
            {"name": "quarter", "kind": "category"},
        ],
    }
)
N = 40
HOMES = Facts(
    {
        "latitude": np.linspace(59.9, 60.1, N),
        "longitude": np.linspace(20.1, 19.9, N),
        "size": np.linspace(50, 200, N),
        "rooms": np.arange(N) % 5.0,
        "quarter": np.array(["old"] * 20 + ["new"] * (20 - RARE + 1) + ["rare"] * (RARE - 1)),
    }
)
DATES = NEWEST - np.arange(N)[::-1].astype("timedelta64[D]")


@pytest.fixture(scope="module")
def encoding() -> Encoding:
    return Encoding.fit(TOWN, HOMES, DATES, np.random.default_rng(0))


def column(values: ArrayLike) -> FloatArray:
    return np.array(values, np.float64)[:, None]


def test_numbers_are_scaled_by_median_and_quartiles_and_bent_at_the_ends() -> None:
    scale = NumberScales.fit(column(np.array([0.0, 1, 2, 3, 4])))
    assert [scale.median[0], scale.spread[0], scale.logarithmic[0]] == [2, 2, False]
    # z = (x − 2)/2, then z/√(1 + (z/3)²): at x = 8, z = 3 and the bend is 1/√2.
    np.testing.assert_allclose(
        scale.apply(column([2.0, 4.0, 8.0]))[:, 0], [0, 1 / np.sqrt(1 + 1 / 9), 3 / np.sqrt(2)]
    )


def test_a_long_tail_is_taken_by_its_logarithm() -> None:
    values = np.concatenate((np.arange(1.0, 101), [5_000.0, 100_000.0, 100_000.0]))
    scale = NumberScales.fit(column(values))
    assert scale.logarithmic
    assert scale.median[0] == pytest.approx(np.log1p(np.median(values)))
    assert not NumberScales.fit(column(np.append(values, -1.0))).logarithmic


@pytest.mark.parametrize(
    "values",
    [[], [np.nan], [7.0], [7.0, 7.0], [0.0] * 99 + [500.0], [0.0, np.nan], [1e300, -1e300], [5e-324, 0.0]],
)
def test_every_column_of_facts_gets_a_scale(values: list[float]) -> None:
    scale = NumberScales.fit(column(np.array(values, np.float64)))
    assert scale.spread > 0
    assert np.isfinite(scale.apply(column([0.0, 1.0, -1.0, 1e6]))).all()


@given(
    st.lists(st.floats(-1e9, 1e9) | st.floats(0, 1e12) | st.just(float("nan")), max_size=20),
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=10),
)
def test_every_number_has_its_place_and_none_overtakes_a_larger(known: list[float], values: list[float]) -> None:
    scaled = NumberScales.fit(column(np.array(known, np.float64))).apply(column(np.sort(values)))[:, 0]
    assert np.isfinite(scaled).all()
    assert (np.abs(scaled) <= 3).all()
    assert (np.diff(scaled) >= -1e-12).all()


def test_a_negative_number_of_a_fact_that_was_never_negative_is_its_least() -> None:
    scale = NumberScales.fit(column(np.array([0.0] * 50 + [10.0, 1000.0, 1000.0])))
    assert scale.logarithmic
    np.testing.assert_array_equal(scale.apply(column([-1.0, -50.0])), scale.apply(column([0.0, 0.0])))


def test_an_unknown_number_stays_unknown_when_scaled() -> None:
    assert np.isnan(NumberScales.fit(column(np.arange(9.0))).apply(column([np.nan]))).all()


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("latitude", [0, 4, *range(9, 9 + 2 * WAVES)]),
        ("rooms", [3, 6]),
        ("quarter", [7, 8]),  # "rare" has no column
    ],
)
def test_withholding_a_fact_changes_its_own_columns_alone(
    encoding: Encoding, name: str, columns: list[int]
) -> None:
    known = encoding.transform(HOMES, DATES)
    unknown = encoding.transform(HOMES.without({name: np.ones(N, np.bool_)}), DATES)
    assert known.shape == (N, 9 + 2 * WAVES + 1)  # four numbers, three of which can be unknown; the date is last
    assert np.flatnonzero((known != unknown).any(axis=0)).tolist() == columns


def test_a_rare_label_has_no_column_and_a_new_one_neither(encoding: Encoding) -> None:
    homes = HOMES.take(np.zeros(4, np.int64)).replace({"quarter": np.array(["old", "rare", "never seen", ""])})
    assert encoding.unseen(homes, "quarter").tolist() == [False, True, True, False]
    encoded = encoding.transform(homes, None)
    np.testing.assert_array_equal(encoded[1], encoded[3])
    np.testing.assert_array_equal(encoded[2], encoded[3])
    assert (encoded[0] != encoded[3]).sum() == 1


def test_a_label_that_starts_like_another_is_not_that_one(encoding: Encoding) -> None:
    homes = HOMES.take(np.zeros(1, np.int64)).replace({"quarter": np.array(["older"])})
    assert encoding.unseen(homes, "quarter").all()


def test_the_date_is_counted_from_the_newest_sale(encoding: Encoding) -> None:
    homes = HOMES.take(np.zeros(2, np.int64))
    encoded = encoding.transform(homes, np.array([NEWEST, NEWEST - 50]))
    np.testing.assert_allclose(encoded[:, -1], [0, -0.5])
    np.testing.assert_array_equal(encoding.transform(homes, None)[:, -1], [0, 0])


def test_a_wave_is_as_long_to_the_east_as_to_the_north() -> None:
    rng = np.random.default_rng(0)
    latitude, longitude = rng.normal(60, 0.1, 500), rng.normal(20, 0.2, 500)
    unknown = {"size": np.ones(500), "rooms": np.ones(500), "quarter": np.full(500, "")}
    homes = Facts({"latitude": latitude, "longitude": longitude, **unknown})
    frequencies = Encoding.fit(TOWN, homes, None, np.random.default_rng(1)).state()["waves"][1]
    # At 60° north a degree of longitude is half as long: half as many waves fit into it.
    assert np.sqrt(np.mean(frequencies[1] ** 2)) / np.sqrt(np.mean(frequencies[0] ** 2)) == pytest.approx(
        0.5, rel=0.5
    )
    assert np.median(np.hypot(frequencies[0], frequencies[1] * 2)) == pytest.approx(0.67 * 0.7 / 0.1, rel=0.4)


@pytest.mark.parametrize(
    "unknown",
    [["latitude"], ["longitude"], ["latitude", "longitude", "rooms"], ["rooms"], ["quarter"]],
)
def test_facts_that_no_sale_knows_are_encoded_all_the_same(unknown: list[str]) -> None:
    everywhere = np.ones(N, np.bool_)
    homes = HOMES.without(dict.fromkeys(unknown, everywhere))
    encoding = Encoding.fit(TOWN, homes, None, np.random.default_rng(0))
    assert np.isfinite(encoding.transform(homes, None)).all()
    assert np.isfinite(encoding.transform(HOMES, None)).all()


def test_no_homes_are_encoded_to_no_rows(encoding: Encoding) -> None:
    none = np.array([], np.int64)
    assert len(encoding.transform(HOMES.take(none), DATES[none])) == 0


def test_an_encoding_comes_back_from_its_state(encoding: Encoding) -> None:
    again: Any = Encoding.from_state(TOWN, encoding.state())
    np.testing.assert_array_equal(again.transform(HOMES, DATES), encoding.transform(HOMES, DATES))
    assert again.width == encoding.width
