"""The table, made from the cache: a section a data set, a row a model and what it was given."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from benchmarks.accuracy.datasets import TITLES
from benchmarks.accuracy.figures import Figures, figures, mean
from benchmarks.accuracy.jobs import Job, Outcome, data_of
from benchmarks.accuracy.peers import OURS, PEERS, Variant

Part = Literal["validation", "test"]

GIVEN: Mapping[Variant, str] = {
    "plain": "the facts",
    "comparables": "and comparables",
    "whole": "the facts; finds its own evidence",
}
HEAD = (
    "| | given | log RMSE | RMSE, USD | MdAPE, % | PPE10, % | training, s | 100,000 homes, s | seeds |\n"
    "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
)

TITLE: Mapping[Part, str] = {
    "validation": "# Accuracy on the validation sales, which every model here was chosen on",
    "test": "# Accuracy on sales that no model saw",
}
EXPLANATION = """\
Every model learns from the same training sales and is chosen on the same validation sales; none learns from them
again. For test homes, validation sales are evidence: among the comparables that peers are given, and for our own
model's comparables and kriging, which also measures on them how far prices moved. Peers: one thread. Means over
seeds of the models; the division of the sales is one. Training seconds are the processor's, from facts in memory
to a model; with comparables, they hold the finding of those. Settings of the boosters and of MLPRegressor were
searched for on the validation sales (accuracy/tuned.json: 30 trials each, 12 with comparables); RealMLP and TabM
are at pytabkit's defaults.
"""


@dataclass(frozen=True)
class Row:
    """A line of the table: means over the seeds that are in the cache."""

    peer: str
    variant: Variant
    figures: Figures
    seeds: int
    versions: Mapping[str, str]


def rows_of(data_set: str, jobs: Sequence[Job], part: Part, folder: Path) -> list[Row]:
    """Return the lines of a data set, for the jobs that are done."""
    done: dict[tuple[str, Variant], list[Outcome]] = {}
    for job in jobs:
        path = job.path(folder)
        if job.data_set == data_set and path.exists():
            done.setdefault((job.peer, job.variant), []).append(Outcome.load(path))
    data = data_of(data_set)
    sales = data.parts.validation if part == "validation" else data.parts.test
    return [
        Row(
            peer,
            variant,
            mean([figures(data, sales, getattr(outcome, part), outcome) for outcome in outcomes]),
            len(outcomes),
            outcomes[0].depended_on["versions"],
        )
        for (peer, variant), outcomes in done.items()
    ]


def table(data_set: str, rows: Sequence[Row]) -> str:
    """Return a data set's section in Markdown."""
    lines = [_line(row) for row in rows]
    return f"### {TITLES[data_set]}\n\n{HEAD}" + "".join(lines) + "\n" + _ratios(rows)


def _line(row: Row) -> str:
    f = row.figures
    cells = (
        f"{f.log_rmse:.4f}", f"{f.dollar_rmse:,.0f}", f"{f.mdape:.2f}", f"{f.ppe10:.1f}",
        f"{f.train_seconds:,.1f}", f"{f.seconds_per_100k:.2f}", str(row.seeds),
    )  # fmt: skip
    return f"| {PEERS[row.peer].title} | {GIVEN[row.variant]} | " + " | ".join(cells) + " |\n"


def _ratios(rows: Sequence[Row]) -> str:
    """Say how our model compares with the best peer, without comparables and with them."""
    ours = next((row.figures for row in rows if row.peer == OURS), None)
    if ours is None:
        return ""
    text = ""
    for variant, what in (("plain", "the best peer"), ("comparables", "the best peer given comparables")):
        others = [row for row in rows if row.peer != OURS and row.variant == variant]
        if others:
            by_rmse = min(others, key=lambda row: row.figures.log_rmse)
            by_mdape = min(others, key=lambda row: row.figures.mdape)
            text += (
                f"Ours ÷ {what}: log RMSE {ours.log_rmse / by_rmse.figures.log_rmse:.3f} "
                f"({PEERS[by_rmse.peer].title}), MdAPE {ours.mdape / by_mdape.figures.mdape:.3f} "
                f"({PEERS[by_mdape.peer].title}).\n"
            )
    return text + "\n"


def versions(rows: Sequence[Row]) -> str:
    """Return what the outcomes were made with, as a sentence."""
    every: dict[str, Any] = {}
    for row in rows:
        every.update(row.versions)
    packages = ", ".join(f"{name} {version}" for name, version in sorted(every.items()))
    return f"{platform.machine()}, Python {platform.python_version()}, {packages}."


def page(jobs: Sequence[Job], part: Part, folder: Path, arguments: Sequence[str]) -> str:
    """Return the whole table of a part, with what it was made by."""
    sections, every = [], []
    for data_set in dict.fromkeys(job.data_set for job in jobs):
        rows = rows_of(data_set, jobs, part, folder)
        every += rows
        if rows:
            sections.append(table(data_set, rows))
    made_by = ", ".join(f"`python -m benchmarks.accuracy {each}`" for each in ("tune", "run", " ".join(arguments)))
    return "\n".join([f"{TITLE[part]}\n\n{EXPLANATION}\nMade by {made_by}: {versions(every)}\n", *sections])
