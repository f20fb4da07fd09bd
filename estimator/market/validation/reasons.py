"""The reasons for which a sale is set aside, and the list of the sales that are.

A sale that is set aside never reaches a model, unless the user's override file keeps it.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from estimator.market.file_rows import place

Severity = Literal["unreadable", "wrong", "suspect", "dropped"]
"""`unreadable`: the row has no usable sale, and a large share of such rows stops a training. `wrong`: it cannot be
as it is written. `suspect`: it can be, but hardly ever is. `dropped`: by the override file."""

UNREADABLE = "value that cannot be read"
MISSING = "required value missing"
MALFORMED = "row that does not fit the header"
HEADER_AGAIN = "header repeated"
OUT_OF_BOUNDS = "value out of bounds"
NO_PRICE = "price not above 0"
COPY = "copy of earlier rows"
ZERO_PLACE = "coordinates at 0, 0"
SWAPPED_PLACE = "latitude and longitude swapped"
MIRRORED_PLACE = "sign of a coordinate lost"
FAR_PLACE = "place far from all others"
IMPOSSIBLE = "impossible fact"
FUTURE = "date in the future"
FAR_DATE = "date far from all others"
ONE_TOTAL = "homes sold together for one total"
FAR_PRICE = "price far from all others"
SAME_SALE = "same home and day twice"
CONTRADICTION = "same home and day at different prices"
RESIDUAL = "price far from that of similar homes"
DROPPED = "dropped by the override file"

SEVERITIES: Mapping[str, Severity] = {
    UNREADABLE: "unreadable",
    MISSING: "unreadable",
    MALFORMED: "unreadable",
    HEADER_AGAIN: "wrong",
    OUT_OF_BOUNDS: "wrong",
    NO_PRICE: "wrong",
    COPY: "wrong",
    ZERO_PLACE: "wrong",
    SWAPPED_PLACE: "wrong",
    MIRRORED_PLACE: "wrong",
    FAR_PLACE: "suspect",
    IMPOSSIBLE: "wrong",
    FUTURE: "wrong",
    FAR_DATE: "suspect",
    ONE_TOTAL: "suspect",
    FAR_PRICE: "suspect",
    SAME_SALE: "wrong",
    CONTRADICTION: "wrong",
    RESIDUAL: "suspect",
    DROPPED: "dropped",
}
"""Reason → how sure it is."""

SET_ASIDE_FILE = "set_aside.csv"
"""Name of the list, beside a saved version."""
_COLUMNS = ("row", "column", "value", "reason", "severity", "detail", "file")


@dataclass(frozen=True, slots=True)
class SetAside:
    """A sale that is not used.

    Parameters
    ----------
    row
        Its row in its file, as a spreadsheet shows it.
    column
        The column of the file that shows why; empty if it is the row as a whole.
    value
        What it contains.
    reason
        A key of `SEVERITIES`.
    detail
        What is wrong with it, in a few words, with the bound or the other rows.
    file
        Its file; empty if the sales are in one file.
    """

    row: int
    column: str
    value: str
    reason: str
    detail: str
    file: str = ""

    @property
    def severity(self) -> Severity:
        """How sure the reason is."""
        return SEVERITIES[self.reason]

    def __str__(self) -> str:
        where = f", {self.column} {self.value}".rstrip() if self.column else ""
        return f"row {place(self.row, self.file)}{where}: {self.detail}"

    def as_dict(self) -> dict[str, int | str]:
        """Return the entry as plain values, in the order of the columns of the list."""
        return {name: getattr(self, name) for name in _COLUMNS}


def set_aside_csv(entries: Iterable[SetAside]) -> bytes:
    """Return the list as a CSV file."""
    with io.StringIO(newline="") as text:
        writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(entry.as_dict() for entry in entries)
        return text.getvalue().encode()


def count_by_reason(entries: Iterable[SetAside]) -> dict[str, int]:
    """Return how many sales were set aside for each reason, the most frequent first."""
    return dict(Counter(entry.reason for entry in entries).most_common())
