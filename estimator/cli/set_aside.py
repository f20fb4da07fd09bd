"""Tells which sales were set aside, for the command line: the options, and the summary by reason."""

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from estimator.cli.options import FILE
from estimator.cli.tables import format_number
from estimator.market.file_rows import place
from estimator.market.market_data import SalesChecks
from estimator.wording import plural

_MAX_NAMES = 30
"""Columns that are listed: most files have no more that nothing is read from."""
_OVERRIDES = click.option(
    "--overrides",
    type=FILE,
    help="CSV file of your decisions about single sales, with the columns action (keep or drop), id or row (with"
    " file, if the sales are in several), and note."
    "  [default: the file that market.toml names as overrides, if any]",
)
_STRICT = click.option(
    "--strict",
    is_flag=True,
    help="Refuse a file with a sale that is certainly wrong, instead of setting the sale aside.",
)


def checks_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say how sales are checked; the command gets them as `checks`."""

    @functools.wraps(command)
    def with_checks(*args: Any, overrides: Path | None, strict: bool, **more: Any) -> None:
        command(*args, checks=SalesChecks(overrides, strict), **more)

    return _OVERRIDES(_STRICT(with_checks))


def report_set_aside(record: Mapping[str, Any], path: Path | None = None) -> None:
    """Print which sales were not used, and columns that nothing is read from.

    Parameters
    ----------
    record
        The manifest's entry about them.
    path
        The list of them, if it was saved.
    """
    click.echo(set_aside_summary(record, path), nl=False, err=True)


def set_aside_summary(record: Mapping[str, Any], path: Path | None = None) -> str:
    """Return how many sales were not used, a line for each reason, and what else was not used; '' if all was."""
    lines = []
    if record["leads"]:
        lines.append("LOOK AT THIS FIRST: a large share of the sales is not used")
    if record["sales"]:
        percent = 100 * record["sales"] / record["rows"]
        listed = "" if path is None else f", listed in {path}"
        lines.append(
            f"set aside {record['sales']:,} of {plural(record['rows'], 'sale')} ({percent:.2g}%){listed}:"
        )
    for reason, count in record["by_reason"].items():
        example = next(entry for entry in record["examples"] if entry["reason"] == reason)
        where = f", {example['column']} {example['value']}".rstrip() if example["column"] else ""
        row = place(example["row"], example["file"])
        lines.append(f"  {reason}: {count:,}, such as row {row}{where}: {example['detail']}")
    if record["overrides"]:
        lines.append(f"decisions of the override file that were applied: {len(record['overrides']):,}")
    if record["unread_columns"]:
        lines.append(f"columns that are not read: {_first_names(record['unread_columns'])}")
    if record["lacking_columns"]:
        lines.append(
            f"facts that some files lack (unknown in their sales): {', '.join(record['lacking_columns'])}"
        )
    if record["label_variants"]:
        variants = "; ".join(record["label_variants"])
        lines.append(f"labels that differ only in case, or in zeros in front: {variants}")
    return "".join(line + "\n" for line in lines)


def _first_names(names: Sequence[str]) -> str:
    """Return names, the first ones of many: the lines above shall stay on the screen."""
    more = f" and {len(names) - _MAX_NAMES:,} more" if len(names) > _MAX_NAMES else ""
    return ", ".join(names[:_MAX_NAMES]) + more


def accuracy_with_suspects(record: Mapping[str, Any], figures: Mapping[str, float | None]) -> str:
    """Return how accurate the model is on the test sales with those set aside, beside without; '' if none was."""
    with_them = record["error_figures_with"]
    if with_them is None:
        return ""
    shown = {
        name: f"{format_number(figures[name])} without, {format_number(with_them[name])} with them"
        for name in ("mdape", "log_rmse")
    }
    return (
        f"of the test sales {record['test_sales']:,} were set aside: median error in percent {shown['mdape']}; log"
        f" RMSE {shown['log_rmse']}\n"
    )
