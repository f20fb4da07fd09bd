"""Options that several commands share."""

from collections.abc import Callable
from pathlib import Path

import click

from estimator.deals.costs import COSTS
from estimator.signing import read_key

FILE = click.Path(path_type=Path)
MARKET = click.option("--market", required=True, type=FILE, help="Folder of the market, or its market.toml file.")
MODEL = click.option(
    "--model",
    required=True,
    type=FILE,
    help="Folder of a saved version, or models/<market> for the market's published version.",
)
MODELS = click.option(
    "--models", type=FILE, default=Path("models"), show_default=True, help="Folder for saved versions."
)
LISTED_SALES = click.option(
    "--sales", type=FILE, help="Sales with a list_price column.  [default: the sales files named in market.toml]"
)
SPLIT = click.option(
    "--split",
    type=click.Choice(["time", "random"]),
    help="How to split the sales into training, validation and test sales; with 'time' the newest sales are the"
    " test sales.  [default: time if the sales have dates, else random]",
)
SEED = click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Random seed; the same seed and data give the same model.",
)

TRAINING_CLUSTER = click.option(
    "--cluster",
    metavar="ADDRESS",
    help="Train networks on the Dask cluster whose scheduler is at this address, such as tcp://10.0.0.1:8786 (see"
    " docs/clusters.md). The result is the same.",
)

TEACHER = click.option(
    "--teacher",
    is_flag=True,
    help="Value homes with the networks that taught the served one: slower, and a little more accurate as trained."
    " At a refresh only the served one learns. The ranges are those of the served one.",
)
PUBLISH_ANYWAY = click.option(
    "--publish-anyway",
    is_flag=True,
    help="Publish the version even if it does not pass the gate. The manifest and the report say so.",
)


def _read_key_option(_context: click.Context, _option: click.Parameter, path: Path | None) -> bytes | None:
    return read_key(path)


KEY = click.option(
    "--key-file",
    "key",
    type=FILE,
    envvar="ESTIMATOR_KEY_FILE",
    show_envvar=True,
    callback=_read_key_option,
    help="File with a secret key of at least 32 bytes. It signs what is saved; with a key, versions and list"
    " prices that it did not sign are refused.",
)


def cost_options(command: Callable[..., None]) -> Callable[..., None]:
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
