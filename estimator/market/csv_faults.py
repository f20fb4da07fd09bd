"""What is wrong with a file of separated text that Arrow cannot read: which line, which column, and what to do."""

import codecs
import csv
import gzip
import io
import re
from collections.abc import Callable, Sequence
from typing import IO

from estimator.errors import DataError
from estimator.market.header_faults import binary_fault
from estimator.wording import plural

BLOCK_BYTES = 1 << 20
"""Bytes read at a time: about 10,000 rows, enough for fast array operations. Arrow reads 32 blocks ahead, which
takes little memory. No row may be longer than a block. See benchmarks/DECISIONS.md, "Blocks of CSV"."""

_AT_END = "unexpected end of data"
"""What Python's csv module says of a quote that is open at the end."""
_CELL_COUNT = re.compile(r"Row #(\d+): Expected (\d+) columns, got (\d+)")

OpenFile = Callable[[], IO[bytes] | gzip.GzipFile]
"""Opens a file from the start."""


def refuse_open_quote(open_file: OpenFile, separator: str) -> None:
    """Refuse a file with a quote that never closes, or closes in the middle of a cell of a later line.

    Raises
    ------
    DataError
        There is such a quote; the message names its line.
    """
    with open_file() as raw, io.TextIOWrapper(raw, encoding="utf-8-sig", errors="replace", newline="") as text:
        lines, done = iter(text), 0
        while True:
            reader = csv.reader(lines, delimiter=separator, strict=True)
            start = done
            try:
                for _ in reader:
                    start = done + reader.line_num
            except csv.Error as error:
                if str(error) == _AT_END or reader.line_num + done > start + 1:
                    raise DataError(f"line {start + 1}: a quote opens in this row and never closes") from error
                done += reader.line_num
                continue
            return


def arrow_fault(open_file: OpenFile, message: str, lines_before: int, names: Sequence[str], separator: str) -> str:
    """Return Arrow's error message about a file in words for the user.

    Parameters
    ----------
    lines_before
        Lines above the header, which are not counted as rows.
    names
        Of the columns.
    """
    message = message.removeprefix("CSV parse error: ")
    # The message may quote the file, so "UTF8" in it is no proof that the encoding is wrong.
    if "UTF8" in message and (fault := utf8_fault(open_file)) is not None:
        return fault
    if message.startswith("straddling object"):
        return _long_row_fault(open_file, lines_before, names, separator)
    if (wrong := _CELL_COUNT.match(message)) is not None:
        row, expected, found = map(int, wrong.groups())
        return f"row {row} {cell_count_fault(found, expected)}"
    return message


def cell_count_fault(found: int, expected: int) -> str:
    """Return what is wrong with a row that has another number of cells than the header."""
    return f"has {plural(found, 'cell')}, the header {expected}"


def utf8_fault(open_file: OpenFile) -> str | None:
    """Return which line of a file is not UTF-8, and what the file is instead; None if each line is."""
    line = _first_line_not_utf8(open_file)
    if line is None:
        return None
    with open_file() as file:
        start = file.read(16)
    wide = " but UTF-16" if _is_utf16(start) else ""
    return (
        binary_fault(start) or f"line {line} is not UTF-8{wide}; save the file as UTF-8, in Excel as 'CSV UTF-8'"
    )


def _is_utf16(start: bytes) -> bool:
    """Return whether the start of a file says so, or every second byte of it is 0, as in text of Latin letters."""
    every_second = (start[::2], start[1::2])
    return start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or any(
        bytes_ and not any(bytes_) for bytes_ in every_second
    )


def _first_line_not_utf8(open_file: OpenFile) -> int | None:
    with open_file() as lines:
        for number, line in enumerate(lines, start=1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return None


def _long_row_fault(open_file: OpenFile, lines_before: int, names: Sequence[str], separator: str) -> str:
    """Return which row is longer than a block, and which column makes it so."""
    with open_file() as file:
        for _ in range(lines_before):
            file.readline()
        number, row = 1, b""
        while len(row) <= BLOCK_BYTES and (piece := file.readline(BLOCK_BYTES + 1)):
            if row.endswith(b"\n") and not row.count(b'"') % 2:
                number, row = number + 1, b""
            row += piece
    lengths = _cell_lengths(row, separator.encode())
    longest = lengths.index(max(lengths))
    column = f"column '{names[longest]}'" if longest < len(names) else f"cell {longest + 1}"
    return (
        f"row {number} is longer than {BLOCK_BYTES:,} bytes, most of them in {column}; shorten its cell, or remove"
        " the column"
    )


def _cell_lengths(row: bytes, separator: bytes) -> list[int]:
    """Return the number of bytes of each cell of a row, quotes included."""
    lengths: list[int] = []
    is_open = False
    for part in row.split(separator):
        if is_open:
            lengths[-1] += len(separator) + len(part)
        else:
            lengths.append(len(part))
        is_open ^= bool(part.count(b'"') % 2)
    return lengths
