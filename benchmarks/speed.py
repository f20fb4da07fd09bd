"""One table of how fast everything is, compared with peers on the same machine in the same run.

    python -m benchmarks.speed [--model models/king_county] [--rows 200000] [--turns 5] [--write]

King County. What is compared takes turns, and a ratio is the median of the turns' ratios, so a busy machine slows
both alike. Needs the dependency group `peers`; takes about half an hour. `--write` writes `benchmarks/SPEED.md`.
"""

# ruff: noqa: E402 - the environment comes first

import os

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"  # before any library starts its threads

import argparse
import json
import platform
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.accuracy.boosting import train_catboost
from benchmarks.accuracy.jobs import CACHE, Job, build_inputs, data_of
from benchmarks.file_peer import N_TREES, NOT_FACTS
from benchmarks.price_model import DATA_SET, multiply_adds_of, time_single_subjects
from benchmarks.service import cost, cpu_seconds, plain_server, service
from benchmarks.timing import Used, sgemm_rate, used_by
from estimator.registry import load_version
from service.valuation.snapshot import Snapshot

PAGE = Path(__file__).with_name("SPEED.md")
SALES = Path("data/king_county/sales.csv.gz")
N_REQUESTS = 500
"""Requests of one turn."""


@dataclass(frozen=True)
class Row:
    """One comparison: what was measured in each turn, in a unit."""

    name: str
    unit: str
    ours: Sequence[float]
    peer_name: str = ""
    peer: Sequence[float] = ()
    floor: float | None = None

    @property
    def ratio(self) -> float | None:
        """Median over the turns of ours ÷ the peer's; None without a peer."""
        return float(np.median(np.divide(self.ours, self.peer))) if self.peer else None

    def __str__(self) -> str:
        def number(value: float | None) -> str:
            return "–" if value is None else f"{value:.3g}" if value < 100 else f"{value:,.0f}"

        peer = f"{number(float(np.median(self.peer)))} ({self.peer_name})" if self.peer else "–"
        return (
            f"| {self.name}, {self.unit} | {number(float(np.median(self.ours)))} | {peer} | {number(self.floor)}"
            f" | {number(self.ratio)} |"
        )


def valuation_rows(model: Path, floor: float) -> Iterator[Row]:
    """Compare one valuation with CatBoost, as `benchmarks.price_model` does."""
    training, *_ = build_inputs(Job(DATA_SET, "catboost", "plain", 0), data_of(DATA_SET), CACHE)
    seconds = time_single_subjects(load_version(model).appraiser.model, train_catboost(training), training)
    ours, *peers = ([1e6 * value for value in values] for values in seconds.values())
    for name, peer in zip(list(seconds)[1:], peers, strict=True):
        yield Row("one valuation in the process", "µs", ours, name, peer, 1e6 * floor)


def service_rows(model: Path, home: Mapping[str, Any], turns: int) -> Iterator[Row]:
    """Compare a request, the start and the memory with a Flask route that returns its JSON, on the same server."""
    body = json.dumps(home).encode()
    ours: dict[str, list[float]] = {"request": [], "start": [], "memory": []}
    echo: dict[str, list[float]] = {"request": [], "start": [], "memory": []}
    for _ in range(turns):
        with service(model) as (pid, port), plain_server() as (plain_pid, plain_port):
            for found, process in ((ours, pid), (echo, plain_pid)):
                found["start"].append(cpu_seconds(process))
            for found, process, at, path in (
                (ours, pid, port, "/predict"),
                (echo, plain_pid, plain_port, "/echo"),
            ) * 2:
                found["request"].append(1e6 * cost(process, at, "POST", path, body, N_REQUESTS)[0])
            for found, process in ((ours, pid), (echo, plain_pid)):
                found["memory"].append(_worker_memory(process))
    names = {
        "request": ("`POST /predict`, one home", "µs of CPU"),
        "start": ("start of the server with one worker", "CPU seconds"),
        "memory": ("memory of a worker", "MB"),
    }
    for key, (name, unit) in names.items():
        yield Row(name, unit, ours[key], "Flask echo on the same server", echo[key])


