"""Tables in files of any size, in pieces: CSV (plain or gzip) as text, Parquet as typed columns.

Strict where a looser reader loses data without a word: a row with a cell too few or too many, two columns of
one name, bytes that are not UTF-8 and a file cut short are errors. Knows nothing of homes.
"""

import csv
import gzip
import io
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from estimator.errors import DataError

FIRST_CSV_ROW = 2
"""Number of the first row of values in CSV: the header is row 1, as in a spreadsheet."""
BLOCK_BYTES = 8 << 20
"""Bytes of CSV read at a time: some 50,000 rows, enough for whole columns, not too many for any machine."""
BATCH_ROWS = 65_536
"""Rows of Parquet read, and of a screened file written, at a time, for the same reason."""

_Opened = Callable[[], IO[bytes] | gzip.GzipFile]
_SUFFIXES = (".csv", ".csv.gz", ".parquet")


class TableWriter(Protocol):
    """Takes the pieces of a table, all of one schema."""

    def write_table(self, table: pa.Table) -> None:
        """Append the rows of one piece."""


def read_pieces(path: Path) -> Iterator[pa.Table]:
    """Read a table piece by piece; every cell of a CSV file is text, exactly as it stands.

    A file of a header alone gives one piece without rows. A blank line is a row of empty cells, so that rows are
    counted as a spreadsheet counts them.

    Raises
    ------
    DataError
        The file is missing, empty, of an unknown kind, damaged or not UTF-8, or a row does not fit the
        header.
    """
    kind = _kind(path)
    try:
        yield from _read_parquet(path) if kind == ".parquet" else _read_csv(lambda: _open_bytes(path))
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file") from error
    except pa.ArrowInvalid as error:
        raise DataError(f"{path}: this is not a whole Parquet file ({error})") from error
    except (DataError, OSError, EOFError) as error:
        raise DataError(f"{path}: {error}") from error


def read_table(path: Path) -> pa.Table:
    """Read a whole table into memory; see `read_pieces`."""
    return pa.concat_tables(read_pieces(path))


def parse_csv(content: bytes, most_columns: int) -> pa.Table:
    """Read CSV that is in memory, as `read_pieces` reads a file.

    Parameters
    ----------
    most_columns
        Columns taken: each costs memory, however short it is.

    Raises
    ------
    DataError
        It is empty, damaged or not UTF-8, has too many columns, or a row does not fit the header.
    """
    names, _ = _header(lambda: io.BytesIO(content))
    if len(names) > most_columns:
        raise DataError(f"there are {len(names)} columns; at most {most_columns} are taken")
    return pa.concat_tables(_read_csv(lambda: io.BytesIO(content)))


def csv_bytes(table: pa.Table) -> bytes:
    """Write a table as CSV, as `write_whole` writes a file."""
    with io.BytesIO() as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        _CsvWriter(text, table.schema.names).write_table(table)
        text.flush()
        return file.getvalue()


def first_row(path: Path) -> int:
    """Return the number of a file's first row of values."""
    return 1 if _kind(path) == ".parquet" else FIRST_CSV_ROW


@contextmanager
def write_whole(path: Path, schema: pa.Schema) -> Iterator[TableWriter]:
    """Write a table piece by piece so that the file appears whole or not at all.

    Raises
    ------
    DataError
        The file is of an unknown kind, or cannot be written.
    """
    kind = _kind(path)
    try:
        with replace_whole(path) as file:
            if kind == ".parquet":
                with pq.ParquetWriter(file, schema) as writer:
                    yield writer
                return
            packed = gzip.GzipFile(fileobj=file, mode="wb") if kind == ".csv.gz" else file
            text = io.TextIOWrapper(packed, encoding="utf-8", newline="")
            yield _CsvWriter(text, schema.names)
            text.detach()
            if packed is not file:
                packed.close()
    except OSError as error:
        raise DataError(f"{path}: {error}") from error


