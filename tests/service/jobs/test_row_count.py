"""Rows are counted without reading the table, and without unpacking more than a job may have."""

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from estimator.errors import DataError
from service.jobs.row_count import count_rows


@pytest.mark.parametrize(
    ("content", "rows"), [(b"a,b\n1,2\n3,4\n", 2), (b"a,b\r\n1,2\r\n3,4", 2), (b"a,b\n", 0), (b"a,b", 0), (b"", 0)]
)
def test_text_has_a_row_for_each_line_after_the_header(content: bytes, rows: int, tmp_path: Path) -> None:
    plain, packed = tmp_path / "homes.csv", tmp_path / "homes.csv.gz"
    plain.write_bytes(content)
    packed.write_bytes(gzip.compress(content))
    assert count_rows(plain, 2) == count_rows(packed, 2) == rows


def test_more_rows_than_allowed_are_refused(tmp_path: Path) -> None:
    text, table = tmp_path / "homes.csv", tmp_path / "homes.parquet"
    text.write_text("a\n1\n2\n3\n")
    pq.write_table(pa.table({"a": [1, 2, 3]}), table)
    assert count_rows(text, 3) == count_rows(table, 3) == 3
    for path in (text, table):
        with pytest.raises(DataError, match="more than 2 rows"):
            count_rows(path, 2)


@pytest.mark.parametrize("byte", [b"x", b"\n"])
def test_a_small_file_that_unpacks_to_very_much_is_not_unpacked(byte: bytes, tmp_path: Path) -> None:
    bomb = tmp_path / "homes.csv.gz"
    # 16 MB, repeated as 64 members: a gigabyte
    bomb.write_bytes(gzip.compress(byte * 2**24, 1) * 64)
    with pytest.raises(DataError, match=r"more than 1,000 rows"):
        count_rows(bomb, 1000)
