"""How many sales it takes: our model and its peers where a market has few.

Some of King County's training sales are all that there is; its validation sales are the homes to be valued. Our
defaults and the boosters' settings were both chosen on these, with all of the training sales to learn from; here
nothing is. The test part is never looked at.
"""

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.accuracy.datasets import TITLES, DataSet
from benchmarks.accuracy.jobs import Job, build_training_set
from benchmarks.accuracy.peers import OURS, PEERS, Variant
from estimator.market.sales import Parts

ROW = "king_county-random"
"""By time, few sales of a year would be fewer months as well."""
SIZES = (500, 1500, 5000)
"""Of the market, a fifth of which is for validation; King County's training part has 13,832 sales."""
CONTENDERS = (OURS, "nearest", "ridge", "lightgbm", "catboost")
"""Which learn within seconds or a minute."""

Found = Mapping[tuple[str, Variant], Mapping[int, Sequence[float]]]
"""Model and what it is given → size → log RMSE of each seed."""


def few(data: DataSet, n: int, seed: int) -> DataSet:
    """Return a market of n of the training sales, drawn by lot, whose test part is the validation sales."""
    train = data.parts.train
    drawn = np.random.default_rng(seed).choice(len(train), n, replace=False)
    validation, rest = np.split(drawn, [n // 5])
    parts = Parts(train.take(np.sort(rest)), train.take(np.sort(validation)), data.parts.validation)
    return replace(data, parts=parts)


def compare(data: DataSet, sizes: Sequence[int], seeds: int, folder: Path, tell: Callable[[str], None]) -> Found:
    """Train each model on each market; the seed is the model's as well as the market's."""
    found: dict[tuple[str, Variant], dict[int, list[float]]] = {}
    for n in sizes:
        for seed in range(seeds):
            market = few(data, n, seed)
            for peer in CONTENDERS:
                for variant in PEERS[peer].variants:
                    error = _log_rmse(market, Job(ROW, peer, variant, seed), folder)
                    found.setdefault((peer, variant), {}).setdefault(n, []).append(error)
                    tell(f"{n} sales, seed {seed}, {peer}, {variant}: {error:.4f}")
    return found


def _log_rmse(data: DataSet, job: Job, folder: Path) -> float:
    lesson, _, homes, _ = build_training_set(job, data, folder)
    predict = PEERS[job.peer].fit(lesson)
    return float(np.sqrt(np.mean((predict(homes) - np.log(data.parts.test.price)) ** 2)))


def page(found: Found, homes: int, command: str) -> str:
    """Return the page in Markdown."""
    sizes = list(next(iter(found.values())))
    seeds = len(found[OURS, "whole"][sizes[0]])
    best = {n: min(np.mean(errors[n]) for (peer, _), errors in found.items() if peer != OURS) for n in sizes}
    lines = [
        "# How many sales it takes\n",
        f"{TITLES[ROW]}: markets of few of its training sales, a fifth of which are for validation, and the",
        f"log RMSE of the values of {homes:,} other homes, its validation sales. Means of {seeds} draws ± their",
        "standard deviation. Our defaults and the boosters' settings were chosen on the homes valued here, with",
        "all training sales to learn from; each training stops by the validation sales of its own market.\n",
        f"Made by `{command}`: Python {platform.python_version()}, NumPy {np.__version__}.\n",
        "| | given | " + " | ".join(f"{n:,} sales" for n in sizes) + " |",
        "| --- | --- |" + " ---: |" * len(sizes),
    ]
    for (peer, variant), errors in found.items():
        given = {"whole": "the facts", "plain": "the facts", "comparables": "and comparables"}[variant]
        cells = [f"{np.mean(errors[n]):.4f} ± {np.std(errors[n], ddof=1):.4f}" for n in sizes]
        lines.append(f"| {PEERS[peer].title} | {given} | " + " | ".join(cells) + " |")
    ours = [f"{np.mean(found[OURS, 'whole'][n]) / best[n]:.3f}" for n in sizes]
    lines.append("| ours ÷ the best of them | | " + " | ".join(ours) + " |")
    return "\n".join(lines) + "\n"
