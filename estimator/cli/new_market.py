"""The command `new-market`: draft a market file from sales files."""

from collections.abc import Iterator
from pathlib import Path

import click

from estimator.atomic_file import replace_atomically
from estimator.cli.group import main
from estimator.cli.options import FILE
from estimator.drafting.draft import Draft, draft_market
from estimator.drafting.sources import Source, market_name, read_source, relative_to
from estimator.drafting.writing import DATE_FORMAT_REASON, WHERE_REASON, certainty_text, market_toml
from estimator.errors import DataError
from estimator.market.sales_source import expand_patterns
from estimator.wording import plural

_NO_HEADER = ". The file has no header line, so its columns are named by position"


@main.command(name="new-market", short_help="Draft a market file from sales files.")
@click.argument("files", type=FILE, nargs=-1, required=True)
@click.option(
    "--market",
    type=FILE,
    help="Folder for the market.toml, or the file itself.  [default: market.toml beside the first file]",
)
@click.option("--price", help="Column of the sale prices, where its name does not say so.")
def new_market_command(files: tuple[Path, ...], market: Path | None, price: str | None) -> None:
    """Draft a market.toml from FILES of sales, and say what was guessed and how sure it is.

    FILES are CSV, TSV, Excel or Parquet files, or quoted glob patterns. A column may be missing in some of the
    files. The draft has a comment for each guess; correct it, then look at the sales with `check` and train with
    `train`. A market file that is there already is not overwritten.
    """
    paths = expand_patterns(files)
    target = _target(paths[0], market)
    source = read_source(paths)
    currency = source.layout.currency if source.layout else None
    try:
        draft = draft_market(source.table, price, currency, is_text=source.is_text)
    except DataError as error:
        raise DataError(f"{paths[0]}: {error}{_NO_HEADER if source.columns else ''}") from error
    text = market_toml(draft, market_name(paths[0]), relative_to(target.parent, files), source.columns)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with replace_atomically(target) as file:
            file.write(text.encode())
    except OSError as error:
        raise DataError(f"{target}: {error}") from error
    for line in _summary(draft, source):
        click.echo(line)
    click.echo(f"written to {target}; correct what is wrong, then: house-price check --market {target}")


def _target(first: Path, market: Path | None) -> Path:
    """Return where the market file is written.

    Raises
    ------
    DataError
        There is one already, or its folder cannot be read.
    """
    target = first.parent if market is None else market
    target = target if target.suffix == ".toml" else target / "market.toml"
    try:
        exists = target.exists()
    except OSError as error:
        raise DataError(f"{target}: {error}") from error
    if exists:
        raise DataError(f"{target}: there is a market file already; remove it, or name another with --market")
    return target


def _summary(draft: Draft, source: Source) -> Iterator[str]:
    """Give the lines that say what was guessed."""
    looked = "" if source.rows == source.table.num_rows else f", of which {source.table.num_rows:,} were looked at"
    yield f"{plural(source.rows, 'sale')}{looked}, {plural(source.table.num_columns, 'column')}"
    if source.layout is not None:
        yield f"no header line; the columns are those of {source.layout.name}"
    elif source.columns:
        yield "no header line; the columns are named by position: rename them under `columns`"
    yield f"currency: {draft.currency} ({draft.currency_reason})"
    for role, guess in (("price", draft.price), ("sale date", draft.sale_date), ("home", draft.sale_id)):
        if guess is not None:
            yield f"{role}: {guess.column} ({certainty_text(guess.certainty)}: {guess.reason})"
    if draft.date_format is not None:
        yield f"date format: {draft.date_format} ({DATE_FORMAT_REASON})"
    if draft.where is not None:
        yield f"where: {draft.where} ({WHERE_REASON})"
    yield f"{plural(len(draft.facts), 'fact')}:"
    for fact in draft.facts:
        unit = f", {fact.unit}" if fact.unit else ""
        effect = f", {fact.price_effect}" if fact.price_effect else ""
        required = ", required" if fact.required else ""
        column = f" ← {fact.column}" if fact.column != fact.name else ""
        yield f"  {fact.name}{column}: {fact.kind}{unit}{required}{effect} ({certainty_text(fact.certainty)})"
    if draft.ignored:
        count = len(draft.ignored)
        yield plural(count, "column is", "columns are") + " not used:"
        yield from (f"  {column}: {reason}" for column, reason in draft.ignored.items())
    yield from (f"note: {note}" for note in draft.notes)
