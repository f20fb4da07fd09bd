"""Many faults of a file in a few lines: grouped by column and kind of fault, with counts and examples."""

from collections.abc import Callable, Sequence

from estimator.market.columns import Problem

MAX_GROUPS = 20
"""Groups of faults that are listed; the rest are counted, so that the first ones stay on the screen."""
MAX_EXAMPLES = 3
"""Examples of a group: enough to see whether the column or its cells are wrong."""


def format_faults(problems: Sequence[Problem], column_of: Callable[[str], str], first_row: int) -> str:
    """Return a line for each column and kind of fault, the most frequent first.

    Parameters
    ----------
    problems
        At least one.
    column_of
        Name of a field → its column in the file.
    first_row
        Number of the first row in messages.
    """
    groups: dict[tuple[str, str], list[Problem]] = {}
    for problem in sorted(problems, key=lambda problem: problem.row):
        groups.setdefault((problem.field, problem.fault), []).append(problem)
    ordered = sorted(groups.values(), key=len, reverse=True)
    lines = [_format_group(group, _column(group[0].field, column_of), first_row) for group in ordered[:MAX_GROUPS]]
    if len(ordered) > MAX_GROUPS:
        rest = sum(map(len, ordered[MAX_GROUPS:]))
        lines.append(f"  and {rest:,} more of {len(ordered) - MAX_GROUPS:,} other kinds")
    return "\n".join(lines)


def _format_group(group: list[Problem], column: str, first_row: int) -> str:
    """Return one fault with its row, or several of a kind with their number and examples."""
    first = group[0]
    if len(group) == 1:
        where = f", column {column}" if column else ""
        return f"  row {first.row + first_row}{where}: {first.message}"
    examples: dict[str, int] = {}
    for problem in group:
        examples.setdefault(problem.value, problem.row + first_row)
        if len(examples) == MAX_EXAMPLES:
            break
    if set(examples) == {""}:
        rows = ", ".join(str(problem.row + first_row) for problem in group[:MAX_EXAMPLES])
        shown = f"rows {rows}" + (", …" if len(group) > MAX_EXAMPLES else "")
    else:
        shown = "such as " + ", ".join(f"{value} in row {row}" for value, row in examples.items())
    where = f"column {column}: " if column else ""
    return f"  {where}{len(group):,} {'values' if column else 'rows'}: {first.fault}; {shown}"


def _column(field: str, column_of: Callable[[str], str]) -> str:
    column = column_of(field)
    return f"{column} ({field})" if column != field else column
