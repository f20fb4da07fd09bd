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
from benchmarks.accuracy.jobs import CACHE, Job, build_inputs, data_of, run
from benchmarks.accuracy.peers import PEERS, VARIANTS
from benchmarks.accuracy.walk.compare import MODELS
from benchmarks.accuracy.walk.compare import rows as walk_rows
from benchmarks.accuracy.walk.index import fit_index
from benchmarks.accuracy.walk.jobs import forget
from benchmarks.accuracy.walk.page import Row, as_json
from benchmarks.accuracy.walk.page import page as walk_page
from benchmarks.accuracy.walk.trials import TITLES as MARKETS
from benchmarks.accuracy.walk.trials import read_trials

RESULTS = Path(__file__).parents[1] / "RESULTS.md"
ABLATION_PAGE = Path(__file__).parents[1] / "ABLATION.md"
FEW_SALES_PAGE = Path(__file__).parents[1] / "FEW_SALES.md"
WALK_PAGE = Path(__file__).parents[1] / "WALK_FORWARD.md"
N_SEEDS = 3
"""Default number of seeds per model, enough to see the spread; `Peer.seeds` may allow fewer."""
CURVES = ("king_county-time", "king_county-random")

Decorator = Callable[[Callable[..., None]], Callable[..., None]]


class Names(click.ParamType[tuple[str, ...]]):
    """A comma-separated list of names."""

    name = "names"

    def __init__(self, known: Iterable[str]) -> None:
        self._known = tuple(known)

    def convert(
        self, value: str | Sequence[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Split the list and check each name."""
        names = value.split(",") if isinstance(value, str) else value
        for name in names:
            if name not in self._known:
                self.fail(f"unknown name '{name}'; expected one of {', '.join(self._known)}", param, ctx)
        return tuple(names)


def _choice(option: str, known: Iterable[str], description: str) -> Decorator:
    names = tuple(known)
    return click.option(
        option, type=Names(names), default=names, help=f"{description}, separated by commas: {', '.join(names)}."
    )


def _selection(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that select jobs to a command."""
    for decorate in (
        click.option("--seeds", type=int, default=N_SEEDS, show_default=True, help="Maximum number of seeds."),
        _choice("--variants", VARIANTS, "Inputs of the models"),
        _choice("--peers", PEERS, "Models"),
        _choice("--rows", DATA_SETS, "Data sets"),
    ):
        command = decorate(command)
    return command


@click.group()
def cli() -> None:
    """Compare our model with other models."""


@cli.command("run")
@_selection
@click.option("--jobs", type=int, default=1, show_default=True, help="Parallel processes, with one thread each.")
@click.option("--again", type=click.Choice(list(PEERS)), help="Delete the cached outcomes of this model first.")
def run_jobs(
    rows: Sequence[str], peers: Sequence[str], variants: Sequence[str], seeds: int, jobs: int, again: str | None
) -> None:
    """Train what is not in the cache yet and print the validation figures."""
    selected = select(rows, peers, variants, seeds)
    for job in selected:
        if job.peer == again:
            job.path(CACHE).unlink(missing_ok=True)
    # One process per job, so that threads and memory of one library cannot affect another.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=spawn, max_tasks_per_child=1) as pool:
        running: dict[Future[Any], Job] = {pool.submit(run, job, CACHE): job for job in selected}
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
@click.option("--trials", type=int, default=tuning.N_TRIALS, show_default=True, help="Trainings per search.")
def tune(rows: Sequence[str], peers: Sequence[str], variants: Sequence[str], seeds: int, trials: int) -> None:
    """Tune the settings that are not in tuned.json yet, on the validation sales."""
    selected = [job for job in select(rows, peers, variants, min(seeds, 1)) if job.peer in tuning.SPACES]
    for job in tqdm(selected, unit=" searches", disable=None):
        if tuning.settings_for(job.data_set, job.peer, job.variant):
            continue
        training, validation, _, _ = build_inputs(job, data_of(job.data_set), CACHE)
        fit, space = PEERS[job.peer].fit, tuning.SPACES[job.peer]
        result = {**tuning.search(training, validation, fit, space, trials), **PEERS[job.peer].versions()}
        tuning.store(job.data_set, job.peer, job.variant, result)
        tqdm.write(
            f"{job.data_set}/{job.peer}/{job.variant}: validation log RMSE {result['validation_log_rmse']:.4f}"
        )


@cli.command("table")
@_selection
@click.option("--part", type=click.Choice(["validation", "test"]), default="validation", show_default=True)
def show_table(
    rows: Sequence[str], peers: Sequence[str], variants: Sequence[str], seeds: int, part: report.Part
) -> None:
    """Print the results in the cache. Those of the test part are written to benchmarks/RESULTS.md instead."""
    text = report.page(select(rows, peers, variants, seeds), part, CACHE, sys.argv[1:])
    if part == "test":
        RESULTS.write_text(text, encoding="utf-8")
    else:
        click.echo(text)


@cli.command("curve")
@_choice("--rows", CURVES, "Data sets")
@click.option("--seed", type=int, default=0, show_default=True)
def show_curves(rows: Sequence[str], seed: int) -> None:
    """Show when our model reaches CatBoost's final error, on one thread and on two."""
    click.echo(curve.HEAD)
    curves = {}
    for row, threads in product(rows, (1, 2)):
        catboost, ours = curve.compare(row, seed, threads, CACHE)
        curves[f"{row}-{threads}"] = [vars(catboost), vars(ours)]
        click.echo(curve.line(TITLES[row], threads, catboost, ours))
    CACHE.mkdir(parents=True, exist_ok=True)
    (CACHE / "curves.json").write_text(json.dumps(curves), encoding="utf-8")


@cli.command("ablation")
@_choice("--rows", ablation.ROWS, "Data sets")
@click.option("--seeds", type=int, default=2, show_default=True, help="Number of seeds.")
def show_ablation(rows: Sequence[str], seeds: int) -> None:
    """Write benchmarks/ABLATION.md: the validation error of our model without each of its parts.

    The page is written after each seed of a data set, so that an interrupted run leaves a page too.
    """
    errors: dict[str, list[dict[str, ablation.Errors]]] = {row: [] for row in rows}
    for seed, row in product(range(seeds), rows):

        def print_errors(variant: ablation.Variant, found: ablation.Errors, name: str = f"{row} {seed}") -> None:
            click.echo(f"{name}, {variant.title}: {found.log_rmse:.4f}, {found.required_log_rmse:.4f}")

        errors[row].append(ablation.ablate(data_of(row), seed, report=print_errors))
        command = f"python -m benchmarks.accuracy ablation --rows {','.join(rows)} --seeds {seeds}"
        ABLATION_PAGE.write_text(ablation.page(errors, command), encoding="utf-8")


@cli.command("few-sales")
@click.option(
    "--seeds",
    type=click.IntRange(min=2),
    default=N_SEEDS,
    show_default=True,
    help="Number of markets of each size.",
)
def show_few_sales(seeds: int) -> None:
    """Write benchmarks/FEW_SALES.md: the accuracy of the models in markets with few sales."""
    data = data_of(few_sales.ROW)
    errors = few_sales.compare(data, few_sales.SIZES, seeds, CACHE, report=click.echo)
    command = f"python -m benchmarks.accuracy few-sales --seeds {seeds}"
    FEW_SALES_PAGE.write_text(few_sales.page(errors, len(data.parts.validation), command), encoding="utf-8")


@cli.command("walk-forward")
@click.option(
    "--markets",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the markets that are not part of the project; without it, only King County is compared.",
)
@_choice("--rows", MARKETS, "Markets")
@_choice("--peers", MODELS, "Models")
@click.option(
    "--again",
    type=click.Choice([*MODELS, "index"]),
    help="Delete the cached predictions of this model, or of all peers with our index, first.",
)
def show_walk(markets: Path | None, rows: Sequence[str], peers: Sequence[str], again: str | None) -> None:
    """Write benchmarks/WALK_FORWARD.md and .json: models trained once, and month by month.

    The page is written after each market, so that an interrupted run leaves a page too. Predictions are cached.
    """
    found: dict[str, list[Row]] = {}
    options = f"{' --markets FOLDER' if markets else ''} --rows {','.join(rows)} --peers {','.join(peers)}"
    for name in rows:
        if again is not None:
            forget(name, again, CACHE)
        try:
            trials = read_trials(name, markets)
        except AbsentError as error:
            click.echo(f"skipped: {MARKETS[name]}: {error}", err=True)
            continue
        found[name] = list(walk_rows(trials, peers, CACHE, fit_index, report=click.echo))
        page = walk_page(found, f"python -m benchmarks.accuracy walk-forward{options}")
        WALK_PAGE.write_text(page, encoding="utf-8")
        content = json.dumps(as_json(found), indent=1) + "\n"
        WALK_PAGE.with_suffix(".json").write_text(content, encoding="utf-8")


def select(rows: Iterable[str], peers: Iterable[str], variants: Iterable[str], seeds: int) -> list[Job]:
    """Return the jobs whose data exists; print the missing data sets to stderr."""
    present = []
    for row in rows:
        try:
            data_of(row)
            present.append(row)
        except (AbsentError, FileNotFoundError) as error:
            click.echo(f"skipped: {TITLES[row]}: {error}", err=True)
    return [
        Job(row, peer, variant, seed)
        for row in present
        for peer in peers
        for variant in PEERS[peer].variants
        if variant in variants
        for seed in range(min(seeds, PEERS[peer].seeds))
    ]
