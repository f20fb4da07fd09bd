"""The commands `train` and `refresh`, which publish what passes the gate."""

import os
from pathlib import Path

import click

from estimator.assessment.evaluation import ALL_FACTS
from estimator.assessment.gate import Verdict
from estimator.cli.group import main
from estimator.cli.options import (
    FILE,
    KEY,
    MARKET,
    MODEL,
    MODELS,
    PUBLISH_ANYWAY,
    SEED,
    SPLIT,
    TRAINING_CLUSTER,
)
from estimator.cli.set_aside import accuracy_with_suspects, checks_options, report_set_aside
from estimator.cli.tables import (
    error_table,
    gate_reasons,
    refresh_summary,
    refresh_warnings,
    replaced_list,
    walk_summary,
)
from estimator.cluster import trainings_on
from estimator.market.market_data import SalesChecks
from estimator.market.sales import Split
from estimator.market.validation.reasons import SET_ASIDE_FILE
from estimator.progress import ProgressBar
from estimator.refresh import refresh_model
from estimator.report import PAGE
from estimator.training import train_market
from estimator.wording import plural

EXIT_NOT_PUBLISHED = 3
"""Exit code if a version was saved and not published, since it does not pass the gate."""


@main.command(short_help="Train a model of a market, save and publish it.")
@MARKET
@click.option("--sales", type=FILE, help="Sales to train on.  [default: the sales files named in market.toml]")
@MODELS
@SPLIT
@SEED
@KEY
@TRAINING_CLUSTER
@PUBLISH_ANYWAY
@checks_options
def train(  # noqa: PLR0913  # an option each
    market: Path,
    sales: Path | None,
    models: Path,
    split: Split | None,
    seed: int,
    key: bytes | None,
    cluster: str | None,
    *,
    publish_anyway: bool,
    checks: SalesChecks,
) -> None:
    """Train a model of a market, save it, and publish it if it passes the gate.

    The sales are split into training, validation and test sales. The error figures printed at the end are those on
    the test sales, which the model was not trained on. A report of the model is saved with it.

    The gate stops a model that values too few of the test homes, that values them too high or too low, whose
    ranges hold too many or too few prices, that has no ranges, or that is worse than a ridge regression.
    Its limits are in the table [gate] of market.toml. A model that it stops is saved, the exit code is 3, and what
    was published before stays published.

    Sales that cannot be used, or look wrong, are set aside and listed with their reasons.
    """
    with trainings_on(cluster), ProgressBar("training") as bar:
        trained = train_market(
            market,
            sales,
            models,
            split,
            seed,
            callbacks=[bar],
            key=key,
            publish_anyway=publish_anyway,
            checks=checks,
        )
    report_set_aside(trained.set_aside, trained.folder / SET_ASIDE_FILE)
    counts = trained.parts
    train_count, validation_count, test_count = (counts[part] for part in ("train", "validation", "test"))
    click.echo(
        f"trained on {plural(train_count, 'sale')}, validated on {validation_count:,}, tested on {test_count:,};"
        f" {trained.set_aside['sales']:,} set aside"
    )
    click.echo(error_table(trained.figures))
    click.echo(accuracy_with_suspects(trained.set_aside, trained.figures[ALL_FACTS].to_dict()), nl=False)
    if trained.walk is not None:
        click.echo(walk_summary(trained.walk))
    click.echo(f"report: {trained.folder / PAGE}")
    _end_with_gate(trained.gate, trained.folder, published=trained.published)


@main.command(short_help="Add new sales to a model without training again.")
@MODEL
@click.option("--sales", required=True, type=FILE, help="New sales, in the columns of the market's sales.")
@SEED
@KEY
@PUBLISH_ANYWAY
@checks_options
def refresh(
    model: Path,
    sales: Path,
    seed: int,
    key: bytes | None,
    *,
    publish_anyway: bool,
    checks: SalesChecks,
) -> None:
    """Add new sales to a saved model, save it as a new version, and publish it if it passes the gate.

    Takes seconds: price index, comparables and ranges use the new sales, and the network that values homes goes on
    learning from them. What it got wrong about homes sold since its training is carried over to similar homes
    nearby. The file may repeat sales that the model knows. Those with another price or other facts replace the
    earlier ones.

    The gate is that of `train`. It compares the prices of the new sales with their values before they were known.
    """
    result = refresh_model(model, sales, seed, key, publish_anyway=publish_anyway, checks=checks)
    folder = None if result.folder is None else _as_given(result.folder, model)
    report_set_aside(result.set_aside, folder and folder / SET_ASIDE_FILE)
    if folder is None or result.record is None or result.gate is None:
        click.echo(f"nothing new, nothing was saved; already known: {result.known:,}")
        return
    click.echo(
        f"added {plural(result.added, 'sale')}, replaced {len(result.replaced):,}; already known: {result.known:,}"
    )
    click.echo(replaced_list(result.replaced), nl=False)
    click.echo(refresh_warnings(result.record), nl=False, err=True)
    click.echo(refresh_summary(result.record))
    _end_with_gate(result.gate, folder, published=result.published)


def _as_given(folder: Path, model: Path) -> Path:
    """Return a version's folder as `train` prints it: relative to the working folder if the model was given so."""
    return folder if model.is_absolute() else Path(os.path.relpath(folder))


def _end_with_gate(gate: Verdict, folder: Path, *, published: bool) -> None:
    """Print what became of a version and what speaks against it; exit if it is not published."""
    if published:
        if not gate.passed:
            click.echo(f"published although it does not pass the gate:\n{gate_reasons(gate.reasons)}", err=True)
        click.echo(f"published {folder}")
        return
    click.echo(f"saved {folder}")
    click.echo(
        f"not published, since it does not pass the gate:\n{gate_reasons(gate.reasons)}\n"
        "What was published before stays published. --publish-anyway publishes it all the same.",
        err=True,
    )
    click.get_current_context().exit(EXIT_NOT_PUBLISHED)
