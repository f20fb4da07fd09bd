"""The page of results, made from the cache: one section per data set, one row per model and variant."""

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
    "plain": "facts",
    "comparables": "facts and comparables",
    "whole": "facts; finds comparables itself",
}
HEAD = (
    "| model | inputs | log RMSE | RMSE, USD | MdAPE, % | PPE10, % | training, s | 100,000 homes, s | seeds |\n"
    "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
)

TITLE: Mapping[Part, str] = {
    "validation": "# Accuracy on the validation sales, on which every model was selected",
    "test": "# Accuracy on the test sales",
}
EXPLANATION = """\
All models are trained on the same training sales and selected on the same validation sales; none is trained again
on both. For test homes, the validation sales may be used as comparables, by the peers and by our model. Our model
also uses them for kriging and to measure how prices have changed. All figures are means over seeds of the models,
on one split of the sales. Peers use one thread. Training time is CPU time from facts in memory to a trained model,
including the features of comparables. The settings of the boosters and of MLPRegressor were tuned on the
validation sales (accuracy/tuned.json: 30 trials each, 12 with comparables). RealMLP and TabM use the defaults of
pytabkit.
"""


@dataclass(frozen=True)
class Row:
    """A row of the table: means over the seeds in the cache."""

    peer: str
    variant: Variant
    figures: Figures
    seeds: int
    versions: Mapping[str, str]


def rows_of(data_set: str, jobs: Sequence[Job], part: Part, folder: Path) -> list[Row]:
    """Return the rows of a data set, for the jobs that are done."""
    outcomes: dict[tuple[str, Variant], list[Outcome]] = {}
    for job in jobs:
        path = job.path(folder)
        if job.data_set == data_set and path.exists():
            outcomes.setdefault((job.peer, job.variant), []).append(Outcome.load(path))
    data = data_of(data_set)
    sales = data.parts.validation if part == "validation" else data.parts.test
    return [
        Row(
            peer,
            variant,
            mean([figures(data, sales, getattr(outcome, part), outcome) for outcome in by_seed]),
            len(by_seed),
            by_seed[0].depended_on["versions"],
        )
        for (peer, variant), by_seed in outcomes.items()
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
    """Compare our model with the best peer, without comparables and with them."""
    ours = next((row.figures for row in rows if row.peer == OURS), None)
    if ours is None:
        return ""
    text = ""
    for variant, label in (("plain", "the best peer"), ("comparables", "the best peer with comparables")):
        peers = [row for row in rows if row.peer != OURS and row.variant == variant]
        if peers:
            by_rmse = min(peers, key=lambda row: row.figures.log_rmse)
            by_mdape = min(peers, key=lambda row: row.figures.mdape)
            text += (
                f"Ours ÷ {label}: log RMSE {ours.log_rmse / by_rmse.figures.log_rmse:.3f} "
                f"({PEERS[by_rmse.peer].title}), MdAPE {ours.mdape / by_mdape.figures.mdape:.3f} "
                f"({PEERS[by_mdape.peer].title}).\n"
            )
    return text + "\n"


def versions(rows: Sequence[Row]) -> str:
    """Return the versions the outcomes were made with, as a sentence."""
    all_versions: dict[str, Any] = {}
    for row in rows:
        all_versions.update(row.versions)
    packages = ", ".join(f"{name} {version}" for name, version in sorted(all_versions.items()))
    return f"{platform.machine()}, Python {platform.python_version()}, {packages}."


def page(jobs: Sequence[Job], part: Part, folder: Path, arguments: Sequence[str]) -> str:
    """Return the page for a part, with the commands that made it."""
    sections, all_rows = [], []
    for data_set in dict.fromkeys(job.data_set for job in jobs):
        rows = rows_of(data_set, jobs, part, folder)
        all_rows += rows
        if rows:
            sections.append(table(data_set, rows))
    made_by = ", ".join(
        f"`python -m benchmarks.accuracy {command}`" for command in ("tune", "run", " ".join(arguments))
    )
    return "\n".join([f"{TITLE[part]}\n\n{EXPLANATION}\nMade by {made_by}: {versions(all_rows)}\n", *sections])
