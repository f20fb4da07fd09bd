"""The command line: tuning, valuing, screening. Bad input gives an error message and exit code 2."""

import importlib.metadata
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import joblib
import numpy as np
from tqdm import tqdm

import estimator
from estimator.assessment.evaluation import evaluate
from estimator.assessment.set_aside import set_aside_record
from estimator.bulk import predict_file
from estimator.cli.options import FILE, KEY, LISTED_SALES, MARKET, MODEL, MODELS, SEED, SPLIT
from estimator.cli.set_aside import report_set_aside
from estimator.cli.tables import backtest_tables, error_table, ratio_study_tables
from estimator.deals.costs import COSTS
from estimator.deals.held_out import HeldOutListings, evaluate_screening, fit_list_prices, held_out_listings
from estimator.deals.past_resales import PastResales, RepeatSales
from estimator.deals.saved_list_prices import load_list_prices, save_list_prices
from estimator.deals.screen_file import screen_file
from estimator.deals.screening import DEFAULT_PROBABILITY, MAX_PROBABILITY, MIN_PROBABILITY
from estimator.errors import DataError, EstimatorError
from estimator.market.fault_groups import FaultGroups
from estimator.market.sales import Split
from estimator.market.sales_file import read_validated_sales
from estimator.market.tables import replace_atomically
from estimator.progress import ProgressBar
from estimator.registry import load_version
from estimator.report.files import read_report
from estimator.report.page import render
from estimator.training import file_sha256
from estimator.tuning import tune_market


class _Commands(click.Group):
    """A group whose commands report user errors in one line, without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except EstimatorError as error:
            raise click.UsageError(str(error)) from error


def _version() -> str:
    """Return the version of the installed package, or of the source code if it is not installed."""
    try:
        return importlib.metadata.version("house-price-estimator")
    except importlib.metadata.PackageNotFoundError:
        return estimator.__version__


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(_version(), prog_name="house-price")
def main() -> None:
    """Estimate house prices with a model trained on the sales of a market.

    Start with `train`, then value homes with `predict` and check the accuracy with `evaluate`. To find listings
    that should resell for more than they cost, use `screen`.
    """


@main.command(short_help="Search for better network settings.")
@MARKET
@click.option(
    "--trials",
    type=click.IntRange(min=1),
    default=40,
    show_default=True,
    help="Number of settings to try, including those of an interrupted search.",
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=joblib.cpu_count,
    show_default="one per processor",
    help="Number of trials to run in parallel.",
)
@SPLIT
@SEED
@click.option(
    "--studies",
    type=FILE,
    default=Path(".cache/tune"),
    show_default=True,
    help="Folder for the results of all trials, so that an interrupted search can be resumed.",
)
def tune(market: Path, trials: int, jobs: int, split: Split | None, seed: int, studies: Path) -> None:
    """Search for the network settings with the lowest error in a market.

    The settings are compared on the validation sales; the test sales are not used. The best ones are written to
    the market's recipe.toml, which `train` reads. Needs the optional package Optuna.
    """
    with tqdm(desc="tuning", unit=" trials", total=trials, disable=None) as bar:

        def show_progress(done: int, log_rmse: float) -> None:
            bar.set_postfix_str(f"validation log RMSE {log_rmse:.4f}", refresh=False)
            bar.update(done - bar.n)

        path, result = tune_market(market, split, seed, trials, jobs, studies, show_progress)
    click.echo(
        f"validation log RMSE {result.log_rmse:.4f}, with the default settings {result.default_log_rmse:.4f}"
    )
    click.echo("".join(f"{name} = {value}\n" for name, value in result.settings.items()), nl=False)
    click.echo(f"written to {path}, which `house-price train` reads")


@main.command(short_help="Value the homes in a file.")
@MODEL
@KEY
@click.option(
    "--index",
    "with_index",
    is_flag=True,
    help="Add the column valuation_index: the factor from prices in the newest month with sales to those on the"
    " valuation date.",
)
@click.argument("source", type=FILE)
@click.argument("target", type=FILE)
def predict(model: Path, key: bytes | None, source: Path, target: Path, *, with_index: bool) -> None:
    """Value every home in the file SOURCE and write the file TARGET.

    SOURCE is a CSV (.csv, .tsv, .txt, .csv.gz), Parquet (.parquet) or Excel file (.xlsx), TARGET CSV or Parquet.
    TARGET has the columns of SOURCE, then the price, its range and its uncertainty. A row that cannot be valued
    has the reason in the column `error`.
    """
    appraiser = load_version(model, key).appraiser
    faults = FaultGroups()
    with tqdm(desc="valuing", unit=" homes", unit_scale=True, disable=None) as bar:
        valued, failed = predict_file(appraiser, source, target, bar.update, faults, with_index=with_index)
    _report_faults(faults)
    click.echo(f"valued {valued:,} homes, {failed:,} with an error: {target}")


@main.command(name="evaluate", short_help="Compare valuations with sale prices.")
@MODEL
@KEY
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.argument("sales", type=FILE)
def evaluate_command(model: Path, key: bytes | None, sales: Path, *, as_json: bool) -> None:
    """Compare a model's valuations with the sale prices in the file SALES.

    Prints error figures and a ratio study, each for valuations with all facts and for valuations with the required
    facts alone. Use sales that the model was not trained on.
    """
    saved = load_version(model, key)
    known = saved.appraiser.model.sales
    validated = read_validated_sales(saved.appraiser.market, sales, known)
    report_set_aside(set_aside_record(validated, validated.set_aside))
    evaluation = evaluate(saved.appraiser, validated.sales)
    if file_sha256(sales) == saved.manifest.get("sales_sha256"):
        click.echo("the model was trained on these sales: its errors on other sales are larger", err=True)
    if as_json:
        figures = evaluation.figures_as_dict() | {"ratio_study": evaluation.ratio_study_as_dict()}
        click.echo(json.dumps(figures, indent=2))
    else:
        click.echo(error_table(evaluation.figures))
        click.echo(ratio_study_tables(evaluation))


def _cost_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add an option for each kind of cost to a command."""
    for cost in reversed(COSTS):
        command = click.option(
            f"--{cost.name.replace('_', '-')}",
            type=click.FloatRange(0, cost.maximum),
            default=cost.default,
            show_default=True,
            help=cost.description,
        )(command)
    return command


