"""The ratio study compared with assesspy, the Cook County Assessor's library, on a thousand random studies."""

import assesspy
import numpy as np
import pytest

from estimator.assessment.ratio_intervals import cod_interval, prd_interval
from estimator.assessment.ratio_statistics import cod, mki, prb, prd

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:The inplace keyword")]  # inside assesspy


def test_ratio_studies_agree_with_assesspy() -> None:
    rng = np.random.default_rng(0)
    for _ in range(1_000):
        n = int(rng.integers(20, 400))
        price = np.exp(rng.normal(12.5, rng.uniform(0.1, 0.8), n)).round()
        slant = (price / np.median(price)) ** rng.uniform(-0.3, 0.3)
        estimate = (price * slant * np.exp(rng.normal(0, rng.uniform(0.02, 0.5), n))).round()
        bias = prb(price, estimate)
        assert bias is not None
        found = (cod(estimate / price), prd(price, estimate), bias[0], mki(price, estimate))
        expected = [
            measure(estimate, price) for measure in (assesspy.cod, assesspy.prd, assesspy.prb, assesspy.mki)
        ]
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-11)
        low, high = assesspy.prb_ci(estimate, price, nboot=1, alpha=0.10)
        assert bias[1:] == pytest.approx((low, high), rel=1e-9, abs=1e-11)


def test_intervals_of_cod_and_prd_are_close_to_those_that_assesspy_draws() -> None:
    """Its intervals come from resampling at random: their ends differ by a tenth of the width or so."""
    rng = np.random.default_rng(0)
    price = np.exp(rng.normal(12.5, 0.5, 600)).round()
    estimate = (price**0.97 * np.exp(rng.normal(0.4, 0.15, 600))).round()
    for ours, theirs in (
        (cod_interval(estimate / price), assesspy.cod_ci(estimate, price, nboot=1000, alpha=0.10)),
        (prd_interval(price, estimate), assesspy.prd_ci(estimate, price, nboot=1000, alpha=0.10)),
    ):
        width = theirs[1] - theirs[0]
        assert ours == pytest.approx(theirs, abs=0.2 * width)
