"""The command line: train, predict, evaluate. Bad input ends with a clear error and exit code 2."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import pandas as pd
from tqdm import tqdm

from estimator.bulk import predict_file
from estimator.errors import EstimatorError
from estimator.evaluation import ErrorFigures, evaluate
from estimator.progress import ProgressBar
from estimator.registry import load_version
from estimator.sales import Split, read_sales
from estimator.training import file_sha256, train_market


class _Commands(click.Group):
    """Commands whose user errors are told in a line, not in a trace."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except EstimatorError as error:
            raise click.UsageError(str(error)) from error


_FILE = click.Path(path_type=Path)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Learn what homes are worth from what homes sold for."""


@main.command()
@click.option("--market", required=True, type=_FILE, help="The market's folder, or its market.toml.")
@click.option("--sales", type=_FILE, help="Sales to learn from; the market's own if left out.")
@click.option("--models", type=_FILE, default=Path("models"), show_default=True, help="Where versions are saved.")
@click.option(
    "--split",
    type=click.Choice(["time", "random"]),
    help="How sales are divided; by time if they have dates, else at random.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of all randomness.")
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
