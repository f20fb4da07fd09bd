"""The benchmark of the price model's speed: what it counts and what it clocks."""

import time
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.price_model import Turn, multiply_adds, report_many, report_one, watched
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


def test_multiply_adds_are_those_of_a_hand_count() -> None:
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


def test_multiply_adds_are_those_of_the_products_that_run(monkeypatch: pytest.MonkeyPatch) -> None:
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
    network.predict(np.zeros((8, 6)))  # whole eights, in which no row of zeros is multiplied
    assert multiply_adds(network.layers) == counted / 8


def test_a_part_is_clocked_within_and_left_as_it_was() -> None:
    room = SimpleNamespace(work=time.sleep, idle=time.sleep)
    with watched({"work": [(room, "work")], "idle": [(room, "idle")]}) as seconds:
        room.work(0.02)
        room.work(0.02)
    assert 0.04 <= seconds["work"] < 0.5
    assert seconds["idle"] == 0
    assert room.work is time.sleep


def test_ratios_are_the_medians_of_the_turns(capsys: pytest.CaptureFixture[str]) -> None:
    report_one({"ours": [1.0, 2.0, 9.0], "slow": [9.0, 9.0, 9.0], "fast": [2.0, 4.0, 3.0]})
    assert "| … ours ÷ fast | 0.50 | ≤ 1 |" in capsys.readouterr().out
    # 4,000 homes of 1,000,000 operations in .5 s are 8 GFLOP/s, of a machine's 10, 16 and 20.
    turns = [Turn(2.0, {"networks": 0.5, "comparables": 0.2}, machine) for machine in (10.0, 16.0, 20.0)]
    report_many(turns, 1_000_000)
    printed = capsys.readouterr().out
    assert "| … networks, GFLOP/s | 8 |" in printed
    assert "| 50% | ≥ 50% |" in printed
    assert "| … comparables ÷ networks | 0.40 | ≤ 1 |" in printed
