"""Faults are told by column and kind, with counts and examples."""

from estimator.market.columns import Problem
from estimator.market.fault_groups import MAX_GROUPS, FaultGroups


def unreadable(row: int, field: str, value: str) -> Problem:
    return Problem(row, field, f"'{value}' is not a number", f"'{value}'")


def test_many_faults_of_a_kind_are_one_line_with_three_examples() -> None:
    groups = FaultGroups()
    groups.add([unreadable(row, "grade", f"{row} Good") for row in range(40)], 2)
    groups.add([unreadable(row, "grade", "Fair") for row in range(2)], 42)
    assert groups.text() == (
        "  column grade: 42 values: not a number; such as '0 Good' in row 2, '1 Good' in row 3, '2 Good' in row 4"
    )


def test_copies_of_different_rows_are_faults_of_one_kind() -> None:
    groups = FaultGroups()
    groups.add([Problem(row, "id", f"'{row}' is already used in row {row}", f"'{row}'") for row in (0, 1)], 2)
    groups.add([Problem(row, "price", f"the same listing is already in row {row}") for row in (7, 8)], 2)
    assert groups.text().splitlines() == [
        "  column id: 2 values: already used in another row; such as '0' in row 2, '1' in row 3",
        "  column price: 2 values: the same listing is already in another row; rows 9, 10",
    ]


def test_kinds_are_sorted_by_their_number_and_a_single_fault_has_its_row() -> None:
    groups = FaultGroups()
    groups.add(
        [
            Problem(5, "size", "is required", kind="missing"),
            unreadable(7, "rooms", "x"),
            Problem(9, "size", "is required", kind="missing"),
            Problem(3, "", "the row has 2 cells, the header 3"),
        ],
        2,
    )
    assert groups.text({"size": "m2", "rooms": "rooms", "": ""}.__getitem__).splitlines() == [
        "  column m2 (size): 2 values: is required; rows 7, 11",
        "  row 5: the row has 2 cells, the header 3",
        "  row 9, column rooms: 'x' is not a number",
    ]


def test_only_the_most_frequent_kinds_are_listed() -> None:
    groups = FaultGroups()
    for number in range(MAX_GROUPS + 3):
        groups.add([unreadable(row, f"fact {number}", "x") for row in range(50 - number)], 1)
    lines = groups.text().splitlines()
    assert len(lines) == MAX_GROUPS + 1
    assert lines[0].startswith("  column fact 0: 50 values")
    assert lines[-1] == "  and 87 more of 3 other kinds"


def test_no_fault_is_no_text() -> None:
    assert FaultGroups().text() == ""
