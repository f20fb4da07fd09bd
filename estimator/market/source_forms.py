"""The forms in which the files of one source are read: those of text as they show, typed columns as they are."""

from collections.abc import Collection

import pyarrow as pa

from estimator.market.joined_tables import join_tables
from estimator.market.market import Market
from estimator.market.sales_source import SalesSource, SourceRows
from estimator.market.tables import is_text_file
from estimator.market.text_forms import TextForms


def plain_rows(market: Market, source: SalesSource, read: SourceRows) -> tuple[TextForms, pa.Table]:
    """Return the forms of a source's text, and its n rows in the form that all checks expect.

    Beside files of text, the numbers and dates of typed files have become text, with a decimal point and in ISO's
    form: they neither show the forms of the others nor follow them.

    Raises
    ------
    ValueError
        As `TextForms.detect`.
    """
    raw, are_text = read.table, [is_text_file(path) for path in source.paths]
    if all(are_text) or not any(are_text):
        forms = TextForms.detect(market, market.features, raw, is_text=are_text[0])
        return forms, forms.plain(raw)
    pieces = [raw.slice(start, stop - start) for start, stop in read.rows.spans(raw.num_rows)]
    text = [_without_cells(piece, typed) for piece, typed in zip(pieces, read.typed, strict=True)]
    forms = TextForms.detect(market, market.features, pa.concat_tables(text, promote_options="permissive"))
    plain = [forms.plain(piece, typed) for piece, typed in zip(pieces, read.typed, strict=True)]
    return forms, join_tables(source.paths, plain)


def _without_cells(table: pa.Table, names: Collection[str]) -> pa.Table:
    """Return a table in which some columns are empty."""
    for index, name in enumerate(table.column_names):
        if name in names:
            table = table.set_column(index, name, pa.nulls(table.num_rows, pa.string()))
    return table
