"""The commands that tune, evaluate, learn from list prices and report."""

import json
import math
from pathlib import Path

import click
import joblib
import numpy as np
from tqdm import tqdm

from estimator.assessment.evaluation import evaluate
from estimator.assessment.set_aside import set_aside_record
from estimator.atomic_file import replace_atomically
from estimator.cli.group import main
from estimator.cli.options import (
    FILE,
    KEY,
    LISTED_SALES,
    MARKET,
    MODEL,
    MODELS,
    SEED,
    SPLIT,
    TEACHER,
    TRAINING_CLUSTER,
    cost_options,
)
from estimator.cli.set_aside import report_set_aside
from estimator.cli.tables import backtest_tables, error_table, ratio_study_tables, standards_table
from estimator.cluster import trainings_on
from estimator.deals.held_out import HeldOutListings, evaluate_screening, fit_list_prices, held_out_listings
from estimator.deals.saved_list_prices import save_list_prices
from estimator.errors import DataError
from estimator.market.input_files import refuse_replacing
from estimator.market.known_sales import match_sales
from estimator.market.sales import Split
from estimator.market.sales_file import read_validated_sales
from estimator.progress import ProgressBar
from estimator.registry import load_version
from estimator.report.files import read_report
from estimator.report.group_section import with_groups
from estimator.report.page import render
from estimator.report.parcels import with_parcels
from estimator.tuning import tune_market
from estimator.wording import plural


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
    help="Number of trials to run in parallel on this machine.  [default: one per processor]",
)
@TRAINING_CLUSTER
@SPLIT
@SEED
@click.option(
    "--studies",
    type=FILE,
    default=Path(".cache/tune"),
    show_default=True,
    help="Folder for the results of all trials, so that an interrupted search can be resumed.",
)
def tune(
    market: Path,
    trials: int,
    jobs: int | None,
    cluster: str | None,
    split: Split | None,
    seed: int,
    studies: Path,
) -> None:
    """Search for the network settings with the lowest error in a market.

    The settings are compared on the validation sales; the test sales are not used. The best ones are written to
    the market's recipe.toml, which `train` reads. Needs the optional package Optuna.
    """
    if jobs is not None and cluster is not None:
        raise click.UsageError("--jobs is for this machine; on a cluster each thread of a worker runs a trial")
    with trainings_on(cluster), tqdm(desc="tuning", unit=" trials", total=trials, disable=None) as bar:

        def show_progress(done: int, log_rmse: float) -> None:
            bar.set_postfix_str(f"validation log RMSE {log_rmse:.4f}", refresh=False)
            bar.update(done - bar.n)

        path, result = tune_market(market, split, seed, trials, jobs or joblib.cpu_count(), studies, show_progress)
    click.echo(
        f"validation log RMSE {result.log_rmse:.4f}, with the default settings {result.default_log_rmse:.4f}"
    )
    click.echo("".join(f"{name} = {value}\n" for name, value in result.settings.items()), nl=False)
    click.echo(f"written to {path}, which `house-price train` reads")


