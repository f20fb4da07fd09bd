"""The commands of the benchmark."""

import json
import multiprocessing
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from itertools import product
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from benchmarks.accuracy import ablation, curve, few_sales, report, tuning
from benchmarks.accuracy.california import AbsentError
from benchmarks.accuracy.datasets import DATA_SETS, TITLES
from benchmarks.accuracy.figures import figures
from benchmarks.accuracy.jobs import CACHE, Job, build_training_set, data_of, run
from benchmarks.accuracy.peers import PEERS, VARIANTS

RESULTS = Path(__file__).parents[1] / "RESULTS.md"
ABLATION = Path(__file__).parents[1] / "ABLATION.md"
FEW_SALES = Path(__file__).parents[1] / "FEW_SALES.md"
SEEDS = 3
"""Models of each kind, where a peer does not say fewer: enough to see the spread."""
CURVES = ("king_county-time", "king_county-random")

Decorator = Callable[[Callable[..., None]], Callable[..., None]]


class Names(click.ParamType[tuple[str, ...]]):
    """A list of names, with commas."""

    name = "names"

    def __init__(self, known: Iterable[str]) -> None:
        self._known = tuple(known)

    def convert(
        self, value: str | Sequence[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Take the list apart."""
        names = value.split(",") if isinstance(value, str) else value
        for name in names:
            if name not in self._known:
                self.fail(f"'{name}' is none of {', '.join(self._known)}", param, ctx)
        return tuple(names)


def _choice(option: str, known: Iterable[str], what: str) -> Decorator:
    names = tuple(known)
    return click.option(option, type=Names(names), default=names, help=f"{what}, with commas: {', '.join(names)}.")


def _selection(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say which jobs."""
    for decorate in (
        click.option("--seeds", type=int, default=SEEDS, show_default=True, help="How many, at most."),
        _choice("--variants", VARIANTS, "What the models are given"),
        _choice("--peers", PEERS, "Models"),
        _choice("--rows", DATA_SETS, "Data sets"),
    ):
        command = decorate(command)
    return command


@click.group()
def cli() -> None:
    """Compare valuations with what else a team could take."""


@cli.command("run")
@_selection
@click.option("--jobs", type=int, default=1, show_default=True, help="Processes side by side, one thread each.")
@click.option("--again", type=click.Choice(list(PEERS)), help="A model whose outcomes are forgotten first.")
def run_jobs(
    rows: Sequence[str], peers: Sequence[str], variants: Sequence[str], seeds: int, jobs: int, again: str | None
) -> None:
    """Train what is not in the cache yet, and show its validation figures."""
    wanted = select(rows, peers, variants, seeds)
    for job in wanted:
        if job.peer == again:
            job.path(CACHE).unlink(missing_ok=True)
    # A process a job: libraries differ in how they hold threads and memory, and none is to disturb another.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=spawn, max_tasks_per_child=1) as pool:
        running: dict[Future[Any], Job] = {pool.submit(run, job, CACHE): job for job in wanted}
        for done in tqdm(as_completed(running), total=len(running), unit=" jobs", disable=None):
            job = running[done]
            data = data_of(job.data_set)
            outcome = done.result()
            f = figures(data, data.parts.validation, outcome.validation, outcome)
            tqdm.write(
                f"{job.name}: validation log RMSE {f.log_rmse:.4f}, MdAPE {f.mdape:.2f}, {f.train_seconds:.1f} s"
            )


@cli.command("tune")
@_selection
@click.option("--trials", type=int, default=tuning.TRIALS, show_default=True, help="Trainings a search.")
def tune(rows: Sequence[str], peers: Sequence[str], variants: Sequence[str], seeds: int, trials: int) -> None:
    """Search the boosters' settings that are not in tuned.json yet, on the validation sales."""
    wanted = [job for job in select(rows, peers, variants, min(seeds, 1)) if job.peer in tuning.SPACES]
    for job in tqdm(wanted, unit=" searches", disable=None):
        if tuning.settings_for(job.data_set, job.peer, job.variant):
            continue
        lesson, validation, _, _ = build_training_set(job, data_of(job.data_set), CACHE)
        fit, space = PEERS[job.peer].fit, tuning.SPACES[job.peer]
        found = {**tuning.search(lesson, validation, fit, space, trials), **PEERS[job.peer].versions()}
        tuning.keep(job.data_set, job.peer, job.variant, found)
        tqdm.write(
            f"{job.data_set}/{job.peer}/{job.variant}: validation log RMSE {found['validation_log_rmse']:.4f}"
        )


@cli.command("table")
@_selection
@click.option("--part", type=click.Choice(["validation", "test"]), default="validation", show_default=True)
def show_table(
    rows: Sequence[str], peers: Sequence[str], variants: Sequence[str], seeds: int, part: report.Part
) -> None:
    """Print what is in the cache. The test part is for the end: it goes to benchmarks/RESULTS.md."""
    text = report.page(select(rows, peers, variants, seeds), part, CACHE, sys.argv[1:])
    if part == "test":
        RESULTS.write_text(text, encoding="utf-8")
    else:
        click.echo(text)


@cli.command("curve")
@_choice("--rows", CURVES, "Data sets")
@click.option("--seed", type=int, default=0, show_default=True)
def show_curves(rows: Sequence[str], seed: int) -> None:
    """Tell after what share of CatBoost's training time our model is as good, on one thread and on two."""
    click.echo(curve.HEAD)
    kept = {}
    for row, threads in product(rows, (1, 2)):
        theirs, ours = curve.compare(row, seed, threads, CACHE)
        kept[f"{row}-{threads}"] = [vars(theirs), vars(ours)]
        click.echo(curve.line(TITLES[row], threads, theirs, ours))
    CACHE.mkdir(parents=True, exist_ok=True)
    (CACHE / "curves.json").write_text(json.dumps(kept), encoding="utf-8")


@cli.command("ablation")
@_choice("--rows", ablation.ROWS, "Data sets")
@click.option("--seeds", type=int, default=2, show_default=True, help="How many.")
def show_ablation(rows: Sequence[str], seeds: int) -> None:
    """Write to benchmarks/ABLATION.md what each part of our model is worth on the validation sales.

    The page is written after each seed of a data set, so that a run that is broken off leaves one.
    """
    found: dict[str, list[dict[str, ablation.Errors]]] = {row: [] for row in rows}
    for seed, row in product(range(seeds), rows):

        def tell(variant: ablation.Variant, errors: ablation.Errors, about: str = f"{row} {seed}") -> None:
            click.echo(f"{about}, {variant.title}: {errors.log_rmse:.4f}, {errors.bare_log_rmse:.4f}")

        found[row].append(ablation.ablate(data_of(row), seed, tell=tell))
        command = f"python -m benchmarks.accuracy ablation --rows {','.join(rows)} --seeds {seeds}"
        ABLATION.write_text(ablation.page(found, command), encoding="utf-8")


@cli.command("few-sales")
@click.option(
    "--seeds", type=click.IntRange(min=2), default=SEEDS, show_default=True, help="Markets of each size."
)
def show_few_sales(seeds: int) -> None:
    """Write to benchmarks/FEW_SALES.md how accurate models are where a market has few sales."""
    data = data_of(few_sales.ROW)
    found = few_sales.compare(data, few_sales.SIZES, seeds, CACHE, tell=click.echo)
    command = f"python -m benchmarks.accuracy few-sales --seeds {seeds}"
    FEW_SALES.write_text(few_sales.page(found, len(data.parts.validation), command), encoding="utf-8")


def select(rows: Iterable[str], peers: Iterable[str], variants: Iterable[str], seeds: int) -> list[Job]:
    """Return the jobs that can be done here, and say on the error stream which cannot."""
    present = []
    for row in rows:
        try:
            data_of(row)
            present.append(row)
        except (AbsentError, FileNotFoundError) as error:
            click.echo(f"left out: {TITLES[row]}: {error}", err=True)
    return [
        Job(row, peer, variant, seed)
        for row in present
        for peer in peers
        for variant in PEERS[peer].variants
        if variant in variants
        for seed in range(min(seeds, PEERS[peer].seeds))
    ]
