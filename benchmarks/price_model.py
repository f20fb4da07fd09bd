"""The price model's speed, one thread but for training: ``python -m benchmarks.price_model``.

One subject beside CatBoost's single-row answer, 100,000 homes beside the rate of one large matrix product, and
where training's seconds go; on King County's time split. What is compared runs in turn, and a ratio is the median
of the turns' own ratios: what else the machine does then hits both alike. Needs the group ``peers``. Takes some
minutes; prints Markdown.
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
from benchmarks.accuracy.jobs import CACHE, Job, build_training_set, data_of
from benchmarks.accuracy.training_sets import Lesson
from benchmarks.timing import sgemm_rate, timed
from estimator.features import pipeline
from estimator.features.comparables import Comparables
from estimator.features.encoding import Encoding
from estimator.features.kriging import Kriging, LeaveHomeOut
from estimator.model import ensemble, price_model
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
SUBJECTS = 300
"""Valued one by one."""
MANY, PIECE = 100_000, 4000
"""Homes, and how many of them are valued between two looks at the machine's rate."""

Parts = Mapping[str, Sequence[tuple[Any, str]]]
"""Part → the functions whose seconds are its own: where they stand, and their names."""

VALUING: Parts = {
    "encoding": [(Encoding, "transform")],
    "kriging": [(Kriging, "estimate")],
    "comparables": [(Comparables, "look")],
    "networks": [(price_model, "average")],
}
TRAINING: Parts = {
    "kriging": [(pipeline, "learn"), (LeaveHomeOut, "estimate"), (Kriging, "estimate")],
    "comparables": [(Comparables, "fit"), (Comparables, "look")],
    "networks": [(ensemble, "_train")],
}


@dataclass(frozen=True)
class Turn:
    """Of some homes: seconds in all and of each part, and the GFLOP/s of a large product at that time."""

    seconds: float
    parts: Mapping[str, float]
    machine: float


def main() -> None:
    lesson, _, _, _ = build_training_set(Job(DATA_SET, "catboost", "plain", 0), data_of(DATA_SET), CACHE)
    print("# The price model's speed\n")
    print(
        f"`python -m benchmarks.price_model`: {platform.machine()}, {os.cpu_count()} cores, one thread; "
        f"Python {platform.python_version()}, "
        + ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "pandas", "catboost"))
        + ".\n"
    )
    print("| King County, time split | measured | must |\n| --- | ---: | ---: |", flush=True)
    with watched(TRAINING) as parts:
        fit = partial(PriceModel.fit, lesson.market, lesson.sales, lesson.validation_sales)
        models: list[PriceModel] = []
        seconds = timed(lambda: models.append(fit(np.random.default_rng(0))))
    catboost = train_catboost(lesson)
    report_one(one_by_one(models[0], catboost, lesson))
    report_many(many(models[0], lesson), 2 * multiply_adds_of(models[0]))
    line(f"training on {len(lesson.sales):,} sales, seconds", f"{seconds:.0f}")
    for name, own in parts.items():
        line(f"… of which {name}", f"{own / seconds:.0%}")


def one_by_one(model: PriceModel, catboost: Any, lesson: Lesson) -> dict[str, list[float]]:
    """Return each contender's seconds for each subject: ours is the first.

    They are valued on the day after the newest sale known, as most requests are.
    """
    sales = lesson.validation_sales
    assert sales.date is not None
    date = np.full(1, sales.date.max() + 1)
    homes = labels_as_text(lesson.validation).assign(**{DATE: date.astype(np.float64)[0]})
    rows = homes.to_numpy(object)
    seconds: dict[str, list[float]] = {}
    for i in range(SUBJECTS):
        facts, home, row = sales.facts.take(slice(i, i + 1)), homes.iloc[[i]], rows[[i]]
        contenders: dict[str, Callable[[], object]] = {
            "PriceModel.predict": partial(model.predict, facts, date),
            "CatBoost, a frame of one row": partial(catboost.predict, home, thread_count=1),
            "CatBoost, an array of one row": partial(catboost.predict, row, thread_count=1),
        }
        for name, run in contenders.items():
            seconds.setdefault(name, []).append(timed(run))
    return seconds


def many(model: PriceModel, lesson: Lesson) -> list[Turn]:
    """Value many homes on the day after the newest sale known: those that were sold, over and over."""
    sales = lesson.sales.joined(lesson.validation_sales)
    assert sales.date is not None
    turns = []
    for start in range(0, MANY, PIECE):
        facts = sales.facts.take(np.arange(start, start + PIECE) % len(sales))
        date = np.full(PIECE, sales.date.max() + 1)
        with watched(VALUING) as parts:
            seconds = timed(partial(model.predict, facts, date))
        # A mean of as long a time as the networks took, not the best moment: both are then as often disturbed.
        turns.append(Turn(seconds, parts, sgemm_rate(tries=1, repeats=10)))
    return turns


@contextmanager
def watched(parts: Parts) -> Iterator[dict[str, float]]:
    """Give each part's seconds, which grow while its functions are called within."""
    seconds = dict.fromkeys(parts, 0.0)

    def clocked(part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            kept: list[Any] = []
            seconds[part] += timed(lambda: kept.append(function(*args, **kwargs)))
            return kept[0]

        return run

    with ExitStack() as stack:
        for part, functions in parts.items():
            for owner, name in functions:
                stack.enter_context(patch.object(owner, name, clocked(part, getattr(owner, name))))
        yield seconds


def multiply_adds_of(model: PriceModel) -> int:
    """Return the multiply-adds of a home in all networks."""
    return sum(multiply_adds(Network.from_state(state).layers) for state in model.state()["networks"])


def multiply_adds(layers: Sequence[Layer], members: int = 1) -> int:
    """Return the multiply-adds of one row's matrix products; what goes number by number is not counted."""
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


def report_one(seconds: Mapping[str, Sequence[float]]) -> None:
    """Print what one subject takes, beside the faster way to ask CatBoost."""
    median = {name: float(np.median(each)) for name, each in seconds.items()}
    for name, each in median.items():
        line(f"one subject, {name}, ms", f"{1e3 * each:.2f}")
    ours, *theirs = seconds
    kinder = min(theirs, key=lambda name: median[name])
    for name in theirs:
        ratio = np.median(np.array(seconds[ours]) / np.array(seconds[name]))
        line(f"… ours ÷ {name}", f"{ratio:.2f}", "≤ 1" if name == kinder else "")


def report_many(turns: Sequence[Turn], operations: int) -> None:
    """Print what many homes take, each of so many floating-point operations in the networks."""
    networks = np.array([turn.parts["networks"] for turn in turns])
    rate = 1e-9 * operations * PIECE / networks
    share = np.median(rate / [turn.machine for turn in turns])
    line(f"{MANY:,} homes, seconds", f"{sum(turn.seconds for turn in turns):.1f}")
    line("… networks, seconds", f"{networks.sum():.1f}")
    line("… networks, GFLOP/s", f"{np.median(rate):.0f}")
    line("… of a product of 1024 × 1024 × 1024 at the same time", f"{share:.0%}", "≥ 50%")
    for name in turns[0].parts:
        if name == "networks":
            continue
        own = np.array([turn.parts[name] for turn in turns])
        line(f"… {name}, seconds", f"{own.sum():.1f}")
        line(f"… {name} ÷ networks", f"{np.median(own / networks):.2f}", "≤ 1" if name == "comparables" else "")


def line(name: str, measured: str, must: str = "") -> None:
    """Print a line of the table."""
    print(f"| {name} | {measured} | {must} |", flush=True)


if __name__ == "__main__":
    main()