@main.command(name="evaluate", short_help="Compare valuations with sale prices.")
@MODEL
@KEY
@TEACHER
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.argument("sales", type=FILE)
def evaluate_command(model: Path, key: bytes | None, sales: Path, *, teacher: bool, as_json: bool) -> None:
    """Compare a model's valuations with the sale prices in the file SALES.

    Prints error figures, each for valuations with all facts and with the required facts alone, then the verdict on
    each standard and a ratio study. Use sales that the model does not know; a message says how many it knows.
    """
    saved = load_version(model, key, teacher=teacher)
    known = saved.appraiser.model.sales
    validated = read_validated_sales(saved.appraiser.market, sales, known)
    report_set_aside(set_aside_record(validated, validated.set_aside))
    evaluation = evaluate(saved.appraiser, validated.sales)
    matched = match_sales(known, validated.sales, saved.appraiser.areas.facts)
    if n_known := int((~matched.new).sum()):
        click.echo(
            f"the model knows {n_known:,} of {plural(len(matched.new), 'sale')}; on other sales its errors are"
            " larger",
            err=True,
        )
    if as_json:
        figures = evaluation.figures_as_dict() | {
            "ratio_study": evaluation.ratio_study_as_dict(),
            "standards": evaluation.standards_as_dict(),
        }
        click.echo(json.dumps(figures, indent=2))
    else:
        click.echo(error_table(evaluation.figures))
        click.echo(standards_table(evaluation))
        click.echo(ratio_study_tables(evaluation))


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

    Needs about 500 sales with a known list price. A model is trained without the newest fifth of them, and its
    valuations are compared with this fifth, of which at least 100 are needed. The result is saved in
    models/<market>, where `screen` and the server find it.
    """
    with ProgressBar("training") as bar:
        listings = held_out_listings(market, sales, split, seed, callbacks=[bar])
    _report_refused(listings)
    model = fit_list_prices(listings)
    record = {"split": listings.split, "seed": seed, "sales_sha256": listings.sales_sha256}
    path = save_list_prices(models, listings.market.name, model, record, key)
    closed = plural(model.listings or 0, "closed listing")
    click.echo(
        f"{closed}: list prices are {100 * math.expm1(model.premium):.1f}% above resale prices (median), with a"
        f" standard deviation of {100 * model.noise:.1f}%; saved to {path}"
    )


@main.command(name="backtest", short_help="Test the screening on past listings.")
@MARKET
@LISTED_SALES
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
@SPLIT
@SEED
@cost_options
def backtest_command(
    market: Path, sales: Path | None, *, as_json: bool, split: Split | None, seed: int, **costs: float
) -> None:
    """Show how well screening would have worked on past listings.

    Screens sales with a known list price, by a model that was trained without them, and compares the claimed
    margins and chances of profit with the sale prices. Needs about 1,000 such sales: of the newest fifth, one half
    shows how much list prices say, and the other half is screened.
    """
    with ProgressBar("training") as bar:
        listings = held_out_listings(market, sales, split, seed, callbacks=[bar])
    _report_refused(listings)
    result = evaluate_screening(listings, costs, np.random.default_rng(seed))
    click.echo(json.dumps(result.to_dict(), indent=2) if as_json else backtest_tables(result))


@main.command(short_help="Write the report of a saved version.")
@MODEL
@click.option("--compare", "other", type=FILE, help="Folder of a second version to compare with.")
@click.option(
    "--groups",
    type=FILE,
    help="Table of areas with the shares of groups of the population, income bands or median incomes, none of"
    " which the model sees: adds accuracy, ranges and refusals by group.",
)
@click.option(
    "--parcels",
    type=FILE,
    help="File of all homes of the market, perhaps with a column previous_value: compares sold and unsold homes.",
)
@KEY
@click.argument("target", type=FILE)
def report(
    model: Path, other: Path | None, groups: Path | None, parcels: Path | None, key: bytes | None, target: Path
) -> None:
    """Write the training report of a saved version to the HTML file TARGET."""
    for given in filter(None, (groups, parcels)):
        refuse_replacing(given, target)
    numbers = read_report(model, key)
    if groups is not None:
        numbers = with_groups(numbers, groups)
    if parcels is not None:
        numbers = with_parcels(numbers, load_version(model, key).appraiser, parcels)
    page = render(numbers, None if other is None else read_report(other, key))
    try:
        with replace_atomically(target) as file:
            file.write(page.encode())
    except OSError as error:
        raise DataError(f"{target}: {error}") from error
    click.echo(f"written to {target}")


def _report_refused(listings: HeldOutListings) -> None:
    """Print how many listings could not be used because their homes have no value."""
    if listings.refused:
        click.echo(f"listings left out because their homes could not be valued: {listings.refused:,}", err=True)
