"""The group of all commands. Bad input gives an error message and exit code 2."""

import importlib
import importlib.metadata
from collections.abc import Mapping
from typing import Any

import click

import estimator
from estimator.errors import EstimatorError

MODULE_OF: Mapping[str, str] = {
    "backtest": "commands",
    "check": "check",
    "equity": "equity",
    "evaluate": "commands",
    "export": "export",
    "fit-list-prices": "commands",
    "new-market": "new_market",
    "predict": "predict",
    "refresh": "publishing",
    "report": "commands",
    "screen": "valuing",
    "train": "publishing",
    "tune": "commands",
    "walk-forward": "walk_forward",
}
"""Command → the module of this folder that has it, so that a command does not wait for what others import."""


class Commands(click.Group):
    """A group whose commands are imported when they are asked for, and report user errors in one line."""

    def list_commands(self, _: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted({*MODULE_OF, *self.commands})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, or None if there is none of this name."""
        if cmd_name in MODULE_OF and cmd_name not in self.commands:
            importlib.import_module(f"estimator.cli.{MODULE_OF[cmd_name]}")
            self.add_command(main.commands[cmd_name])
        return super().get_command(ctx, cmd_name)

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


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(_version(), prog_name="house-price")
def main() -> None:
    """Estimate house prices with a model trained on the sales of a market.

    Start with `train`, then value homes with `predict` and check the accuracy with `evaluate`. To find listings
    that should resell for more than they cost, use `screen`.
    """
