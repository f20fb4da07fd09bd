"""The command that writes a version in the format of another program."""

from pathlib import Path

import click

from estimator.bulk.mlflow_export import export_mlflow
from estimator.cli.group import main
from estimator.cli.options import FILE, KEY, MODEL
from estimator.registry import load_version


@main.command(short_help="Write a version for another program.")
@MODEL
@KEY
@click.option("--to", "program", type=click.Choice(["mlflow"]), required=True, help="The program.")
@click.argument("target", type=FILE)
def export(model: Path, key: bytes | None, program: str, target: Path) -> None:  # noqa: ARG001  # there is one program
    """Write a saved version to the new folder TARGET as a model of MLflow, with a copy of this package.

    MLflow's tools then load, serve and register it: docs/clusters.md shows how.
    """
    export_mlflow(load_version(model, key), target)
    click.echo(f"written to {target}, as an MLflow model")
