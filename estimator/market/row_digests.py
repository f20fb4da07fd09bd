"""A number for all cells of a row, of which only some columns are kept."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from estimator.market.cells import python_values
from estimator.market.text.names import plain_name

_EXACT = 2**53
"""Up to here, a float of 64 bits has every whole number: 5 has one digest whether a file has it as 5 or as 5.0."""

Digests = NDArray[np.uint64]
"""Two rows whose cells are all equal have the same number. Different rows have it with a probability of 2⁻⁶⁴."""


def row_digests(table: pa.Table) -> Digests:
    """Return the digests of n rows, shape (n,); they do not depend on the order of the columns."""
    digests = np.zeros(table.num_rows, np.uint64)
    for name, column in zip(table.column_names, table.columns, strict=True):
        # An odd factor for each column, so that rows with two values exchanged differ.
        factor = pd.util.hash_array(np.array([plain_name(name)], np.object_))[0] | np.uint64(1)
        digests += factor * _cell_digests(column)
    return digests


def _cell_digests(column: pa.ChunkedArray) -> Digests:
    """Return a number for each cell of a column, shape (n,): the same in every piece of a file."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_temporal(column.type):
        column = column.cast(pa.int32() if column.type.bit_width == 32 else pa.int64())
    digests: Digests = pd.util.hash_array(_plain_values(column), categorize=False)
    if pa.types.is_integer(column.type):
        whole = pc.fill_null(column, 0).to_numpy()
        rounded = whole > _EXACT
        if pa.types.is_signed_integer(column.type):
            rounded |= whole < -_EXACT
        # Inverted, because the bits of a whole number may be those of a float.
        digests[rounded] = ~pd.util.hash_array(whole[rounded])
    return digests


def _plain_values(column: pa.ChunkedArray) -> NDArray[np.generic]:
    """Return the values of a column as numbers or text."""
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        return np.asarray(pc.fill_null(column.cast(pa.float64(), safe=False), np.nan).to_numpy())
    return np.array([None if value is None else str(value) for value in python_values(column)], np.object_)
