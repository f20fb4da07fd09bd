"""Rows of a table → CSV as Python's csv module writes it, with quotes only where a cell needs them.

Arrow writes rows much faster, but quotes all text or none. So it writes the pieces without a cell that needs
quotes, and Python writes the others.
"""

import csv
import io
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

_EXPONENTS_FROM = 1e10
"""Arrow writes larger numbers with an exponent, which people cannot read."""
_WRITTEN_ROWS = 8192
"""Rows that Python writes at a time: as its objects, the cells of a wide table take much memory."""


def header_line(schema: pa.Schema, separator: str = ",") -> bytes:
    """Return the names of the columns as a line of CSV."""
    names = [pa.array([name], pa.string()) for name in schema.names]
    return _with_quotes(pa.table(names, names=schema.names), separator)


def csv_rows(table: pa.Table, separator: str = ",") -> bytes:
    """Return rows of a table as lines of CSV, without a header. Threads may call it at once."""
    texts = pa.Table.from_arrays([_texts(column) for column in table.columns], table.column_names)
    options = pa_csv.WriteOptions(include_header=False, delimiter=separator, quoting_style="none")
    sink = pa.BufferOutputStream()
    try:
        # A lone empty cell would be a blank line; Python quotes it.
        if texts.num_columns > 1:
            pa_csv.write_csv(texts, sink, options)
            return bytes(sink.getvalue())
    except pa.ArrowInvalid:
        pass  # a cell has a separator, a quote or a line end in it
    return _with_quotes(texts, separator)


def _with_quotes(texts: pa.Table, separator: str) -> bytes:
    # Python before 3.13 does not quote a cell with a carriage return, and readers then see two rows.
    has_return = any(pc.any(pc.match_substring(text, "\r")).as_py() for text in texts.columns)
    quoting: Literal[0, 1] = csv.QUOTE_ALL if has_return else csv.QUOTE_MINIMAL
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n", delimiter=separator, quoting=quoting)
    for start in range(0, texts.num_rows, _WRITTEN_ROWS):
        columns = texts.slice(start, _WRITTEN_ROWS).columns
        writer.writerows(zip(*(column.to_pylist() for column in columns), strict=True))
    return file.getvalue().encode()


def _texts(column: pa.ChunkedArray) -> Any:
    """Return the cells of a column as Python writes them, null where one is empty; most without Python."""
    if pa.types.is_string(column.type):
        return column
    if pa.types.is_integer(column.type):
        return column.cast(pa.string())
    if pa.types.is_boolean(column.type):
        return pc.if_else(column, "True", "False")
    if not pa.types.is_float64(column.type) or pc.any(pc.greater_equal(pc.abs(column), _EXPONENTS_FROM)).as_py():
        return pa.array([None if cell is None else str(cell) for cell in column.to_pylist()], pa.string())
    texts = column.cast(pa.string())
    whole = pc.equal(pc.floor(column), column)
    if pc.any(whole).as_py():
        texts = pc.if_else(whole, pc.binary_join_element_wise(texts, ".0", ""), texts)
    return texts
