"""The user's override file: sales to keep although a rule sets them aside, and sales to drop.

A CSV file with the columns `action` (`keep` or `drop`), `id` or `row`, and `note`; with `row` also `file`, if the
sales are in several files.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

from estimator.errors import DataError
from estimator.market.arrays import LabelArray
from estimator.market.cells import python_values
from estimator.market.file_rows import FileRows, place
from estimator.market.tables import first_row, read_table
from estimator.market.text.names import plain_name

Action = Literal["keep", "drop"]


@dataclass(frozen=True, slots=True)
class Override:
    """What the user decided about the sales of one home, or about one row of the file.

    Parameters
    ----------
    action
        Whether the sales are used.
    id
        Identifier of the home; empty if the row is given.
    row
        Row of the sales file, as a spreadsheet shows it; None if the home is given.
    note
        Why.
    file
        The file of the row; empty if the sales are in one file.
    """

    action: Action
    id: str
    row: int | None
    note: str
    file: str = ""

    def as_dict(self) -> dict[str, str | int | None]:
        """Return the override as plain values."""
        return asdict(self)

    def __str__(self) -> str:
        which = f"row {place(self.row, self.file)}" if self.row is not None else f"id {self.id}"
        return f"{self.action} {which}"


def read_overrides(path: Path) -> tuple[Override, ...]:
    """Read an override file.

    Raises
    ------
    DataError
        It cannot be read, lacks a column, or a line of it is neither `keep` nor `drop`, or names no sale.
    """
    table = read_table(path)
    columns = {plain_name(name): python_values(table.column(name)) for name in table.column_names}
    if "action" not in columns or not {"id", "row"} & set(columns):
        raise DataError(f"{path}: the columns must be action, id or row, and note")
    overrides = []
    for index in range(table.num_rows):
        line = {name: str(cells[index] or "").strip() for name, cells in columns.items()}
        if any(line.values()):
            overrides.append(_parse(line, f"{path}: row {index + first_row(path)}"))
    return tuple(overrides)


def _parse(line: Mapping[str, str], where: str) -> Override:
    action, row, identifier = line["action"].lower(), line.get("row", ""), line.get("id", "")
    if action not in get_args(Action):
        raise DataError(f"{where}: action '{line['action']}' is not one of {', '.join(get_args(Action))}")
    if bool(row) == bool(identifier):
        raise DataError(f"{where}: give either the id of a home or the row of a sale")
    if row and not row.isdecimal():
        raise DataError(f"{where}: row '{row}' is not a number of a row")
    note, file = line.get("note", ""), line.get("file", "")
    return Override(cast("Action", action), identifier, int(row) if row else None, note, file)


def apply_overrides(
    overrides: Sequence[Override], n: int, sale_id: LabelArray | None, rows: FileRows
) -> tuple[dict[int, Override], dict[int, Override]]:
    """Return which of n rows of the sales files are kept and which are dropped, each with its override.

    Of two overrides of one row the later one counts. The sales of a home are all its rows.

    Raises
    ------
    DataError
        An override names a row or a home that the files do not have.
    """
    decided: dict[int, Override] = {}
    for override in overrides:
        try:
            found = _rows(override, n, sale_id, rows)
        except ValueError as error:
            raise DataError(f"override '{override}': {error}") from error
        if not len(found):
            raise DataError(f"override '{override}': {', '.join(rows.names)} has no such sale")
        decided |= dict.fromkeys(found.tolist(), override)
    kept = {row: override for row, override in decided.items() if override.action == "keep"}
    return kept, {row: override for row, override in decided.items() if override.action == "drop"}


def _rows(override: Override, n: int, sale_id: LabelArray | None, rows: FileRows) -> NDArray[np.intp]:
    if override.row is not None:
        row = rows.find(override.row, override.file)
        return np.array([row] if 0 <= row < n else [], np.intp)
    return np.empty(0, np.intp) if sale_id is None else np.flatnonzero(sale_id == override.id)
