"""The command line: train, tune, predict, evaluate. Bad input ends with a clear error and exit code 2."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import joblib
import pandas as pd
from tqdm import tqdm

from estimator.bulk import predict_file
from estimator.errors import EstimatorError
from estimator.evaluation import ErrorFigures, evaluate
from estimator.progress import ProgressBar
from estimator.registry import load_version
from estimator.sales import Split, read_sales
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
    figures = evaluate(saved.appraiser, read_sales(saved.appraiser.market, sales))
    if file_sha256(sales) == saved.manifest.get("sales_sha256"):
        click.echo("these are the sales that the model learned from: it values others less well", err=True)
    if as_json:
        click.echo(json.dumps({known: entry.to_dict() for known, entry in figures.items()}, indent=2))
    else:
        click.echo(_table(figures))


def _table(figures: Mapping[str, ErrorFigures]) -> str:
    """Return error figures as a table for people, a column for each state of knowledge."""
    table = pd.DataFrame({known.replace("_", " "): entry.to_dict() for known, entry in figures.items()})
    return table.map(lambda value: f"{value:,.0f}" if value >= 1000 else f"{value:.4g}").to_string()
