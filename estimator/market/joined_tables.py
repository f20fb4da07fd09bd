"""The tables of several files as one: with one name for each fact, and one type for each column."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pyarrow as pa

from estimator.errors import DataError
from estimator.market.columns import is_text, text_column
from estimator.market.tables import is_text_file
from estimator.market.text.names import LooseNames


def alike_names(
    tables: Sequence[pa.Table], fact_of: Callable[[str], str | None] = lambda _: None
) -> list[pa.Table]:
    """Return the tables with the names of columns as the first of them that has a column writes its name.

    Parameters
    ----------
    fact_of
        Name of a column → the fact that it stands for, None for no fact. Columns of one fact get one name.
    """
    names: list[str] = []
    renamed = []
    for table in tables:
        renamed.append(_with_names(table, names, fact_of))
        names += [name for name in renamed[-1].column_names if name not in names]
    return renamed


def _with_names(table: pa.Table, names: Sequence[str], fact_of: Callable[[str], str | None]) -> pa.Table:
    """Return a table with the given names for columns that differ only in case and the like, or name one fact."""
    by_plain = LooseNames({name: name for name in names})
    by_fact = {fact: name for name in names if (fact := fact_of(name)) is not None}
    known = [by_plain.get(name) or by_fact.get(fact_of(name) or "", name) for name in table.column_names]
    return table if len(set(known)) < len(known) else table.rename_columns(known)


def join_tables(files: Sequence[Path], tables: Sequence[pa.Table]) -> pa.Table:
    """Return the rows of all tables as one table; a column that a table lacks is null in its rows.

    Typed columns become text beside files of text, and where files have a column in types that differ.

    Raises
    ------
    DataError
        A column has values in one file that no text stands for, and others in another file.
    """
    joined = list(tables)
    beside_text = any(map(is_text_file, files))
    for name in dict.fromkeys(name for table in tables for name in table.column_names):
        columns = {index: table.column(name) for index, table in enumerate(tables) if name in table.column_names}
        differ = _differ(columns.values())
        if not differ and not beside_text:
            continue
        for index, column in columns.items():
            cells, is_usable = _as_text(column)
            if is_usable:
                joined[index] = joined[index].set_column(tables[index].column_names.index(name), name, cells)
            else:
                raise DataError(
                    f"{files[index]}: column '{name}' is of the type {column.type}, which does not go with the"
                    " other files; write numbers, text or dates in it"
                )
    return pa.concat_tables(joined, promote_options="permissive")


def _differ(columns: Iterable[pa.ChunkedArray]) -> bool:
    """Return whether columns have types that cannot be joined."""
    try:
        pa.unify_schemas([pa.schema([("", column.type)]) for column in columns], promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return True
    return False


def _as_text(column: pa.ChunkedArray) -> tuple[pa.ChunkedArray, bool]:
    """Return the cells of a column as a file of text has them, and whether text stands for all of them."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if is_text(column) or pa.types.is_null(column.type):
        return column, True
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.date32())
    cells, problems = text_column("", column)
    return cells, not problems
