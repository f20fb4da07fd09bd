"""The console script `house-price`: `serve`, and the estimator's commands.

`serve` lives here because the estimator knows nothing of HTTP.
"""

import os
import sys

import click


@click.command(add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def serve(options: tuple[str, ...]) -> None:
    """Serve a saved model over HTTP, with a web page."""
    # A fresh process: NumPy and prometheus_client read their settings when they are first imported. With -P, a
    # folder `service` in the working directory is not imported.
    os.execv(sys.executable, [sys.executable, "-P", "-m", "service", *options])  # noqa: S606 # no shell is wanted


def main() -> None:
    """Run a command. `serve` does not wait for what the others import, which takes longer than its own start."""
    if sys.argv[1:2] == [serve.name]:
        serve(sys.argv[2:])
    from service.command_group import command_group  # noqa: PLC0415 # see above

    command_group(serve)()
