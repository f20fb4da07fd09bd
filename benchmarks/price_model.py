"""Speed of the price model: ``python -m benchmarks.price_model``.

Measures on King County's time split: one subject compared with CatBoost, 100,000 homes compared with the rate of a
large matrix product, and the time of each part of a training. Training uses all cores, the rest one thread. What
is compared runs alternately, and ratios are medians over single runs, so other load affects both alike. Needs the
dependency group ``peers``; takes some minutes; prints Markdown.
"""

# ruff: noqa: E402 - the environment comes first

import os

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"  # before any library starts its threads

import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.accuracy.boosting import labels_as_text, train_catboost
from benchmarks.accuracy.frames import DATE
from benchmarks.accuracy.jobs import CACHE, Job, build_inputs, data_of
from benchmarks.accuracy.model_inputs import TrainingInput
from benchmarks.timing import sgemm_rate, timed
from estimator.features import pipeline
from estimator.features.comparables import Comparables
from estimator.features.home_encoder import HomeEncoder
from estimator.features.kriging import Kriging
from estimator.features.leave_home_out import LeaveHomeOut
from estimator.features.numbers import NumberReader
from estimator.model import ensemble, price_networks
from estimator.model.price_model import PriceModel
from estimator.network import (
    Concat,
    Dense,
    Layer,
    MemberDense,
    MemberScale,
    MonotoneSum,
    Network,
    Periodic,
    Sequential,
)

DATA_SET = "king_county-time"
N_SUBJECTS = 300
"""Subjects that are valued one by one."""
N_HOMES, BATCH_SIZE = 100_000, 4000
"""Homes valued in all, and per batch; the machine's rate is measured after each batch."""

Parts = Mapping[str, Sequence[tuple[Any, str]]]
"""Part → its functions, as (owner, name); their time is counted for the part."""

VALUATION: Parts = {
    "encoding": [(NumberReader, "read"), (HomeEncoder, "encode")],
    "kriging": [(Kriging, "estimate")],
    "comparables": [(Comparables, "transform")],
    "networks": [(price_networks, "predict_mean")],
}
TRAINING: Parts = {
    "kriging": [(pipeline, "fit_kriging"), (LeaveHomeOut, "estimate"), (Kriging, "estimate")],
    "comparables": [(Comparables, "fit"), (Comparables, "transform")],
    "networks": [(ensemble, "_train_networks")],
}


@dataclass(frozen=True)
class Batch:
    """Timing of one batch: total seconds, seconds of each part, and GFLOP/s of a large product right after it."""

    seconds: float
    parts: Mapping[str, float]
    matmul_rate: float


def main() -> None:
    training, _, _, _ = build_inputs(Job(DATA_SET, "catboost", "plain", 0), data_of(DATA_SET), CACHE)
    print("# The price model's speed\n")
    print(
        f"`python -m benchmarks.price_model`: {platform.machine()}, {os.cpu_count()} cores, one thread; "
        f"Python {platform.python_version()}, "
        + ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "pandas", "catboost"))
        + ".\n"
    )
    print("| King County, time split | measured | target |\n| --- | ---: | ---: |", flush=True)
    with timed_parts(TRAINING) as parts:
        fit = partial(PriceModel.fit, training.market, training.sales, training.validation_sales)
        models: list[PriceModel] = []
        seconds = timed(lambda: models.append(fit(np.random.default_rng(0))))
    catboost = train_catboost(training)
    print_single(time_single_subjects(models[0], catboost, training))
    print_batches(time_batches(models[0], training), 2 * multiply_adds_of(models[0]))
    print_row(f"training on {len(training.sales):,} sales, seconds", f"{seconds:.0f}")
    for name, part_seconds in parts.items():
        print_row(f"… of which {name}", f"{part_seconds / seconds:.0%}")


def time_single_subjects(model: PriceModel, catboost: Any, training: TrainingInput) -> dict[str, list[float]]:
    """Return the seconds per subject of each model, ours first.

    The valuation date is the day after the newest sale, as in most requests.
    """
    sales = training.validation_sales
    assert sales.date is not None
    date = np.full(1, sales.date.max() + 1)
    homes = labels_as_text(training.validation).assign(**{DATE: date.astype(np.float64)[0]})
    rows = homes.to_numpy(object)
    seconds: dict[str, list[float]] = {}
    for i in range(N_SUBJECTS):
        facts, home, row = sales.facts.take(slice(i, i + 1)), homes.iloc[[i]], rows[[i]]
        models: dict[str, Callable[[], object]] = {
            "PriceModel.predict": partial(model.predict, facts, date),
            "CatBoost, a frame of one row": partial(catboost.predict, home, thread_count=1),
            "CatBoost, an array of one row": partial(catboost.predict, row, thread_count=1),
        }
        for name, run in models.items():
            seconds.setdefault(name, []).append(timed(run))
    return seconds


