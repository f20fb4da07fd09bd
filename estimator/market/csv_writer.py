"""Rows of a table → CSV as Python's csv module writes it, with quotes only where a cell needs them.

Python makes an object of each cell, and keeps other threads waiting meanwhile; Arrow's own writer quotes all text
or none. So Arrow joins the cells of a row, and Python writes only what is rare.
"""

import csv
import io
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from estimator.market.cells import python_values

_EXPONENTS_FROM = 1e10
"""Arrow writes larger numbers with an exponent, which people cannot read."""
_WRITTEN_ROWS = 8192
"""Rows that Python writes at a time: as its objects, the cells of a wide table take much memory."""


def header_line(schema: pa.Schema, separator: str = ",") -> bytes:
    """Return the names of the columns as a line of CSV."""
    names = [pa.array([name], pa.string()) for name in schema.names]
    return _by_python(pa.table(names, names=schema.names), separator)


def csv_rows(table: pa.Table, separator: str = ",") -> bytes:
    """Return rows of a table as lines of CSV, without a header. Threads may call it at once."""
    columns = [_texts(column) for column in table.columns]
    special = [_special(column, separator) for column in columns]
    # Python writes a lone empty cell in quotes, and all cells if one has a carriage return.
    if len(columns) == 1 or any("\r" in characters for characters in special):
        return _by_python(pa.Table.from_arrays(columns, table.column_names), separator)
    cells = [
        _quoted(column, separator) if characters else column
        for column, characters in zip(columns, special, strict=True)
    ]
    cells[-1] = pc.binary_join_element_wise(cells[-1], "\n", "", null_handling="replace")
    return _content(pc.binary_join_element_wise(*cells, separator, null_handling="replace"))


def _special(column: pa.Array, separator: str) -> str:
    """Return which characters are in a column that need quotes."""
    content = _content(column)
    return "".join(character for character in f'{separator}"\n\r' if character.encode() in content)


def _content(column: pa.Array) -> bytes:
    """Return all texts of a column, one after another, as Arrow keeps them."""
    _, offsets, data = column.buffers()
    if data is None:
        return b""
    first, last = np.frombuffer(offsets, np.int32)[[column.offset, column.offset + len(column)]]
    return bytes(data[int(first) : int(last)])


def _quoted(column: pa.Array, separator: str) -> pa.Array:
    """Return the cells of a column as CSV has them."""
    needs = pc.match_substring_regex(column, f'[{separator}"\n]')
    doubled = pc.replace_substring(column, '"', '""')
    return pc.if_else(needs, pc.binary_join_element_wise('"', doubled, '"', ""), column)


def _by_python(texts: pa.Table, separator: str) -> bytes:
    # Python before 3.13 does not quote a cell with a carriage return, and readers then see two rows.
    has_return = any(pc.any(pc.match_substring(text, "\r")).as_py() for text in texts.columns)
    quoting: Literal[0, 1] = csv.QUOTE_ALL if has_return else csv.QUOTE_MINIMAL
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n", delimiter=separator, quoting=quoting)
    for start in range(0, texts.num_rows, _WRITTEN_ROWS):
        columns = texts.slice(start, _WRITTEN_ROWS).columns
        writer.writerows(zip(*(column.to_pylist() for column in columns), strict=True))
    return file.getvalue().encode()


def _texts(column: pa.ChunkedArray) -> pa.Array:
    """Return the cells of a column as Python writes them, null where one is empty; most without Python."""
    column = column.combine_chunks()
    if pa.types.is_string(column.type):
        return column
    if pa.types.is_integer(column.type):
        return column.cast(pa.string())
    if pa.types.is_boolean(column.type):
        return pc.if_else(column, "True", "False")
    if not pa.types.is_float64(column.type) or pc.any(pc.greater_equal(pc.abs(column), _EXPONENTS_FROM)).as_py():
        return pa.array([None if cell is None else str(cell) for cell in python_values(column)], pa.string())
    texts = column.cast(pa.string())
    whole = pc.equal(pc.floor(column), column)
    if pc.any(whole).as_py():
        texts = pc.if_else(whole, pc.binary_join_element_wise(texts, ".0", ""), texts)
    return texts
