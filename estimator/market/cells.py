"""Cells of any type as Python's values."""

from typing import Any

import pyarrow as pa


def python_values(column: pa.ChunkedArray | pa.Array) -> list[Any]:
    """Return n cells as Python's values, as `python_value` returns each."""
    try:
        return list(column.to_pylist())
    except (OverflowError, ValueError):
        return [python_value(cell) for cell in column]


def python_value(cell: pa.Scalar) -> Any:
    """Return a cell as Python's value; a time that Python cannot represent as Arrow's text for it."""
    try:
        return cell.as_py()
    except (OverflowError, ValueError):
        return cell.cast(pa.string()).as_py()