class _CsvWriter:
    """Writes CSV with quotes only where a cell needs them: arrow's own writer quotes every text."""

    def __init__(self, file: io.TextIOWrapper, names: Sequence[str]) -> None:
        self._sparing = csv.writer(file, lineterminator="\n")
        self._quoting = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
        self._writer(pa.array(names, pa.string())).writerow(names)

    def write_table(self, table: pa.Table) -> None:
        texts = [column for column in table.columns if pa.types.is_string(column.type)]
        rows = zip(*(column.to_pylist() for column in table.columns), strict=True)
        self._writer(*texts).writerows(rows)

    def _writer(self, *texts: pa.Array) -> Any:
        # Python before 3.13 leaves a cell with a carriage return bare, and readers then see two rows.
        returns = any(pc.any(pc.match_substring(text, "\r")).as_py() for text in texts)
        return self._quoting if returns else self._sparing


@contextmanager
def replace_whole(path: Path) -> Iterator[IO[bytes]]:
    """Open a file beside `path` for writing; on success it is synced and takes the place of `path`.

    A reader of `path` sees the old bytes or the new, never a part, whenever the writer is killed.
    """
    if not path.parent.is_dir():
        raise FileNotFoundError(f"the folder {path.parent} does not exist")
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    beside = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.chmod(0o666 & ~_umask())  # mkstemp's 0600 would lock out the readers of an ordinary file
        beside.replace(path)
        sync_folder(path.parent)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _kind(path: Path) -> str:
    kind = next((suffix for suffix in _SUFFIXES if path.name.lower().endswith(suffix)), None)
    if kind is None:
        raise DataError(f"{path}: the name ends in none of {', '.join(_SUFFIXES)}")
    return kind


def _read_csv(opened: _Opened) -> Iterator[pa.Table]:
    """Read CSV from wherever `opened` opens it, which it does afresh each time."""
    names, has_rows = _header(opened)
    if not has_rows:
        yield pa.schema([(name, pa.string()) for name in names]).empty_table()
        return
    convert = pa_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False)
    # One thread: arrow then says in which row a cell is missing.
    read = pa_csv.ReadOptions(block_size=BLOCK_BYTES, use_threads=False)
    parse = pa_csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False)
    try:
        with (
            opened() as raw,
            pa.PythonFile(raw, mode="r") as stream,
            pa_csv.open_csv(stream, read_options=read, parse_options=parse, convert_options=convert) as reader,
        ):
            for batch in reader:
                yield pa.Table.from_batches([batch])
    except pa.ArrowInvalid as error:
        raise DataError(_reason(opened, str(error))) from error


def _header(opened: _Opened) -> tuple[Sequence[str], bool]:
    """Read the names of a CSV file's columns, and whether anything follows them."""
    with opened() as raw, io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as text:
        try:
            names = next(csv.reader(text), [])
            has_rows = text.read(1) != ""
        except UnicodeDecodeError as error:
            raise DataError(_reason(opened, "invalid UTF8 data")) from error
        except csv.Error as error:
            raise DataError(f"the header cannot be read: {error}") from error
    if not names:
        raise DataError("the first line is blank" if has_rows else "the file is empty")
    _refuse_twins(names)
    return names, has_rows


def _refuse_twins(names: Sequence[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(f"column '{twice[0]}' stands twice in the header")


def _read_parquet(path: Path) -> Iterator[pa.Table]:
    with pq.ParquetFile(path) as file:
        _refuse_twins(file.schema_arrow.names)
        empty = True
        for batch in file.iter_batches(batch_size=BATCH_ROWS):
            empty = False
            yield pa.Table.from_batches([batch])
        if empty:
            yield file.schema_arrow.empty_table()


def _open_bytes(path: Path) -> IO[bytes] | gzip.GzipFile:
    return gzip.GzipFile(path) if _is_packed(path) else path.open("rb")


def _is_packed(path: Path) -> bool:
    return path.name.lower().endswith(".gz")


def _reason(opened: _Opened, complaint: str) -> str:
    """Say in the user's words why arrow refuses CSV."""
    # The complaint may quote the file, so that "UTF8" in it does not tell alone.
    line = _first_line_not_utf8(opened) if "UTF8" in complaint else None
    if line is not None:
        return f"line {line} is not UTF-8; save the file as UTF-8"
    return complaint.removeprefix("CSV parse error: ")


def _first_line_not_utf8(opened: _Opened) -> int | None:
    with opened() as lines:
        for number, line in enumerate(lines, start=1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return None
