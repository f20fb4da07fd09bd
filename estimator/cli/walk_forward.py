"""The command `walk-forward`: how accurate a model is that is refreshed every month."""

import json
from pathlib import Path

import click

from estimator.cli.group import main
from estimator.cli.options import FILE, MARKET, SEED
from estimator.cli.set_aside import report_set_aside
from estimator.cli.tables import walk_tables
from estimator.progress import ProgressBar, step_bar
from estimator.training import walk_market


@main.command(name="walk-forward", short_help="Show how accurate a model is that is refreshed every month.")
@MARKET
@click.option("--sales", type=FILE, help="Sales to use.  [default: the sales files named in market.toml]")
@SEED
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def walk_forward_command(market: Path, sales: Path | None, seed: int, *, as_json: bool) -> None:
    """Train on the oldest sales, then follow the model through the months of the newest ones.

    Each month's sales are valued as of their days of sale by the model that knows the months before. Then it is
    refreshed with their prices, as `refresh` does it. The same model without refreshing is shown, too. The sales
    are split by time, as `train` does it. Nothing is saved.
    """
    with ProgressBar("training") as bar, step_bar("following", " months") as show_months:
        walked = walk_market(market, sales, seed, callbacks=[bar], progress=show_months)
    report_set_aside(walked.set_aside)
    if as_json:
        click.echo(json.dumps(walked.walk.to_dict(), indent=2))
    else:
        click.echo(walk_tables(walked.walk))