def file_rows(model: Path, rows: int, turns: int, floor: float) -> Iterator[Row]:
    """Compare `house-price predict` with a LightGBM script, on one core and on two."""
    with tempfile.TemporaryDirectory() as folder:
        trees = f"{folder}/trees.txt"
        peer = [sys.executable, "-m", "benchmarks.file_peer"]
        used_by([*peer, "fit", str(SALES), trees], os.sched_getaffinity(0))
        homes = write_homes(Path(folder), rows)
        for format_name in ("CSV", "Parquet"):
            ending = format_name.lower()
            files = [f"{homes}.{ending}", f"{folder}/valued.{ending}"]
            predict = [sys.executable, "-m", "estimator", "predict", "--model", str(model), *files]
            yield from _file_rows(predict, [*peer, "value", trees, *files], format_name, rows, turns, floor)


def _file_rows(
    predict: list[str], script: list[str], format_name: str, rows: int, turns: int, floor: float
) -> Iterator[Row]:
    cores = sorted(os.sched_getaffinity(0))[:2]
    one: list[tuple[Used, Used]] = []
    two: list[tuple[Used, Used]] = []
    for _ in range(turns):
        one.append((used_by(predict, cores[:1]), used_by(script, cores[:1])))
        two.append((used_by(predict, cores), used_by(script, cores)))
    name, peer = f"{rows:,} homes, {format_name} to {format_name}", f"LightGBM, {N_TREES} trees, in pandas"
    for label, runs in (("one core", one), ("two cores", two)):
        ours, theirs = zip(*runs, strict=True)
        cpu = [run.cpu for run in ours], [run.cpu for run in theirs]
        yield Row(f"{name}, {label}", "CPU seconds", cpu[0], peer, cpu[1], rows * floor)
    speed_ups = [alone[0].seconds / both[0].seconds for alone, both in zip(one, two, strict=True)]
    yield Row(f"{name}: the second core speeds up by", "times", speed_ups)
    peaks = [run.peak for run, _ in two], [run.peak for _, run in two]
    yield Row(f"{name}, two cores: peak memory", "MB", peaks[0], peer, peaks[1])


def write_homes(folder: Path, rows: int) -> Path:
    """Write sold homes, moved a little, as CSV and Parquet; return the files' path without its ending."""
    sales = pd.read_csv(SALES).drop(columns=NOT_FACTS)
    rng = np.random.default_rng(0)
    homes = sales.iloc[rng.integers(0, len(sales), rows)].reset_index(drop=True)
    for name in ("lat", "long"):
        homes[name] = (homes[name] + rng.normal(0, 0.002, rows)).round(5)
    homes.to_csv(folder / "homes.csv", index=False)
    homes.to_parquet(folder / "homes.parquet")
    return folder / "homes"


def _worker_memory(pid: int) -> float:
    """Return the memory of a server's worker, in MB."""
    (worker,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    lines = Path(f"/proc/{worker}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def page(rows: Sequence[Row], turns: int) -> str:
    """Return the table as Markdown."""
    return "\n".join(
        [
            "# How fast everything is",
            "",
            f"`python -m benchmarks.speed`: {platform.machine()}, {os.cpu_count()} cores.",
            f"We and the peers took turns, {turns} each, in one run. The machine may have had other load:",
            "compare ratios, not times. The floor is the time of the networks' matrix products alone,",
            "at the rate of a large product.",
            "",
            "| King County | ours | peer | floor | ours ÷ peer |",
            "| --- | ---: | ---: | ---: | ---: |",
            *map(str, rows),
            "",
        ]
    )


def main() -> None:
    """Measure and print, or write."""
    parser = argparse.ArgumentParser(description="Measure how fast everything is.")
    parser.add_argument("--model", type=Path, default=Path("models/king_county"))
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    saved = load_version(given.model)
    floor = 2e-9 * multiply_adds_of(saved.appraiser.model) / sgemm_rate()
    rows = [
        *valuation_rows(given.model, floor),
        *service_rows(given.model, Snapshot.of(saved).example["request"], given.turns),
        *file_rows(given.model, given.rows, given.turns, floor),
    ]
    text = page(rows, given.turns)
    print(text)
    if given.write:
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
