"""The command line: train, tune, predict, evaluate, report. Bad input ends with a clear error and exit code 2."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import joblib
import pandas as pd
from tqdm import tqdm

from estimator.bulk import predict_file
from estimator.errors import DataError, EstimatorError
from estimator.evaluation import ALL_FACTS, ErrorFigures, Evaluation, evaluate
from estimator.progress import ProgressBar
from estimator.ratio_study import ACCEPTABLE, RatioFigures
from estimator.registry import load_version
from estimator.report import PAGE, read_report, render
from estimator.sales import Split, read_sales
from estimator.tables import replace_whole
from estimator.training import file_sha256, train_market
from estimator.tuning import tune_market


class _Commands(click.Group):
    """Commands whose user errors are told in a line, not in a trace."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except EstimatorError as error:
            raise click.UsageError(str(error)) from error


_FILE = click.Path(path_type=Path)
_SPLIT = click.option(
    "--split",
    type=click.Choice(["time", "random"]),
    help="How sales are divided; by time if they have dates, else at random.",
)
_SEED = click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of all randomness."
)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Learn what homes are worth from what homes sold for."""


@main.command()
@click.option("--market", required=True, type=_FILE, help="The market's folder, or its market.toml.")
@click.option("--sales", type=_FILE, help="Sales to learn from; the market's own if left out.")
@click.option("--models", type=_FILE, default=Path("models"), show_default=True, help="Where versions are saved.")
@_SPLIT
@_SEED
def train(market: Path, sales: Path | None, models: Path, split: Split | None, seed: int) -> None:
    """Train a model, evaluate it on held-out sales, save it and publish it."""
    with ProgressBar("training") as bar:
        trained = train_market(market, sales, models, split, seed, callbacks=[bar])
    counts = trained.parts
    click.echo(
        f"learned from {counts['train']:,} sales, chose on {counts['validation']:,}, tested on {counts['test']:,}"
    )
    click.echo(_table(trained.figures))
    click.echo(f"what an owner wants to know of it: {trained.folder / PAGE}")
    click.echo(f"published {trained.folder}")


@main.command()
@click.option("--market", required=True, type=_FILE, help="The market's folder, or its market.toml.")
@click.option("--trials", type=click.IntRange(min=1), default=40, show_default=True, help="Trainings in all.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=joblib.cpu_count,
    show_default="a processor each",
    help="Trainings side by side.",
)
@_SPLIT
@_SEED
@click.option(
    "--studies",
    type=_FILE,
    default=Path(".cache/tune"),
    show_default=True,
    help="Where trials are kept, so that a search goes on where it stopped.",
)
def tune(market: Path, trials: int, jobs: int, split: Split | None, seed: int, studies: Path) -> None:
    """Search for the network's settings on the validation sales and write the market's recipe.toml."""
    with tqdm(desc="tuning", unit=" trials", total=trials, disable=None) as bar:

        def show(done: int, log_rmse: float) -> None:
            bar.set_postfix_str(f"validation log RMSE {log_rmse:.4f}", refresh=False)
            bar.update(done - bar.n)

        path, found = tune_market(market, split, seed, trials, jobs, studies, show)
    click.echo(f"validation log RMSE {found.log_rmse:.4f}, by the defaults {found.default_log_rmse:.4f}")
    click.echo("".join(f"{name} = {value}\n" for name, value in found.settings.items()), nl=False)
    click.echo(f"written to {path}, which train reads")


@main.command()
@click.option("--model", required=True, type=_FILE, help="A version's folder, or models/<market>.")
@click.argument("source", type=_FILE)
@click.argument("target", type=_FILE)
def predict(model: Path, source: Path, target: Path) -> None:
    """Value every row of SOURCE (.csv, .csv.gz or .parquet) and write TARGET."""
    appraiser = load_version(model).appraiser
    with tqdm(desc="valuing", unit=" homes", unit_scale=True, disable=None) as bar:
        valued, failed = predict_file(appraiser, source, target, bar.update)
    click.echo(f"valued {valued:,} homes, {failed:,} with an error: {target}")


@main.command(name="evaluate")
@click.option("--model", required=True, type=_FILE, help="A version's folder, or models/<market>.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.argument("sales", type=_FILE)
def evaluate_command(model: Path, sales: Path, *, as_json: bool) -> None:
    """Compare valuations of sold homes with what they sold for."""
    saved = load_version(model)
    evaluation = evaluate(saved.appraiser, read_sales(saved.appraiser.market, sales))
    if file_sha256(sales) == saved.manifest.get("sales_sha256"):
        click.echo("these are the sales that the model learned from: it values others less well", err=True)
    if as_json:
        told = evaluation.figures_as_dict() | {"ratio_study": evaluation.ratio_study_as_dict()}
        click.echo(json.dumps(told, indent=2))
    else:
        click.echo(_table(evaluation.figures))
        click.echo(_ratio_tables(evaluation))


@main.command()
@click.option("--model", required=True, type=_FILE, help="A version's folder, or models/<market>.")
@click.option("--compare", "other", type=_FILE, help="Another version, to stand beside it.")
@click.argument("target", type=_FILE)
def report(model: Path, other: Path | None, target: Path) -> None:
    """Write a version's training report, one file of HTML, to TARGET."""
    page = render(read_report(model), None if other is None else read_report(other))
    try:
        with replace_whole(target) as beside:
            beside.write(page.encode())
    except OSError as error:
        raise DataError(f"{target}: {error}") from error
    click.echo(f"written to {target}")


