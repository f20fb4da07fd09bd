"""Counts the rows of a table before they are read, so that progress has an end, and limits hold."""

import gzip
import zlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from estimator.errors import DataError

MAX_ROW_BYTES = 1000
"""Unpacked bytes of a row, on average: a home with all facts has 100. Gzip can unpack to a thousand times its
size."""
_BLOCK = 2**20


def count_rows(table: Path, max_rows: int) -> int:
    """Return the number of rows of CSV, by its line ends, or of Parquet.

    Raises
    ------
    DataError
        The table cannot be read, or there are more rows, or more bytes, than a job may have.
    """
    try:
        return _parquet_rows(table, max_rows) if table.suffix == ".parquet" else _text_rows(table, max_rows)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{table}: this is not complete gzip ({error})") from error
    except pa.ArrowInvalid as error:
        raise DataError(f"{table}: this is not a complete Parquet file ({error})") from error


def _parquet_rows(table: Path, max_rows: int) -> int:
    with pq.ParquetFile(table) as file:
        rows = int(file.metadata.num_rows)
    _check(rows, max_rows)
    return rows


def _text_rows(table: Path, max_rows: int) -> int:
    lines = size = 0
    ends = True
    with gzip.open(table) if table.suffix == ".gz" else table.open("rb") as file:
        while block := file.read(_BLOCK):
            lines += block.count(b"\n")
            size += len(block)
            ends = block.endswith(b"\n")
            _check(lines - 1, max_rows)
            if size > max_rows * MAX_ROW_BYTES + _BLOCK:
                raise DataError(f"the table unpacks to more than {max_rows:,} rows of {MAX_ROW_BYTES} bytes")
    return max(lines - ends, 0)


def _check(rows: int, max_rows: int) -> None:
    if rows > max_rows:
        raise DataError(f"the table has more than {max_rows:,} rows, which is the maximum of a job")
