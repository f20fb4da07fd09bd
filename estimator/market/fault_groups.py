"""Many faults of a file in a few lines: grouped by column and kind of fault, with counts and examples."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from estimator.market.columns import Problem

MAX_GROUPS = 20
"""Groups of faults that are listed; the rest are counted, so that the first ones stay on the screen."""
MAX_EXAMPLES = 3
"""Examples of a group: enough to see whether the column or its cells are wrong."""


@dataclass
class _Group:
    """Faults of one kind in one column: their number, the first one, and values with the rows that they are in."""

    first: Problem
    first_row: str
    count: int = 0
    examples: dict[str, str] = field(default_factory=dict)
    rows: list[str] = field(default_factory=list)

    def add(self, problem: Problem, row: str) -> None:
        self.count += 1
        if len(self.examples) < MAX_EXAMPLES:
            self.examples.setdefault(problem.value, row)
        if len(self.rows) < MAX_EXAMPLES:
            self.rows.append(row)


class FaultGroups:
    """Collects the faults of a file, piece by piece, in little memory."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, str], _Group] = {}

    def add(self, problems: Sequence[Problem], first_row: int) -> None:
        """Add the problems of a piece of a file, whose first row has the given number in messages."""
        self.add_at(problems, lambda row: str(row + first_row))

    def add_at(self, problems: Sequence[Problem], place: Callable[[int], str]) -> None:
        """Add problems of a file, or of several; `place` names the place of a row in messages."""
        for problem in sorted(problems, key=lambda problem: problem.row):
            row = place(problem.row)
            key = (problem.field, problem.fault)
            self._groups.setdefault(key, _Group(problem, row)).add(problem, row)

    def merge(self, other: "FaultGroups", file: str) -> None:
        """Add the faults of one of several files."""
        for key, group in other._groups.items():
            place = f"{group.first_row} of {file}"
            into = self._groups.setdefault(key, _Group(group.first, place))
            into.count += group.count
            for value, row in group.examples.items():
                if len(into.examples) < MAX_EXAMPLES:
                    into.examples.setdefault(value, f"{row} of {file}")
            into.rows += [f"{row} of {file}" for row in group.rows[: MAX_EXAMPLES - len(into.rows)]]

    def text(self, column_of: Callable[[str], str] = str) -> str:
        """Return a line for each column and kind of fault, the most frequent first; '' if there are none.

        Parameters
        ----------
        column_of
            Name of a field → its column in the file.
        """
        ordered = sorted(self._groups.values(), key=lambda group: group.count, reverse=True)
        lines = [_line(group, column_of) for group in ordered[:MAX_GROUPS]]
        if len(ordered) > MAX_GROUPS:
            rest = sum(group.count for group in ordered[MAX_GROUPS:])
            lines.append(f"  and {rest:,} more of {len(ordered) - MAX_GROUPS:,} other kinds")
        return "\n".join(lines)


def format_faults(
    problems: Sequence[Problem], column_of: Callable[[str], str], place: Callable[[int], str]
) -> str:
    """Return a line for each column and kind of some faults, as `FaultGroups` writes them."""
    groups = FaultGroups()
    groups.add_at(problems, place)
    return groups.text(column_of)


def _line(group: _Group, column_of: Callable[[str], str]) -> str:
    """Return one fault with its row, or several of a kind with their number and examples."""
    first = group.first
    shown = column_of(first.field)
    column = f"{shown} ({first.field})" if shown != first.field else shown
    if group.count == 1:
        where = f", column {column}" if column else ""
        return f"  row {group.first_row}{where}: {first.message}"
    if set(group.examples) == {""}:
        more = ", …" if group.count > MAX_EXAMPLES else ""
        examples = f"rows {', '.join(group.rows)}{more}"
    else:
        examples = "such as " + ", ".join(f"{value} in row {row}" for value, row in group.examples.items())
    start = f"column {column}: {group.count:,} values" if column else f"{group.count:,} rows"
    return f"  {start}: {first.fault}; {examples}"
