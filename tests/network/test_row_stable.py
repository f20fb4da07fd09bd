"""The result for a row does not depend on the other rows, not even in the last bit."""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from estimator.network import (
    Concat,
    Dense,
    Identity,
    Layer,
    MemberBias,
    MemberDense,
    MemberScale,
    MonotoneSum,
    Network,
    Periodic,
    PiecewiseLinear,
    ReLU,
    Sequential,
    matmul_row_stable,
)

COUNTS = (1, 2, 3, 5, 7, 8, 9, 12, 15, 16, 17, 41, 128)
DEPTHS, WIDTHS = (1, 24, 159, 700), (1, 8, 56, 128)
MEMBERS, N_MONOTONE = (1, 3, 8, 9), (0, 6)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("depth", DEPTHS)
def test_the_product_of_a_row_does_not_depend_on_the_other_rows(depth: int, width: int) -> None:
    rng = np.random.default_rng(0)
    rows, weight = rng.standard_normal((300, depth), np.float32), rng.standard_normal((depth, width), np.float32)
    together = matmul_row_stable(rows, weight, out=np.empty((300, width), np.float32))
    np.testing.assert_allclose(together, rows.astype(np.float64) @ weight, rtol=1e-4, atol=1e-4)
    for n in COUNTS:
        for first in (0, 1, 13):
            subset = matmul_row_stable(rows[first : first + n], weight, out=np.empty((n, width), np.float32))
            np.testing.assert_array_equal(subset, together[first : first + n])


def test_stacked_products_use_their_own_weights() -> None:
    rng = np.random.default_rng(0)
    rows, weight = rng.standard_normal((3, 11, 6), np.float32), rng.standard_normal((3, 6, 4), np.float32)
    products = matmul_row_stable(rows, weight, out=np.empty((3, 11, 4), np.float32))
    np.testing.assert_allclose(products, np.einsum("knd,kdm->knm", rows, weight), rtol=1e-5, atol=1e-5)


def test_the_product_of_no_rows_is_empty() -> None:
    assert matmul_row_stable(np.empty((0, 3)), np.ones((3, 2)), out=np.empty((0, 2))).shape == (0, 2)


@pytest.mark.parametrize("n", COUNTS)
def test_the_product_of_rows_without_columns_is_zero(n: int) -> None:
    """A market whose only facts are monotone gives kriging no other columns."""
    product = matmul_row_stable(np.empty((n, 0)), np.empty((0, 3)), out=np.full((n, 3), np.nan))
    np.testing.assert_array_equal(product, np.zeros((n, 3)))


@pytest.mark.parametrize("n_monotone", N_MONOTONE)
@pytest.mark.parametrize("members", MEMBERS)
def test_a_prediction_does_not_depend_on_the_other_examples(members: int, n_monotone: int) -> None:
    network = _network(members, n_monotone)
    x = np.random.default_rng(1).standard_normal((300, 7 + n_monotone), np.float32)
    together = network.predict(x)
    for n in COUNTS:
        for first in (0, 5):
            np.testing.assert_array_equal(network.predict(x[first : first + n]), together[first : first + n])
    np.testing.assert_array_equal(network.predict(x, batch_size=13), together)


@pytest.mark.parametrize("processor", ["Haswell", "Nehalem", "Sandybridge", "SkylakeX"])
def test_rows_are_stable_on_other_processors(processor: str) -> None:
    """OPENBLAS_CORETYPE makes OpenBLAS use another processor's kernels; other libraries ignore it."""
    run = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", f"from {__name__} import check_all; check_all()"],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "OPENBLAS_CORETYPE": processor},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0 or "Illegal instruction" in run.stderr, run.stderr


def check_all() -> None:
    """Run the tests of row stability with all their parameters, without pytest, which takes seconds to start."""
    for depth, width in itertools.product(DEPTHS, WIDTHS):
        test_the_product_of_a_row_does_not_depend_on_the_other_rows(depth, width)
    for members, n_monotone in itertools.product(MEMBERS, N_MONOTONE):
        test_a_prediction_does_not_depend_on_the_other_examples(members, n_monotone)


def _network(members: int, n_monotone: int) -> Network:
    """A network with all layers of the price model, and with a piecewise-linear embedding."""
    edges = [np.array([-1.0, 0, 1]), np.array([0.0, 0.5])]
    numbers = Concat([(0, 3, Periodic(3, 5, 4)), (3, 5, PiecewiseLinear(edges, 2))])
    terms: list[Layer] = [
        Concat([(0, 5, Sequential([numbers, ReLU()])), (0, 7, Identity())]),
        MemberScale(members, 23),
        *(Dense(23, 40, bias=None), MemberBias(members, 40), ReLU()),
        MemberDense(members, 40, 1 + n_monotone),
    ]
    layers: list[Layer] = [MonotoneSum(7, Sequential(terms))] if n_monotone else terms
    return Network(layers, rng=np.random.default_rng(0))
