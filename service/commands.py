"""The console script `house-price`: the estimator's commands, and `serve`.

It lives here because the estimator knows nothing of HTTP.
"""

import os
import sys

import click

from estimator.cli import main as estimator_commands


@click.command(add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def serve(options: tuple[str, ...]) -> None:
    """Serve a saved model over HTTP, with a web page."""
    # A fresh process: NumPy and prometheus_client read their settings when they are first imported. With -P, a
    # folder `service` in the working directory is not imported.
    os.execv(sys.executable, [sys.executable, "-P", "-m", "service", *options])  # noqa: S606 # no shell is wanted


main = type(estimator_commands)(
    name="house-price",
    help=estimator_commands.help,
    params=estimator_commands.params,
    context_settings=estimator_commands.context_settings,
    commands={"serve": serve},
)
