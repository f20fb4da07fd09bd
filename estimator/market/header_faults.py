"""What is wrong with a table whose first line is not its header, or is not separated by anything known.

Such a table lacks the market's columns. To say only that would not tell the user what to do.
"""

import csv
import re
from collections.abc import Sequence

from estimator.market.text.numbers import NUMBER_PATTERN
from estimator.market.text.separators import SEPARATORS, detect_separator
from estimator.market.values import format_value

MAX_ROWS = 20
"""Rows that are looked at: more than people write above a header."""
_MIN_WIDE = 3
"""A row of fewer cells is no sign of a header farther down: it can be a row with a cell too many."""
_OTHER_SEPARATOR = re.compile(r"""["']?\w+["']?([\^:~¦§])["']?\w+["']?\1""")
_FIXED_WIDTH = re.compile(r"\s*\S+(?:\s+\S+){4,}\s*")
_BINARY = {
    b"PK": "the file is not text but an Excel workbook or a ZIP archive; name it .xlsx, or unpack it",
    b"\x1f\x8b": "the file is not text but packed by gzip; name it .csv.gz, or unpack it",
    b"PAR1": "the file is not text but Parquet; name it .parquet, or save it as CSV for the server",
    b"\xd0\xcf\x11\xe0": "the file is not text but an old Excel workbook; save it as .xlsx or CSV",
}
"""First bytes of files that people take for text → what to say."""
_NOT_TABLES = {
    re.compile(r'\s*(?:\{\s*["}]|\[\s*[{[])'): (
        "the file is not a table but JSON; give GeoJSON a name that ends in .geojson, and save other JSON as CSV"
    ),
    re.compile(r"\s*<[!?a-z]", re.IGNORECASE): (
        "the file is not a table but a web page or XML; save the table in it as CSV"
    ),
}
"""Starts of other files of text → what to say."""
_NUMBER = re.compile(NUMBER_PATTERN)
_YEAR = re.compile(r"(?:19|20)[0-9]{2}")


def binary_fault(start: bytes) -> str | None:
    """Return what a file with the name of a text file really is; None if its first bytes do not show it."""
    return next((fault for mark, fault in _BINARY.items() if start.startswith(mark)), None)


def not_a_table_fault(start: str) -> str | None:
    """Return what a file of text is that has no columns; None if its first characters do not show it."""
    return next((fault for pattern, fault in _NOT_TABLES.items() if pattern.match(start)), None)


def text_fault(lines: Sequence[str], separator: str | None = None) -> str | None:
    """Return what is wrong with the first line of a text file, and what to do; None if it may be a header.

    Parameters
    ----------
    lines
        The first lines of the file.
    separator
        What separates the cells, if that is known.
    """
    # A title shows no separator, or only that of its words.
    found = separator or max(SEPARATORS, key=lambda mark: sum(line.count(mark) for line in lines[1:]))
    title = title_fault(_rows(lines, found))
    if title is not None and not (separator is None and _names_fit(lines)):
        return title
    if not lines:
        return None
    if separator is None and (fault := _unseparated(lines)) is not None:
        return fault
    first = _rows(lines, separator or detect_separator(lines[0]))[:1]
    return values_fault(first[0]) if first else None


def _names_fit(lines: Sequence[str]) -> bool:
    """Return whether the first line has a name for each cell of most rows, by its own separator.

    Decimal commas may outnumber the semicolons between the cells.
    """
    first, *others = _rows(lines, detect_separator(lines[0])) or [[]]
    fitting = sum(len(row) == len(first) for row in others)
    return len(first) >= _MIN_WIDE and all(name.strip() for name in first) and 2 * fitting > len(others)


def title_fault(rows: Sequence[Sequence[str]]) -> str | None:
    """Say that there are lines above the header: most other rows have far more cells than the first one."""
    filled = [sum(bool(cell.strip()) for cell in row) for row in rows]
    others = [count for count in filled[1:] if count]
    wide = max(_MIN_WIDE, 2 * filled[0]) if filled else 0
    if not others or sum(count >= wide for count in others) <= len(others) / 2:
        return None
    header = next(index for index, count in enumerate(filled) if count >= wide)
    title = " ".join(cell.strip() for cell in rows[0] if cell.strip())
    shown = f", {format_value(title)}," if title else ""
    return (
        f"line 1{shown} is not the header, because line {header + 1} has far more filled cells;"
        " delete the lines above the header"
    )


def values_fault(names: Sequence[str]) -> str | None:
    """Say that there is no header: most names are numbers, and not years, which may name columns."""
    names = [name.strip() for name in names if name.strip()]
    numbers = [name for name in names if _NUMBER.match(name) and not _YEAR.fullmatch(name)]
    if len(names) < _MIN_WIDE or len(numbers) <= len(names) / 2:
        return None
    return (
        f"line 1 has values such as {format_value(numbers[0])} instead of names of columns; write a line with"
        " their names above it, or list them in market.toml as columns = [...]"
    )


def _unseparated(lines: Sequence[str]) -> str | None:
    """Say that the separator is unknown: each of the first lines is one cell of many parts."""
    if any(mark in lines[0] for mark in SEPARATORS):
        return None
    if not _OTHER_SEPARATOR.match(lines[0]) and not (
        len(lines) > 1 and all(_FIXED_WIDTH.fullmatch(line) for line in lines[:2])
    ):
        return None
    return (
        f"line 1 is a single cell, {format_value(lines[0].strip())}; separate the cells by commas, semicolons,"
        " tabs or vertical bars, or declare separator in market.toml"
    )


def _rows(lines: Sequence[str], separator: str) -> list[list[str]]:
    """Return the cells of some lines; a name in quotes may go over several."""
    try:
        return list(csv.reader(lines, delimiter=separator))
    except csv.Error:
        return []
