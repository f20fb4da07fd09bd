import datetime as dt
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from estimator.market.row_digests import row_digests

CELLS: dict[str, list[Any]] = {
    "number": [1, None, 3],
    "text": ["a", "", None],
    "day": [dt.date(2020, 1, 1), None, dt.date(2020, 1, 2)],
    "flag": [True, False, None],
    "list": [[1, 2], [], None],
}


def test_equal_rows_have_equal_digests_in_any_order_of_columns_and_any_piece() -> None:
    table = pa.table(CELLS)
    digests = row_digests(table)
    assert len(set(digests.tolist())) == 3
    assert row_digests(table.select(table.column_names[::-1])).tolist() == digests.tolist()
    for row in range(3):
        alone = pa.table({name: pa.array([cells[row]], table[name].type) for name, cells in CELLS.items()})
        assert row_digests(alone).tolist() == digests[row : row + 1].tolist()
    as_floats = table.set_column(0, "Number", pa.array([1.0, None, 3.0]))
    assert row_digests(as_floats).tolist() == digests.tolist(), "another file may write whole numbers as floats"
    in_codes = table.set_column(1, "text", table["text"].dictionary_encode())
    assert row_digests(in_codes).tolist() == digests.tolist()


@pytest.mark.parametrize("name", CELLS)
def test_another_value_in_any_column_changes_a_digest(name: str) -> None:
    table = pa.table(CELLS)
    changed = {**CELLS, name: [CELLS[name][2], *CELLS[name][1:]]}
    other = pa.table({each: pa.array(cells, table[each].type) for each, cells in changed.items()})
    assert (row_digests(other) != row_digests(table)).tolist() == [True, False, False]


@pytest.mark.parametrize("kind", [pa.int64(), pa.uint64(), pa.timestamp("ns")])
def test_whole_numbers_that_a_float_would_round_differ(kind: pa.DataType) -> None:
    numbers = [2**53, 2**53 + 1, 2**53 + 2, 2**62, 2**62 + 1, np.array([23.0]).view(np.int64)[0]]
    column = pa.chunked_array([pa.array(numbers, pa.int64()).cast(kind)])
    for cells in (column, column.dictionary_encode()):
        assert len(set(row_digests(pa.table({"id": cells})).tolist())) == len(numbers)
    assert row_digests(pa.table({"id": [2**53]})) == row_digests(pa.table({"id": [2.0**53]}))
    assert row_digests(pa.table({"id": [23.0]})) != row_digests(
        pa.table({"id": pa.array(numbers[-1:], pa.int64())})
    )


def test_exchanged_values_of_two_columns_change_a_digest() -> None:
    table = pa.table({"a": [1.0, 2.0], "b": [2.0, 1.0]})
    assert row_digests(table)[0] != row_digests(table)[1]
