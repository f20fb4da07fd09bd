import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import pytest

from estimator.errors import DataError
from estimator.market.csv_reader import MalformedRows
from estimator.market.excel import parse_excel
from estimator.market.tables import read_table, write_atomically

openpyxl = pytest.importorskip("openpyxl")


def workbook(path: Path, rows: Sequence[Sequence[object]]) -> Path:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.create_sheet("notes").append(["not", "read"])
    book.save(path)
    return path


def test_cells_become_the_text_that_a_csv_file_would_have(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "sales.xlsx",
        [
            ["price", "date", "new", "type", None],
            [450_000, dt.date(2015, 5, 27), True, " house "],
            [450_000.5, dt.datetime(2015, 5, 27, 10, 30), False, None],  # noqa: DTZ001
            [],
            ["=1+1", "27.05.2015", "N", "NA"],
        ],
    )
    table = read_table(path)
    assert table.to_pydict() == {
        "price": ["450000", "450000.5", "", ""],  # no program has calculated the formula
        "date": ["2015-05-27", "2015-05-27T10:30:00", "", "27.05.2015"],
        "new": ["true", "false", "", "N"],
        "type": [" house ", "", "", "NA"],
    }


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "the first row of the first sheet is empty"),
        ([["a", None, "b", None, "c"]], "two columns have no name in the header"),
        (
            [["Sales of 2015"], ["a", "b", "c"], [1, 2, 3]],
            "line 1, 'Sales of 2015', is not the header, because line 2 has far more filled cells; delete",
        ),
        ([["a", "a"]], "column 'a' appears more than once"),
        ([["a"], [1], [1, 2]], "row 3 has more cells than the header has names"),
    ],
)
def test_a_sheet_that_is_no_table_is_refused(tmp_path: Path, rows: list[list[object]], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_table(workbook(tmp_path / "sales.xlsx", rows))


def test_a_damaged_workbook_is_refused(tmp_path: Path) -> None:
    path = workbook(tmp_path / "sales.xlsx", [["a"], [1]])
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match=r"sales\.xlsx: this is not a complete Excel workbook"):
        read_table(path)
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))  # as [MS-CFB] 2.2 has it
    with pytest.raises(DataError, match=r"this is a workbook with a password, or an old one; save it as \.xlsx"):
        read_table(path)
    with pytest.raises(DataError, match="there is no such file"):
        read_table(tmp_path / "other.xlsx")


def test_no_workbook_is_written(tmp_path: Path) -> None:
    table = read_table(workbook(tmp_path / "sales.xlsx", [["a"], [1]]))
    with (
        pytest.raises(DataError, match=r"Excel files are read, not written; the name must end in \.csv"),
        write_atomically(tmp_path / "valued.xlsx", table.schema),
    ):
        pass


def test_a_workbook_in_memory_is_bounded(tmp_path: Path) -> None:
    content = workbook(tmp_path / "homes.xlsx", [["a", "b"], *[[row, None] for row in range(9)]]).read_bytes()
    whole = parse_excel(content, 9, 2, 10**6)
    assert whole.to_pydict() == {"a": [str(row) for row in range(9)], "b": [""] * 9}
    assert parse_excel(content, 5, 2, 10**6).num_rows == 6  # one more than allowed shows that there are more
    with pytest.raises(DataError, match="there are 2 columns; at most 1 are allowed"):
        parse_excel(content, 9, 1, 10**6)
    with pytest.raises(DataError, match=r"the workbook unpacks to \d+ bytes; the maximum is 100"):
        parse_excel(content, 9, 2, 100)
    with pytest.raises(DataError, match="not a complete Excel workbook"):
        parse_excel(content[:50], 9, 2, 10**6)


def test_a_row_with_cells_beyond_the_header_is_its_own_fault_and_a_column_may_lack_a_name(tmp_path: Path) -> None:
    malformed = MalformedRows()
    path = workbook(tmp_path / "sales.xlsx", [[None, "a"], [1, 2], [3, 4, None, "see below"], [5, 6]])
    table = read_table(path, malformed=malformed)
    assert table.to_pydict() == {"": ["1", "3", "5"], "a": ["2", "4", "6"]}
    assert malformed.messages == {1: "the row has 4 cells, the header 2"}
