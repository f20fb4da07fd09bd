"""A row's last bits do not depend on the other rows."""

import os
import subprocess
import sys

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


@pytest.mark.parametrize("width", [1, 8, 56, 128])
@pytest.mark.parametrize("depth", [1, 24, 159, 700])
def test_a_rows_product_is_the_same_whichever_others_are_beside_it(depth: int, width: int) -> None:
    rng = np.random.default_rng(0)
    rows, weight = rng.standard_normal((300, depth), np.float32), rng.standard_normal((depth, width), np.float32)
    together = matmul_row_stable(rows, weight, out=np.empty((300, width), np.float32))
    np.testing.assert_allclose(together, rows.astype(np.float64) @ weight, rtol=1e-4, atol=1e-4)
    for n in COUNTS:
        for first in (0, 1, 13):
            some = matmul_row_stable(rows[first : first + n], weight, out=np.empty((n, width), np.float32))
            np.testing.assert_array_equal(some, together[first : first + n])


def test_products_side_by_side_have_weights_of_their_own() -> None:
    rng = np.random.default_rng(0)
    rows, weight = rng.standard_normal((3, 11, 6), np.float32), rng.standard_normal((3, 6, 4), np.float32)
    products = matmul_row_stable(rows, weight, out=np.empty((3, 11, 4), np.float32))
    np.testing.assert_allclose(products, np.einsum("knd,kdm->knm", rows, weight), rtol=1e-5, atol=1e-5)


def test_no_rows_have_no_products() -> None:
    assert matmul_row_stable(np.empty((0, 3)), np.ones((3, 2)), out=np.empty((0, 2))).shape == (0, 2)


@pytest.mark.parametrize("directed", [0, 6])
@pytest.mark.parametrize("members", [1, 3, 8, 9])
def test_an_answer_does_not_depend_on_the_examples_beside_it(members: int, directed: int) -> None:
    network = _network(members, directed)
    x = np.random.default_rng(1).standard_normal((300, 7 + directed), np.float32)
    together = network.predict(x)
    for n in COUNTS:
        for first in (0, 5):
            np.testing.assert_array_equal(network.predict(x[first : first + n]), together[first : first + n])
    np.testing.assert_array_equal(network.predict(x, batch_size=13), together)


@pytest.mark.parametrize("processor", ["Haswell", "Nehalem", "Sandybridge", "SkylakeX"])
def test_nor_on_other_processors(processor: str) -> None:
    """OpenBLAS takes another processor's kernels on demand; to other libraries the variable means nothing."""
    tests = "test_a_rows_product_is_the_same", "test_an_answer_does_not_depend"
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__, "-k", " or ".join(tests)],
        env={**os.environ, "OPENBLAS_CORETYPE": processor},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0 or "Illegal instruction" in run.stderr, run.stdout


def _network(members: int, directed: int) -> Network:
    """Like the price model's, and with broken lines beside the waves."""
    edges = [np.array([-1.0, 0, 1]), np.array([0.0, 0.5])]
    numbers = Concat([(0, 3, Periodic(3, 5, 4)), (3, 5, PiecewiseLinear(edges, 2))])
    terms: list[Layer] = [
        Concat([(0, 5, Sequential([numbers, ReLU()])), (0, 7, Identity())]),
        MemberScale(members, 23),
        *(Dense(23, 40, bias=None), MemberBias(members, 40), ReLU()),
        MemberDense(members, 40, 1 + directed),
    ]
    layers: list[Layer] = [MonotoneSum(7, Sequential(terms))] if directed else terms
    return Network(layers, rng=np.random.default_rng(0))
