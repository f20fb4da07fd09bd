"""All commands of `house-price` as one group, with one help page."""

import click

from estimator.cli import main as estimator_commands


def command_group(serve: click.Command) -> click.Group:
    """Return the estimator's group of commands with `serve` added."""
    return type(estimator_commands)(
        name="house-price",
        help=estimator_commands.help,
        params=estimator_commands.params,
        context_settings=estimator_commands.context_settings,
        commands={**estimator_commands.commands, "serve": serve},
    )