def time_batches(model: PriceModel, training: TrainingInput) -> list[Batch]:
    """Value the sold homes, repeated up to `N_HOMES`, on the day after the newest sale."""
    sales = training.sales.joined(training.validation_sales)
    assert sales.date is not None
    batches = []
    for start in range(0, N_HOMES, BATCH_SIZE):
        facts = sales.facts.take(np.arange(start, start + BATCH_SIZE) % len(sales))
        date = np.full(BATCH_SIZE, sales.date.max() + 1)
        with timed_parts(VALUATION) as parts:
            seconds = timed(partial(model.predict, facts, date))
        # A mean over as long a time as the networks took, not the best run: both are disturbed equally often.
        batches.append(Batch(seconds, parts, sgemm_rate(tries=1, repeats=10)))
    return batches


@contextmanager
def timed_parts(parts: Parts) -> Iterator[dict[str, float]]:
    """Yield the seconds of each part, which are updated when its functions are called inside the block."""
    seconds = dict.fromkeys(parts, 0.0)

    def with_timer(part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            result: list[Any] = []
            seconds[part] += timed(lambda: result.append(function(*args, **kwargs)))
            return result[0]

        return run

    with ExitStack() as stack:
        for part, functions in parts.items():
            for owner, name in functions:
                stack.enter_context(patch.object(owner, name, with_timer(part, getattr(owner, name))))
        yield seconds


def multiply_adds_of(model: PriceModel) -> int:
    """Return the number of multiply-adds per home in all networks."""
    return sum(multiply_adds(Network.from_state(state).layers) for state in model.state()["networks"])


def multiply_adds(layers: Sequence[Layer], members: int = 1) -> int:
    """Return the multiply-adds of the matrix products for one row; element-wise operations are not counted."""
    total = 0
    for layer in layers:
        match layer:
            case Sequential():
                total += multiply_adds(layer.layers, members)
            case MonotoneSum():
                total += multiply_adds([layer.terms], members)
            case Concat():
                total += sum(multiply_adds([branch], members) for _, _, branch in layer.branches)
            case Periodic():
                total += members * layer.n_in * 2 * layer.frequencies * layer.width
            case MemberScale():
                members = layer.members
            case Dense() | MemberDense():
                total += members * layer.n_in * layer.n_out
    return total


def print_single(seconds: Mapping[str, Sequence[float]]) -> None:
    """Print the time of one subject and its ratio to CatBoost's times."""
    median = {name: float(np.median(values)) for name, values in seconds.items()}
    for name, value in median.items():
        print_row(f"one subject, {name}, ms", f"{1e3 * value:.2f}")
    ours, *peers = seconds
    fastest = min(peers, key=lambda name: median[name])
    for name in peers:
        ratio = np.median(np.array(seconds[ours]) / np.array(seconds[name]))
        print_row(f"… ours ÷ {name}", f"{ratio:.2f}", "≤ 1" if name == fastest else "")


def print_batches(batches: Sequence[Batch], operations: int) -> None:
    """Print the times of all batches.

    Parameters
    ----------
    operations
        Floating-point operations per home in the networks.
    """
    networks = np.array([batch.parts["networks"] for batch in batches])
    rate = 1e-9 * operations * BATCH_SIZE / networks
    share = np.median(rate / [batch.matmul_rate for batch in batches])
    print_row(f"{N_HOMES:,} homes, seconds", f"{sum(batch.seconds for batch in batches):.1f}")
    print_row("… networks, seconds", f"{networks.sum():.1f}")
    print_row("… networks, GFLOP/s", f"{np.median(rate):.0f}")
    print_row("… share of the rate of a 1024 × 1024 × 1024 product", f"{share:.0%}", "≥ 50%")
    for name in batches[0].parts:
        if name == "networks":
            continue
        part_seconds = np.array([batch.parts[name] for batch in batches])
        print_row(f"… {name}, seconds", f"{part_seconds.sum():.1f}")
        print_row(
            f"… {name} ÷ networks",
            f"{np.median(part_seconds / networks):.2f}",
            "≤ 1" if name == "comparables" else "",
        )


def print_row(name: str, measured: str, target: str = "") -> None:
    """Print a row of the table."""
    print(f"| {name} | {measured} | {target} |", flush=True)


if __name__ == "__main__":
    main()
