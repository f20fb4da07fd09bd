"""The command `equity`: what vertical equity costs in accuracy."""

from pathlib import Path

import click
import pandas as pd

from estimator.atomic_file import replace_atomically
from estimator.cli.group import main
from estimator.cli.options import FILE, MARKET, SEED, SPLIT
from estimator.cli.tables import format_number
from estimator.equity_dial import DEFAULT_WEIGHTS, EquityDial, equity_dial
from estimator.errors import DataError
from estimator.market.sales import Split
from estimator.progress import step_bar
from estimator.report.equity_page import render_dial


def _read_weights(_context: click.Context, _option: click.Parameter, text: str) -> tuple[float, ...]:
    try:
        return tuple(float(weight) for weight in text.split(","))
    except ValueError:
        raise click.BadParameter(f"'{text}' must be numbers separated by commas, such as 0,1,10") from None


@main.command(short_help="Show what vertical equity costs in accuracy.")
@MARKET
@click.option(
    "--weights",
    callback=_read_weights,
    default=",".join(f"{weight:g}" for weight in DEFAULT_WEIGHTS),
    show_default=True,
    help="Values of the setting equity_weight to train with.",
)
@SPLIT
@SEED
@click.argument("target", type=FILE)
def equity(market: Path, weights: tuple[float, ...], split: Split | None, seed: int, target: Path) -> None:
    """Train with several weights of the penalty on regressive values, and write a page about it to TARGET.

    The page, an HTML file, draws the median error against PRB and VEI: how much accuracy it costs to value
    expensive homes less low and cheap ones less high. The validation sales are compared; the test sales are not
    used. Nothing is saved in the market: write the weight that you choose into its recipe.toml, as
    `equity_weight = 3`, and train.
    """
    with step_bar("training", " weights") as show_weights:
        dial = equity_dial(market, split, seed, weights, show_weights)
    try:
        with replace_atomically(target) as file:
            file.write(render_dial(dial.to_dict()).encode())
    except OSError as error:
        raise DataError(f"{target}: {error}") from error
    click.echo(_table(dial))
    click.echo(f"written to {target}")


def _table(dial: EquityDial) -> str:
    rows = {
        f"{point.weight:g}": {
            "mdape": format_number(point.mdape),
            "log_rmse": format_number(point.log_rmse),
            **{name: format_number(point.study[name]) for name in ("cod", "prd", "prb", "mki", "vei")},
            "not met": ", ".join(name for name, met in point.met.items() if met is False) or "–",
        }
        for point in dial.points
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(columns="weight").to_string()
