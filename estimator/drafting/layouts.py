"""Files without a header line: recognise them, and name their columns by position."""

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Layout:
    """A file format whose columns are known by position.

    Parameters
    ----------
    name
        Who publishes it.
    columns
        Names of the columns, in order.
    currency
        The currency of the prices.
    first_cell
        Regular expression that the first cell of each row matches.
    """

    name: str
    columns: tuple[str, ...]
    currency: str
    first_cell: str


LAYOUTS = (
    Layout(
        name="HM Land Registry, Price Paid Data",
        columns=(
            *("transaction_id", "price", "date_of_transfer", "postcode", "property_type", "old_new", "duration"),
            *("paon", "saon", "street", "locality", "town_city", "district", "county"),
            *("ppd_category_type", "record_status"),
        ),
        currency="GBP",
        first_cell=r"\{?[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\}?",
    ),
)

_VALUE = r"[^\w]{0,3}[0-9][0-9.,:/ T-]*"
"""A number or a date, which a header hardly contains."""
_MIN_VALUES = 0.3
"""A first line with more than this share of numbers and dates among its cells is no header."""


def known_layout(first_line: Sequence[str]) -> Layout | None:
    """Return the known format of which a line is a row, or None."""
    for layout in LAYOUTS:
        if len(first_line) == len(layout.columns) and re.fullmatch(layout.first_cell, first_line[0].strip()):
            return layout
    return None


def is_header(first_line: Sequence[str]) -> bool:
    """Whether the first line of a file names columns rather than being a row of values."""
    values = sum(re.fullmatch(_VALUE, cell.strip()) is not None for cell in first_line)
    return values <= _MIN_VALUES * len(first_line)


def numbered_columns(count: int) -> tuple[str, ...]:
    """Return names for columns that are known by their position alone."""
    return tuple(f"column_{number}" for number in range(1, count + 1))
