"""Read and write tables of any size, piece by piece: CSV, TSV and Excel as text, Parquet with its types.

Reading is strict, so that no data is lost silently: two columns with the same name, bytes that are not UTF-8 and a
truncated file are errors, and rows with a missing or an extra cell are, or are reported. This module knows nothing
about homes.
"""

import gzip
import io
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Protocol, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from estimator.atomic_file import check_place, replace_atomically
from estimator.errors import DataError
from estimator.market.csv_reader import (
    DETECTED,
    CsvForm,
    MalformedRows,
    read_csv,
    read_header,
    refuse_duplicate_names,
)
from estimator.market.csv_writer import csv_rows, header_line
from estimator.market.excel import read_excel
from estimator.market.geojson import GeoJsonWriter, geojson_rows, read_geojson
from estimator.market.geometry import with_coordinates
from estimator.market.input_files import refuse_stream

FIRST_CSV_ROW = 2
"""Number of the first row of values in a CSV file: the header is row 1, as in a spreadsheet."""
BATCH_ROWS = 65_536
"""Rows of Parquet in a row group, and of a screened file written at a time: few enough for little memory."""
READ_ROWS, _READ_BYTES = 16_384, 1 << 18
"""Rows of Parquet read at a time, and bytes of a column. By default Arrow reads all row groups ahead, and memory
grows with the file: see benchmarks/DECISIONS.md, "Parquet in constant memory"."""

_EXCEL = ".xlsx"
CSV_SUFFIXES = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt")
"""Ends of the names of files whose cells are separated by commas, tabs and the like."""
_PARQUET, GEO_PARQUET, GEO_JSON = ".parquet", ".geoparquet", ".geojson"
_WRITTEN = (*CSV_SUFFIXES, _PARQUET, GEO_PARQUET, GEO_JSON)
_SUFFIXES = (*_WRITTEN, _EXCEL)
_OTHER_FORMATS = {
    ".zip": "; unpack the file",
    ".xls": "; save the workbook as .xlsx or CSV",
    ".xlsm": "; save the workbook as .xlsx or CSV",
    ".ods": "; save the sheet as .xlsx or CSV",
    ".json": "; give GeoJSON the name .geojson, and save other JSON as CSV",
}
"""Ends of the names of files that people have instead → what to do."""
_TRUNCATED_WORDS = ("Truncated compressed stream", "Compressed file ended before")
"""What Arrow and Python say of a file that gzip has packed and that lacks its end."""
_TRUNCATED = "the file is truncated: what gzip has packed ends too early; copy or download the file again"
_TYPED = (_PARQUET, GEO_PARQUET, GEO_JSON)
"""Ends of the names of files whose cells have types."""


Rows: TypeAlias = pa.Table | bytes
"""Rows as a writer appends them: lines of text are made beforehand, in any thread."""


class TableWriter(Protocol):
    """Writes a table piece by piece; all pieces have the same schema."""

    def write_table(self, table: pa.Table) -> None:
        """Append the rows of one piece."""

    def write_rows(self, rows: Rows) -> None:
        """Append the rows of one piece, as `encoder_for` has made them."""


def read_pieces(
    path: Path, form: CsvForm = DETECTED, malformed: MalformedRows | None = None
) -> Iterator[pa.Table]:
    """Read a table piece by piece; all cells of a CSV file are text, unchanged.

    A file with only a header gives one piece without rows. A blank line is a row of empty cells, so that rows have
    the same numbers as in a spreadsheet.

    Parameters
    ----------
    form
        What is known about a file of text.
    malformed
        Collects the rows of such a file that do not fit its header; if it is None, they are errors.

    Raises
    ------
    DataError
        The file is missing, empty, of an unknown format, damaged or not UTF-8, a pipe or a device, or a row does
        not fit the header.
    """
    refuse_stream(path)
    suffix = _suffix(path)
    try:
        if suffix == GEO_JSON:
            yield from map(with_coordinates, read_geojson(path))
        elif suffix in _TYPED:
            yield from map(with_coordinates, _read_parquet(path))
        elif suffix == _EXCEL:
            yield read_excel(path, form.columns, malformed)
        else:
            yield from read_csv(lambda: _open_bytes(path), lambda: _open_native(path), form, malformed)
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file") from error
    except pa.ArrowInvalid as error:
        why = f"this is not a complete Parquet file ({error})" if suffix in {_PARQUET, GEO_PARQUET} else error
        raise DataError(f"{path}: {why}") from error
    except (DataError, OSError, EOFError, ValueError) as error:
        why = _TRUNCATED if any(words in str(error) for words in _TRUNCATED_WORDS) else error
        raise DataError(f"{path}: {why}") from error


def read_table(path: Path, form: CsvForm = DETECTED, malformed: MalformedRows | None = None) -> pa.Table:
    """Read a whole table into memory; see `read_pieces`."""
    return pa.concat_tables(read_pieces(path, form, malformed))


def parse_csv(
    content: bytes, max_columns: int, form: CsvForm = DETECTED, malformed: MalformedRows | None = None
) -> pa.Table:
    """Read CSV from memory, as `read_pieces` reads a file.

    Parameters
    ----------
    max_columns
        Columns allowed: each takes memory, however short it is.

    Raises
    ------
    DataError
        The content is empty, damaged or not UTF-8, or has too many columns.
    """
    names = read_header(lambda: io.BytesIO(content), form)
    if len(names) > max_columns:
        raise DataError(f"there are {len(names)} columns; at most {max_columns} are allowed")
    return pa.concat_tables(
        read_csv(lambda: io.BytesIO(content), lambda: pa.BufferReader(content), form, malformed)
    )


def csv_bytes(table: pa.Table) -> bytes:
    """Return a table as CSV, as `write_atomically` writes it to a file."""
    return header_line(table.schema) + csv_rows(table)