@main.command(name="screen", short_help="Find listings that should resell for more than they cost.")
@MODEL
@click.option(
    "--probability",
    type=click.FloatRange(MIN_PROBABILITY, MAX_PROBABILITY),
    default=DEFAULT_PROBABILITY,
    show_default=True,
    help="Chance of profit that a deal must have, and that the highest offer leaves.",
)
@KEY
@_cost_options
@click.argument("source", type=FILE)
@click.argument("target", type=FILE)
def screen_command(
    model: Path, probability: float, key: bytes | None, source: Path, target: Path, **costs: float
) -> None:
    """Find the listings in the file SOURCE that should resell for more than they cost.

    SOURCE is a CSV, Parquet or Excel file with the facts of each home and its list_price. TARGET has the columns
    of SOURCE and the valuation, then the expected margin, the chance of profit and the highest offer under each
    reading of the list price (see docs/deals.md); best listings first. Costs in columns of SOURCE (buying_cost,
    selling_cost, rehab, holding) take precedence over the options.
    """
    saved = load_version(model, key)
    list_price_model = load_list_prices(saved.folder, saved.appraiser, key)
    if list_price_model.listings is None:
        click.echo(
            "no closed listings say how much a list price means in this market, so each deal is judged twice: if"
            " the asking price is informed, and if our value is right; listings are ranked by value ÷ list price."
            " `house-price fit-list-prices` learns from closed listings",
            err=True,
        )
        click.echo(PastResales.fit(RepeatSales.of(saved.appraiser.model)).text(), err=True)
    faults = FaultGroups()
    with tqdm(desc="screening", unit=" listings", unit_scale=True, disable=None) as bar:
        counts = screen_file(
            saved.appraiser, list_price_model, source, target, costs, probability, bar.update, faults
        )
    _report_faults(faults)
    told_apart = (
        f" ({counts.pay:,} under both readings, {counts.pay_by_value:,} only if our value is right)"
        if list_price_model.listings is None
        else ""
    )
    click.echo(
        f"{counts.deals:,} deals{told_apart}, {counts.others:,} other listings, {counts.errors:,} with an error:"
        f" {target}"
    )


@main.command(name="fit-list-prices", short_help="Estimate how list prices predict resale prices.")
@MARKET
@LISTED_SALES
@MODELS
@SPLIT
@SEED
@KEY
def fit_list_prices_command(
    market: Path, sales: Path | None, models: Path, split: Split | None, seed: int, key: bytes | None
) -> None:
    """Estimate how well list prices predict resale prices in a market.

    Needs sales with a known list price. A model is trained without the newest of them, and these are then compared
    with its valuations. The result is saved in models/<market>, where `screen` and the server find it.
    """
    with ProgressBar("training") as bar:
        listings = held_out_listings(market, sales, split, seed, callbacks=[bar])
    _report_refused(listings)
    model = fit_list_prices(listings)
    record = {"split": listings.split, "seed": seed, "sales_sha256": listings.sales_sha256}
    path = save_list_prices(models, listings.market.name, model, record, key)
    click.echo(
        f"{model.listings:,} closed listings: list prices are {100 * math.expm1(model.premium):.1f}% above resale"
        f" prices (median), with a standard deviation of {100 * model.noise:.1f}%; saved to {path}"
    )


@main.command(name="backtest", short_help="Test the screening on past listings.")
@MARKET
@LISTED_SALES
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
@SPLIT
@SEED
@_cost_options
def backtest_command(
    market: Path, sales: Path | None, *, as_json: bool, split: Split | None, seed: int, **costs: float
) -> None:
    """Show how well screening would have worked on past listings.

    Screens sales with a known list price, by a model that was trained without them, and compares the claimed
    margins and chances of profit with the sale prices.
    """
    with ProgressBar("training") as bar:
        listings = held_out_listings(market, sales, split, seed, callbacks=[bar])
    _report_refused(listings)
    result = evaluate_screening(listings, costs, np.random.default_rng(seed))
    click.echo(json.dumps(result.to_dict(), indent=2) if as_json else backtest_tables(result))


@main.command(short_help="Write the report of a saved version.")
@MODEL
@click.option("--compare", "other", type=FILE, help="Folder of a second version to compare with.")
@KEY
@click.argument("target", type=FILE)
def report(model: Path, other: Path | None, key: bytes | None, target: Path) -> None:
    """Write the training report of a saved version to the HTML file TARGET."""
    page = render(read_report(model, key), None if other is None else read_report(other, key))
    try:
        with replace_atomically(target) as file:
            file.write(page.encode())
    except OSError as error:
        raise DataError(f"{target}: {error}") from error
    click.echo(f"written to {target}")


def _report_faults(faults: FaultGroups) -> None:
    """Print which values of a file could not be used, by column and kind."""
    if text := faults.text():
        click.echo(f"values that cannot be used:\n{text}", err=True)


def _report_refused(listings: HeldOutListings) -> None:
    """Print how many listings could not be used because their homes have no value."""
    if listings.refused:
        click.echo(f"{listings.refused:,} listings were left out: their homes could not be valued", err=True)
