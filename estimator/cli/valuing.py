"""The command that screens listings: it does not wait for what trains and draws."""

from pathlib import Path

import click
from tqdm import tqdm

from estimator.cli.faults import report_faults
from estimator.cli.group import main
from estimator.cli.options import FILE, KEY, MODEL, cost_options
from estimator.deals.past_resales import PastResales, RepeatSales
from estimator.deals.saved_list_prices import load_list_prices
from estimator.deals.screen_file import screen_file
from estimator.deals.screening import DEFAULT_PROBABILITY, MAX_PROBABILITY, MIN_PROBABILITY
from estimator.deals.screening_counts import unit_warning
from estimator.market.fault_groups import FaultGroups
from estimator.registry import load_version


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
@cost_options
@click.argument("source", type=FILE)
@click.argument("target", type=FILE)
def screen_command(
    model: Path, probability: float, key: bytes | None, source: Path, target: Path, **costs: float
) -> None:
    """Find the listings in the file SOURCE that should resell for more than they cost.

    SOURCE is a CSV, Parquet, GeoJSON or Excel file with the facts of each home and its list_price, TARGET any of
    these but Excel. TARGET has the columns of SOURCE and the valuation, then the expected margin, the chance of
    profit and the highest offer under each reading of the list price (see docs/deals.md); best listings first. A
    column of SOURCE with the name of a cost, such as rehab, takes precedence over the option. A column such as
    after_condition says what a home will be like after a repair; TARGET then has the value after the repair, too.
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
    report_faults(faults)
    if warning := unit_warning(counts.median_ratio, saved.appraiser.market.currency):
        click.echo(f"LOOK AT THIS FIRST: {warning}", err=True)
    told_apart = (
        f" ({counts.pay:,} under both readings, {counts.pay_by_value:,} only if our value is right)"
        if list_price_model.listings is None
        else ""
    )
    click.echo(
        f"deals: {counts.deals:,}{told_apart}, other listings: {counts.others:,},"
        f" with an error: {counts.errors:,}; written to {target}"
    )