def is_table(path: Path) -> bool:
    """Return whether a file has the name of a table that can be read."""
    return path.name.lower().endswith(_SUFFIXES)


def is_text_file(path: Path) -> bool:
    """Return whether a file is of text; others have types."""
    return _suffix(path) not in _TYPED


def first_row(path: Path) -> int:
    """Return the number of the first row of values in a file."""
    return 1 if _suffix(path) in _TYPED else FIRST_CSV_ROW


def encoder_for(path: Path) -> Callable[[pa.Table], Rows]:
    """Return the function that makes the rows that the writer of a file appends.

    Threads and processes may call it at the same time.

    Raises
    ------
    DataError
        The file is of a format that is not written, or is a folder.
    """
    if os.path.isdir(path):  # noqa: PTH112  # pathlib fails for names that are too long for a file
        raise DataError(f"{path}: a folder has this name; name a file in it, such as {path / 'valued.csv'}")
    if path.name.lower().endswith(_EXCEL):
        raise DataError(f"{path}: Excel files are read, not written; the name must end in {_any_of(_WRITTEN)}")
    suffix = _suffix(path, _WRITTEN)
    if suffix == GEO_JSON:
        return geojson_rows
    return _unchanged if suffix in _TYPED else partial(csv_rows, separator=_separator(suffix))


def _unchanged(table: pa.Table) -> pa.Table:
    return table


def check_target(path: Path) -> None:
    """Refuse a name under which no table can be written, before anything is computed.

    Raises
    ------
    DataError
        The format is unknown, a folder has the name, or the folder of the file does not exist.
    """
    encoder_for(path)
    try:
        check_place(path)
    except OSError as error:
        raise DataError(f"{path}: {error}") from error


@contextmanager
def write_atomically(path: Path, schema: pa.Schema) -> Iterator[TableWriter]:
    """Write a table piece by piece; the file appears complete or not at all.

    Raises
    ------
    DataError
        The file is of an unknown format, or cannot be written.
    """
    encoder_for(path)
    try:
        with replace_atomically(path) as file, open_table(file, _suffix(path), schema) as writer:
            yield writer
    except OSError as error:
        raise DataError(f"{path}: {error}") from error


@contextmanager
def open_table(file: IO[bytes], suffix: str, schema: pa.Schema) -> Iterator[TableWriter]:
    """Write a table piece by piece to an open file, in the format of a suffix."""
    if suffix == GEO_JSON:
        geojson = GeoJsonWriter(file)
        yield geojson
        geojson.close()
        return
    if suffix in _TYPED:
        with pq.ParquetWriter(file, schema) as groups:
            parquet = _ParquetWriter(groups)
            yield parquet
            parquet.write_group()
        return
    stream = gzip.GzipFile(fileobj=file, mode="wb") if suffix.endswith(".gz") else file
    stream.write(header_line(schema, _separator(suffix)))
    yield _CsvWriter(stream, _separator(suffix))
    if stream is not file:
        stream.close()


def _separator(suffix: str) -> str:
    return "\t" if ".tsv" in suffix else ","


class _ParquetWriter:
    """Gathers pieces into row groups, which readers read one at a time."""

    def __init__(self, groups: pq.ParquetWriter) -> None:
        self._groups = groups
        self._waiting: list[pa.Table] = []

    def write_table(self, table: pa.Table) -> None:
        self.write_rows(table)

    def write_rows(self, rows: Rows) -> None:
        self._waiting.append(rows)
        if sum(each.num_rows for each in self._waiting) >= BATCH_ROWS:
            self.write_group()

    def write_group(self) -> None:
        if self._waiting:
            self._groups.write_table(pa.concat_tables(self._waiting))
            self._waiting = []


class _CsvWriter:
    """Appends lines to a file."""

    def __init__(self, file: IO[bytes] | gzip.GzipFile, separator: str) -> None:
        self._file, self._separator = file, separator

    def write_table(self, table: pa.Table) -> None:
        self.write_rows(csv_rows(table, self._separator))

    def write_rows(self, rows: Rows) -> None:
        self._file.write(rows)


def _suffix(path: Path, suffixes: Sequence[str] = _SUFFIXES) -> str:
    found = next((suffix for suffix in suffixes if path.name.lower().endswith(suffix)), None)
    if found is None:
        remedy = _OTHER_FORMATS.get(path.suffix.lower(), "")
        raise DataError(f"{path}: unknown format; the name must end in {_any_of(suffixes)}{remedy}")
    return found


def _any_of(suffixes: Sequence[str]) -> str:
    return f"{', '.join(suffixes[:-1])} or {suffixes[-1]}"


def _read_parquet(path: Path) -> Iterator[pa.Table]:
    with pq.ParquetFile(path, buffer_size=_READ_BYTES, pre_buffer=False) as file:
        refuse_duplicate_names(file.schema_arrow.names)
        empty = True
        for batch in file.iter_batches(batch_size=READ_ROWS, use_threads=False):
            empty = False
            yield pa.Table.from_batches([batch])
        if empty:
            yield file.schema_arrow.empty_table()


def _open_bytes(path: Path) -> IO[bytes] | gzip.GzipFile:
    return gzip.GzipFile(path) if _is_gzip(path) else path.open("rb")


def _open_native(path: Path) -> pa.NativeFile:
    """Open a file without Python's objects.

    Arrow reads ahead in a thread. If that thread frees bytes of Python's while the program exits, Python ends the
    thread, and with it the whole program with SIGABRT instead of its exit code.
    """
    file = pa.OSFile(str(path), mode="rb")
    return pa.CompressedInputStream(file, "gzip") if _is_gzip(path) else file


def _is_gzip(path: Path) -> bool:
    return path.name.lower().endswith(".gz")
