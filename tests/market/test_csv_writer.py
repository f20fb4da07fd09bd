"""CSV is written as Python's csv module writes it."""

import csv
import io
from typing import Literal

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from estimator.market.csv_writer import csv_rows

cells_with_quotes = st.sampled_from(["a", "", 'q"x', "x,y", "l\nm", "r\rq", " lead", "é", "'", "#", None])


@given(st.lists(st.tuples(*[cells_with_quotes] * 3), min_size=1, max_size=6))
def test_rows_are_written_as_python_writes_them(rows: list[tuple[str | None, ...]]) -> None:
    has_return = any("\r" in (cell or "") for row in rows for cell in row)
    file = io.StringIO(newline="")
    quoting: Literal[0, 1] = csv.QUOTE_ALL if has_return else csv.QUOTE_MINIMAL
    csv.writer(file, lineterminator="\n", quoting=quoting).writerows(rows)
    columns = [pa.array([row[index] for row in rows], pa.string()) for index in range(3)]
    table = pa.table(columns, names=["a", "b", "c"])
    assert csv_rows(table) == file.getvalue().encode()
    assert csv_rows(pa.concat_tables([table, table]).slice(len(rows))) == file.getvalue().encode()
