"""Which rows of a table are blank. Without pandas, since a server reads areas and needs no pandas."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from estimator.market.arrays import BoolArray
from estimator.market.columns import is_text


def blank_rows(table: pa.Table) -> BoolArray:
    """Return which of n rows have no filled cell, shape (n,)."""
    blank = np.ones(table.num_rows, np.bool_)
    for column in table.columns:
        empty = column.is_null()
        if is_text(column):
            empty = pc.or_(empty, pc.equal(pc.fill_null(column.cast(pa.string()), ""), ""))
        blank &= empty.to_numpy()
    return blank
