"""Prints the faults of a file that was valued."""

import click

from estimator.market.fault_groups import FaultGroups


def report_faults(faults: FaultGroups) -> None:
    """Print which values of a file could not be used, by column and kind, on stderr."""
    if text := faults.text():
        click.echo(f"values that cannot be used:\n{text}", err=True)
