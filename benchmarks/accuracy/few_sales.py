"""Accuracy of our model and its peers in markets with few sales.

Each market is a random sample of King County's training sales; the validation sales are the homes to be valued.
Our defaults and the settings of the boosters were both chosen on these validation sales, with all training sales;
no setting is chosen here. The test part is not used.
"""

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.accuracy.datasets import TITLES, DataSet
from benchmarks.accuracy.jobs import Job, build_inputs
from benchmarks.accuracy.peers import OURS, PEERS, Variant
from estimator.market.sales import Parts

ROW = "king_county-random"
"""A random split: with a time split, fewer sales would also mean fewer months."""
SIZES = (500, 1500, 5000)
"""Sales per market, a fifth of them for validation. King County's training part has 13,832 sales."""
CONTENDERS = (OURS, "nearest", "ridge", "lightgbm", "catboost")
"""The models that train within a minute."""

Errors = Mapping[tuple[str, Variant], Mapping[int, Sequence[float]]]
"""(Model, variant) → number of sales → log RMSE of each seed."""


def small_market(data: DataSet, n: int, seed: int) -> DataSet:
    """Return a market of n random training sales; its test part is the validation sales."""
    train = data.parts.train
    chosen = np.random.default_rng(seed).choice(len(train), n, replace=False)
    validation, rest = np.split(chosen, [n // 5])
    parts = Parts(train.take(np.sort(rest)), train.take(np.sort(validation)), data.parts.validation)
    return replace(data, parts=parts)


def compare(
    data: DataSet, sizes: Sequence[int], seeds: int, folder: Path, report: Callable[[str], None]
) -> Errors:
    """Train each model on each market and return the errors; `report` is called with a line per result."""
    errors: dict[tuple[str, Variant], dict[int, list[float]]] = {}
    for n in sizes:
        for seed in range(seeds):
            market = small_market(data, n, seed)
            for peer in CONTENDERS:
                for variant in PEERS[peer].variants:
                    error = _log_rmse(market, Job(ROW, peer, variant, seed), folder)
                    errors.setdefault((peer, variant), {}).setdefault(n, []).append(error)
                    report(f"{n} sales, seed {seed}, {peer}, {variant}: {error:.4f}")
    return errors


def _log_rmse(data: DataSet, job: Job, folder: Path) -> float:
    training, _, homes, _ = build_inputs(job, data, folder)
    predict = PEERS[job.peer].fit(training)
    return float(np.sqrt(np.mean((predict(homes) - np.log(data.parts.test.price)) ** 2)))


def page(errors: Errors, n_homes: int, command: str) -> str:
    """Return the page in Markdown."""
    sizes = list(next(iter(errors.values())))
    seeds = len(errors[OURS, "whole"][sizes[0]])
    best = {n: min(np.mean(by_size[n]) for (peer, _), by_size in errors.items() if peer != OURS) for n in sizes}
    lines = [
        "# Accuracy with few sales\n",
        f"{TITLES[ROW]}. Each market is a random sample of the training sales; a fifth of it is for",
        f"validation. The table shows the log RMSE of the valuations of {n_homes:,} other homes, the validation",
        f"sales of the full market: mean ± standard deviation of {seeds} samples. Our defaults and the settings",
        "of the boosters were chosen on these homes, with all training sales. Each training stops early on the",
        "validation sales of its own market.\n",
        f"Made by `{command}`: Python {platform.python_version()}, NumPy {np.__version__}.\n",
        "| model | inputs | " + " | ".join(f"{n:,} sales" for n in sizes) + " |",
        "| --- | --- |" + " ---: |" * len(sizes),
    ]
    for (peer, variant), by_size in errors.items():
        given = {"whole": "facts", "plain": "facts", "comparables": "facts and comparables"}[variant]
        cells = [f"{np.mean(by_size[n]):.4f} ± {np.std(by_size[n], ddof=1):.4f}" for n in sizes]
        lines.append(f"| {PEERS[peer].title} | {given} | " + " | ".join(cells) + " |")
    ours = [f"{np.mean(errors[OURS, 'whole'][n]) / best[n]:.3f}" for n in sizes]
    lines.append("| ours ÷ the best peer | | " + " | ".join(ours) + " |")
    return "\n".join(lines) + "\n"
