"""The benchmark of the price model's speed counts operations and measures time correctly."""

import time
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.price_model import (
    TRAINING,
    VALUATION,
    Batch,
    multiply_adds,
    print_batches,
    print_single,
    timed_parts,
)
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
    ReLU,
    Sequential,
)


def test_multiply_adds_equal_a_count_by_hand() -> None:
    waves = Sequential([Periodic(2, frequencies=3, width=4), ReLU()])
    layers: list[Layer] = [
        Concat([(0, 2, waves), (0, 5, Identity())]),
        MemberScale(6, 2 * 4 + 5),
        Dense(13, 7, bias=None),
        MemberBias(6, 7),
        ReLU(),
        MemberDense(6, 7, 1),
    ]
    # Each of 2 numbers: 6 sines and cosines into 4. Then for each of 6 members 13 into 7, and 7 into 1.
    by_hand = 2 * 6 * 4 + 6 * (13 * 7 + 7)
    assert multiply_adds(layers) == by_hand


def test_multiply_adds_equal_those_of_the_products_that_run(monkeypatch: pytest.MonkeyPatch) -> None:
    waves = Sequential([Periodic(2, frequencies=3, width=4), ReLU()])
    layers: list[Layer] = [
        Concat([(0, 2, waves), (0, 5, Identity())]),
        *(MemberScale(6, 13), Dense(13, 7, bias=None), ReLU(), MemberDense(6, 7, 2)),
    ]
    network = Network([MonotoneSum(5, Sequential(layers))], rng=np.random.default_rng(0))
    product, counted = np.matmul, 0

    def counting(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> np.ndarray:
        nonlocal counted
        counted += a.shape[-1] * out.size
        return product(a, b, out=out)

    monkeypatch.setattr(np, "matmul", counting)
    network.predict(np.zeros((8, 6)))  # a multiple of eight rows, so that no padding is multiplied
    assert multiply_adds(network.layers) == counted / 8


def test_every_timed_function_exists() -> None:
    for functions in (*VALUATION.values(), *TRAINING.values()):
        assert all(callable(getattr(owner, name)) for owner, name in functions)


def test_parts_are_timed_and_restored() -> None:
    owner = SimpleNamespace(work=time.sleep, idle=time.sleep)
    with timed_parts({"work": [(owner, "work")], "idle": [(owner, "idle")]}) as seconds:
        owner.work(0.02)
        owner.work(0.02)
    assert 0.04 <= seconds["work"] < 0.5
    assert seconds["idle"] == 0
    assert owner.work is time.sleep


def test_ratios_are_medians_over_the_runs(capsys: pytest.CaptureFixture[str]) -> None:
    print_single({"ours": [1.0, 2.0, 9.0], "slow": [9.0, 9.0, 9.0], "fast": [2.0, 4.0, 3.0]})
    assert "| … ours ÷ fast | 0.50 | ≤ 1 |" in capsys.readouterr().out
    # 4,000 homes of 1,000,000 operations in .5 s are 8 GFLOP/s, of a machine's 10, 16 and 20.
    batches = [Batch(2.0, {"networks": 0.5, "comparables": 0.2}, matmul_rate=rate) for rate in (10.0, 16.0, 20.0)]
    print_batches(batches, 1_000_000)
    printed = capsys.readouterr().out
    assert "| … networks, GFLOP/s | 8 |" in printed
    assert "| 50% | ≥ 50% |" in printed
    assert "| … comparables ÷ networks | 0.40 | ≤ 1 |" in printed