def _table(figures: Mapping[str, ErrorFigures]) -> str:
    """Return error figures as a table for people, a column for each state of knowledge."""
    table = pd.DataFrame({known.replace("_", " "): entry.to_dict() for known, entry in figures.items()})
    return table.map(_shown).to_string()


def _ratio_tables(evaluation: Evaluation) -> str:
    """Return the ratio studies as tables for people; the ones by price band and by area are with all facts."""
    overall = {known.replace("_", " "): study.overall for known, study in evaluation.ratio_studies.items()}
    table = pd.DataFrame({known: _judged(figures) for known, figures in overall.items()})
    table["acceptable"] = [_range(*ACCEPTABLE[name]) if name in ACCEPTABLE else "" for name in table.index]
    study = evaluation.ratio_studies[ALL_FACTS]
    bands = {f"{_shown(band.low)} to {_shown(band.high)}": band.figures for band in study.price_bands or ()}
    reasons: dict[str, list[str]] = {}
    for name, reason in {**study.overall.reasons, **study.reasons}.items():
        reasons.setdefault(reason, []).append(name)
    return "\n".join(
        [
            table.rename_axis(columns="ratio study").to_string(),
            *_by_group("price band", bands, ["cod"]),
            *_by_group("postal code", study.areas or {}, ["cod", "prd", "prb", "mki", "vei"]),
            *(f"not told, {reason}: {', '.join(names)}" for reason, names in reasons.items()),
        ]
    )


def _judged(figures: RatioFigures) -> dict[str, str]:
    """Return every figure of one ratio study as text, with its verdict where that is bad."""
    told = {name: _shown(value) for name, value in figures.figures.items()}
    told |= {name: f"{told[name]} (not met)" for name, met in figures.met.items() if met is False}
    return {"compared": _shown(figures.n), "trimmed": _shown(figures.trimmed), **told}


def _by_group(kind: str, groups: Mapping[str, RatioFigures], measures: list[str]) -> list[str]:
    """Return the studies of groups as a table, a row a group; no table where there are none."""
    if not groups:
        return []
    names = ["compared", "trimmed", "median_ratio", "median_ratio_low", "median_ratio_high", *measures]
    rows = {group: _judged(figures) for group, figures in groups.items()}
    return [pd.DataFrame.from_dict(rows, orient="index")[names].rename_axis(columns=kind).to_string()]


def _range(low: float, high: float) -> str:
    return f"{_shown(low)} to {_shown(high)}" if math.isfinite(low) else f"at most {_shown(high)}"


def _shown(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"
