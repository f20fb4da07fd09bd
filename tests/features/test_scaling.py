import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import ArrayLike

from estimator.features.scaling import NumberScales
from estimator.market.arrays import FloatArray


def column(values: ArrayLike) -> FloatArray:
    return np.array(values, np.float64)[:, None]


def test_numbers_are_scaled_by_median_and_quartiles_and_softly_clipped() -> None:
    scale = NumberScales.fit(column(np.array([0.0, 1, 2, 3, 4])))
    assert [scale.median[0], scale.spread[0], scale.logarithmic[0]] == [2, 2, False]
    # z = (x − 2)/2, then z/√(1 + (z/3)²): at x = 8, z = 3 and the clip divides by √2.
    np.testing.assert_allclose(
        scale.transform(column([2.0, 4.0, 8.0]))[:, 0], [0, 1 / np.sqrt(1 + 1 / 9), 3 / np.sqrt(2)]
    )


def test_a_long_tailed_column_is_scaled_by_its_logarithm() -> None:
    values = np.concatenate((np.arange(1.0, 101), [5_000.0, 100_000.0, 100_000.0]))
    scale = NumberScales.fit(column(values))
    assert scale.logarithmic
    assert scale.median[0] == pytest.approx(np.log1p(np.median(values)))
    assert not NumberScales.fit(column(np.append(values, -1.0))).logarithmic


@pytest.mark.parametrize(
    "values",
    [[], [np.nan], [7.0], [7.0, 7.0], [0.0] * 99 + [500.0], [0.0, np.nan], [1e300, -1e300], [5e-324, 0.0]],
)
def test_any_column_gets_a_finite_scale(values: list[float]) -> None:
    scale = NumberScales.fit(column(np.array(values, np.float64)))
    assert scale.spread > 0
    assert np.isfinite(scale.transform(column([0.0, 1.0, -1.0, 1e6]))).all()


@given(
    st.lists(st.floats(-1e9, 1e9) | st.floats(0, 1e12) | st.just(float("nan")), max_size=20),
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=10),
)
def test_scaled_values_are_bounded_and_keep_their_order(known: list[float], values: list[float]) -> None:
    scaled = NumberScales.fit(column(np.array(known, np.float64))).transform(column(np.sort(values)))[:, 0]
    assert np.isfinite(scaled).all()
    assert (np.abs(scaled) <= 3).all()
    assert (np.diff(scaled) >= -1e-12).all()


def test_a_negative_value_of_a_long_tailed_column_is_treated_as_zero() -> None:
    scale = NumberScales.fit(column(np.array([0.0] * 50 + [10.0, 1000.0, 1000.0])))
    assert scale.logarithmic
    np.testing.assert_array_equal(scale.transform(column([-1.0, -50.0])), scale.transform(column([0.0, 0.0])))


def test_nan_stays_nan() -> None:
    assert np.isnan(NumberScales.fit(column(np.arange(9.0))).transform(column([np.nan]))).all()


def test_scales_are_restored_from_their_state() -> None:
    values = np.random.default_rng(0).lognormal(0, [0.1, 2.0], (50, 2))
    scales = NumberScales.fit(values)
    assert scales.logarithmic.tolist() == [False, True]
    np.testing.assert_array_equal(
        NumberScales.from_state(scales.state()).transform(values), scales.transform(values)
    )


def test_columns_that_hardly_vary_are_scaled_by_the_least_spread() -> None:
    values = np.column_stack((12 + 1e-3 * np.sin(np.arange(100)), np.linspace(0, 8, 100)))
    scales = NumberScales.fit(values, np.array([0.05, 0.05]))
    np.testing.assert_allclose(scales.spread, [0.05, 4.0], rtol=0.02)
    assert abs(scales.transform(np.array([[12.01, 0.0]]))[0, 0]) < 0.3
