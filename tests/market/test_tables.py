import csv
import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimator.errors import DataError
from estimator.market.csv_faults import BLOCK_BYTES
from estimator.market.csv_reader import CsvForm, MalformedRows
from estimator.market.tables import (
    READ_ROWS,
    csv_bytes,
    read_pieces,
    read_table,
    write_atomically,
)

SMALL = pa.table({"a": ["1"], "b": ["2"]})


@pytest.fixture
def csv_file(tmp_path: Path) -> Callable[..., Path]:
    def write(content: bytes, name: str = "homes.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b"a,b\n1,2\n", {"a": ["1"], "b": ["2"]}, id="plain"),
        pytest.param(b"a,b\n1,2", {"a": ["1"], "b": ["2"]}, id="no newline at the end"),
        pytest.param(b"a,b\r\n1,2\r\n", {"a": ["1"], "b": ["2"]}, id="CRLF"),
        pytest.param(b"a,b\r1,2\r", {"a": ["1"], "b": ["2"]}, id="CR"),
        pytest.param(b"\xef\xbb\xbfa,b\n1,2\n", {"a": ["1"], "b": ["2"]}, id="byte order mark"),
        pytest.param(b'a,b\n"x\ny","q ""z"""\n', {"a": ["x\ny"], "b": ['q "z"']}, id="quotes and newlines"),
        pytest.param(b'"a\nz",b\n1,2\n', {"a\nz": ["1"], "b": ["2"]}, id="newline in a name"),
        pytest.param(
            b'"a\nz";b;c;d\n1;2;3;4\n',
            {"a\nz": ["1"], "b": ["2"], "c": ["3"], "d": ["4"]},
            id="newline in a name, and semicolons",
        ),
        pytest.param(b"a,b\n , NA\n", {"a": [" "], "b": [" NA"]}, id="cells exactly as they stand"),
        pytest.param(b"a,b\n,null\n", {"a": [""], "b": ["null"]}, id="no cell is taken as missing"),
        pytest.param(b"a,b\n007,1e3\n", {"a": ["007"], "b": ["1e3"]}, id="no cell is taken as a number"),
        pytest.param(b"a,b\n", {"a": [], "b": []}, id="header alone"),
        pytest.param(b"a,b", {"a": [], "b": []}, id="header alone without a newline"),
        pytest.param(b"a,b\n1,2\n\n3,4\n", {"a": ["1", "", "3"], "b": ["2", "", "4"]}, id="blank line"),
        pytest.param(b"a\n1\n\n2\n", {"a": ["1", "", "2"]}, id="blank line of one column"),
    ],
)
def test_a_csv_file_is_read_as_unchanged_text(
    csv_file: Callable[..., Path], content: bytes, expected: dict[str, list[str]]
) -> None:
    assert read_table(csv_file(content)).to_pydict() == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"", "the file is empty", id="nothing"),
        pytest.param(b"\n", "the file is empty", id="a newline"),
        pytest.param(b"\na,b\n1,2\n", "the first line is blank", id="blank first line"),
        pytest.param(b" ,\n1,2\n", "the first line is blank", id="a first line of blanks"),
        pytest.param(b"a,b\n1,2\n3\n", "row 3 has 1 cell, the header 2", id="a cell too few"),
        pytest.param(b"a,b\n1,2,3\n", "row 2 has 3 cells, the header 2", id="a cell too many"),
        pytest.param(b"a,b\n1,2\n\n3,4,5\n", "row 4 has 3 cells", id="counted past a blank line"),
        pytest.param(b"a,b\n1,2\nUTF8,3,4\n", "row 3 has 3 cells", id="a row that speaks of UTF8"),
        pytest.param(
            b'a,b\n1,"2\n3"\n4,' + b"x" * 3 * BLOCK_BYTES,
            "row 3 is longer than 1,048,576 bytes, most of them in column 'b'; shorten",
            id="a very long row",
        ),
        pytest.param(
            b'a,b\n"1,2\n3,4\n', "line 2: a quote opens in this row and never closes", id="a quote that never ends"
        ),
        pytest.param(b'"a,b\n' + b"1,2\n" * 50_000, "header cannot be read", id="a name that never ends"),
        pytest.param(b"a,b,a\n1,2,3\n", "column 'a' appears more than once", id="two columns of one name"),
        pytest.param(b"a,b\n1,2\n\xe9,3\n", "line 3 is not UTF-8", id="latin-1"),
        pytest.param(b"\xe9,b\n1,2\n", "line 1 is not UTF-8", id="latin-1 in the header"),
        pytest.param(
            "a,b\n1,2\n".encode("utf-16"), "line 1 is not UTF-8 but UTF-16; save .* 'CSV UTF-8'", id="UTF-16"
        ),
        pytest.param(b"a,b\n\xed\xa0\x80,3\n", "line 2 is not UTF-8", id="half a surrogate pair"),
        pytest.param(
            gzip.compress(b"a,b\n1,2\n"), "packed by gzip; name it .csv.gz", id="packed, and not named so"
        ),
    ],
)
def test_a_csv_file_that_would_lose_data_is_refused_with_its_row(
    csv_file: Callable[..., Path], content: bytes, message: str
) -> None:
    path = csv_file(content)
    with pytest.raises(DataError, match=message) as error:
        read_table(path)
    assert str(error.value).startswith(f"{path}: ")


@pytest.mark.parametrize("tell", ["sep=;", '"sep=;"', "SEP=;"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_first_line_for_excel_tells_the_separator_and_is_not_the_header(
    csv_file: Callable[..., Path], tell: str, mark: str
) -> None:
    malformed = MalformedRows()
    path = csv_file(f"{mark}{tell}\r\na,b;c\r\n1,5;2\r\n3\r\n4;5\r\n".encode())
    assert read_table(path, malformed=malformed).to_pydict() == {"a,b": ["1,5", "3", "4"], "c": ["2", "", "5"]}
    assert malformed.messages == {1: "the row has 1 cell, the header 2"}
    assert read_table(csv_file(f"{mark}{tell}\na;b\n".encode())).column_names == ["a", "b"]


def test_a_header_that_begins_like_such_a_line_is_a_header(csv_file: Callable[..., Path]) -> None:
    assert read_table(csv_file(b"sep=a,b\n1,2\n")).to_pydict() == {"sep=a": ["1"], "b": ["2"]}


def test_cells_longer_than_pythons_module_takes_are_read(csv_file: Callable[..., Path]) -> None:
    long = "line\n" * 40_000
    malformed = MalformedRows()
    table = read_table(csv_file(f'a,b\n"{long}",1\n"{long}"\n2,3\n'.encode()), malformed=malformed)
    assert table.to_pydict() == {"a": [long, long, "2"], "b": ["1", "", "3"]}
    assert malformed.messages == {1: "the row has 1 cell, the header 2"}


@pytest.mark.parametrize("quote_in_row", [2, 50, 101])
@pytest.mark.parametrize("column", [0, 1])
@pytest.mark.parametrize("collect", [False, True])
def test_a_quote_that_never_closes_is_an_error_with_its_line(
    csv_file: Callable[..., Path], quote_in_row: int, column: int, *, collect: bool
) -> None:
    rows = [["1", "2"] for _ in range(100)]
    rows[quote_in_row - 2][column] = '"2'
    content = "a,b\n" + "".join(",".join(row) + "\n" for row in rows)
    with pytest.raises(DataError, match=f"line {quote_in_row}: a quote opens in this row and never closes"):
        read_table(csv_file(content.encode()), malformed=MalformedRows() if collect else None)


def test_a_quote_that_closes_in_a_later_row_is_found_too(csv_file: Callable[..., Path]) -> None:
    content = b'a,b\n"x\ny",2\n1,2" wide\n"3,4\n5,6\n7,"8"\n'
    with pytest.raises(DataError, match="line 5: a quote opens"):
        read_table(csv_file(content))


def test_a_quote_in_a_large_file_is_found(csv_file: Callable[..., Path]) -> None:
    rows = BLOCK_BYTES // 4 + 1000
    content = b"a,b\n" + b"1,2\n" * 10 + b'3,"4\n' + b"1,2\n" * rows
    with pytest.raises(DataError, match="line 12: a quote opens"):
        read_table(csv_file(content))


@pytest.mark.parametrize("separator", [";", "\t", "|", ","])
def test_the_separator_is_detected(csv_file: Callable[..., Path], separator: str) -> None:
    content = f"a{separator}b\n1{separator}2,5\n".replace(",", ",") if separator != "," else 'a,b\n1,"2,5"\n'
    assert read_table(csv_file(content.encode())).to_pydict() == {"a": ["1"], "b": ["2,5"]}


def test_the_separator_can_be_named(csv_file: Callable[..., Path]) -> None:
    path = csv_file(b"a,b;c,d;e,f\n1;2;3\n")
    assert read_table(path, CsvForm(separator=";")).to_pydict() == {"a,b": ["1"], "c,d": ["2"], "e,f": ["3"]}


@pytest.mark.parametrize("name", ["homes.tsv", "homes.TSV.gz", "homes.txt"])
def test_a_file_with_tabs_is_read_and_written(tmp_path: Path, name: str) -> None:
    with write_atomically(tmp_path / name, SMALL.schema) as writer:
        writer.write_table(SMALL)
    assert read_table(tmp_path / name).equals(SMALL)
    if name == "homes.tsv":
        assert (tmp_path / name).read_text() == "a\tb\n1\t2\n"


def test_a_short_and_a_long_row_stay_in_their_places_and_are_reported(csv_file: Callable[..., Path]) -> None:
    malformed = MalformedRows()
    table = read_table(csv_file(b'a,b\n1,2\n3\n\n4,5\n6,"7,7",8\n9,10\n11\n'), malformed=malformed)
    assert table.to_pydict() == {
        "a": ["1", "3", "", "4", "6", "9", "11"],
        "b": ["2", "", "", "5", "7,7", "10", ""],
    }
    assert malformed.messages == {
        1: "the row has 1 cell, the header 2",
        4: "the row has 3 cells, the header 2",
        6: "the row has 1 cell, the header 2",
    }


def test_separators_at_the_end_of_a_row_with_nothing_behind_them_are_no_fault(
    csv_file: Callable[..., Path],
) -> None:
    malformed = MalformedRows()
    table = read_table(csv_file(b"a,b\n1,2,\n3,4, ,\n5,6\n"), malformed=malformed)
    assert table.to_pydict() == {"a": ["1", "3", "5"], "b": ["2", "4", "6"]}
    assert malformed.messages == {}


def test_malformed_rows_keep_their_places_across_blocks(csv_file: Callable[..., Path]) -> None:
    n = 3 * BLOCK_BYTES // 1000
    lines = [f"{row}" if row % 1000 == 7 else f"{row},{'x' * 990}" for row in range(n)]
    malformed = MalformedRows()
    table = read_table(csv_file(("a,b\n" + "\n".join(lines) + "\n").encode()), malformed=malformed)
    assert table["a"].to_pylist() == [str(row) for row in range(n)]
    assert list(malformed.messages) == list(range(7, n, 1000))


def test_a_file_whose_rows_all_do_not_fit_is_read(csv_file: Callable[..., Path]) -> None:
    malformed = MalformedRows()
    assert read_table(csv_file(b"a,b\n1\n2\n"), malformed=malformed).to_pydict() == {
        "a": ["1", "2"],
        "b": ["", ""],
    }
    assert len(malformed.messages) == 2


def test_rows_are_counted_across_blocks(csv_file: Callable[..., Path]) -> None:
    row = b"x" * 999 + b",y\n"
    rows = BLOCK_BYTES // len(row) + 1_000
    with pytest.raises(DataError, match=f"row {rows + 2} has 1 cell, the header 2"):
        read_table(csv_file(b"a,b\n" + row * rows + b"short\n"))


def test_a_line_that_is_not_utf8_is_found_in_a_later_block(csv_file: Callable[..., Path]) -> None:
    rows = 2 * BLOCK_BYTES // 1_000
    content = b"a\n" + (b"x" * 999 + b"\n") * rows + b"\xff\n"
    with pytest.raises(DataError, match=f"line {rows + 2} is not UTF-8"):
        read_table(csv_file(content))


@pytest.mark.parametrize("name", ["homes.csv.gz", "HOMES.CSV.GZ"])
def test_a_gzip_file_is_read_like_a_plain_one(csv_file: Callable[..., Path], name: str) -> None:
    assert read_table(csv_file(gzip.compress(b"a,b\n1,2\n"), name)).to_pydict() == {"a": ["1"], "b": ["2"]}


@pytest.mark.parametrize("lost", [1, 4, 12, 500])
def test_a_truncated_gzip_file_is_refused(csv_file: Callable[..., Path], lost: int) -> None:
    lines = "\n".join(map(str, range(5_000)))
    content = gzip.compress(f"a\n{lines}\n".encode())
    with pytest.raises(DataError, match="the file is truncated"):
        read_table(csv_file(content[:-lost], "homes.csv.gz"))


def test_a_plain_file_with_the_name_of_a_gzip_file_is_refused(csv_file: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match=r"(?i)not a gzipped file"):
        read_table(csv_file(b"a,b\n1,2\n", "homes.csv.gz"))


def test_a_missing_file_a_folder_and_an_unknown_format_are_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(DataError, match="there is no such file"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(DataError, match=r"folder\.csv"):
        read_table(tmp_path / "folder.csv")
    with pytest.raises(DataError, match=r"must end in \.csv, .* or \.xlsx; save the sheet"):
        read_table(tmp_path / "homes.ods")


def test_parquet_keeps_its_types_and_is_read_in_pieces(tmp_path: Path) -> None:
    table = pa.table({"a": pa.array(range(READ_ROWS + 1), pa.int32()), "b": pa.nulls(READ_ROWS + 1)})
    pq.write_table(table, tmp_path / "homes.PARQUET")
    pieces = list(read_pieces(tmp_path / "homes.PARQUET"))
    assert [piece.num_rows for piece in pieces] == [READ_ROWS, 1]
    assert pa.concat_tables(pieces).equals(table)


@pytest.mark.parametrize("row_group", [10_000, 400_000])
def test_parquet_takes_the_same_memory_however_long_it_is(tmp_path: Path, row_group: int) -> None:
    path = tmp_path / "homes.parquet"
    table = pa.table({name: np.random.default_rng(0).random(400_000) for name in "abcd"})
    pq.write_table(table, path, row_group_size=row_group, use_dictionary=False)
    del table
    before, most = pa.total_allocated_bytes(), 0
    for _ in read_pieces(path):
        most = max(most, pa.total_allocated_bytes() - before)
    assert 0 < most < path.stat().st_size / 3


def test_parquet_without_rows_gives_its_columns(tmp_path: Path) -> None:
    pq.write_table(SMALL.slice(0, 0), tmp_path / "homes.parquet")
    assert read_table(tmp_path / "homes.parquet").to_pydict() == {"a": [], "b": []}


def test_parquet_with_duplicate_column_names_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"]), tmp_path / "homes.parquet")
    with pytest.raises(DataError, match="column 'a' appears more than once"):
        read_table(tmp_path / "homes.parquet")


@pytest.mark.parametrize("kept", [0, 3, 100, -1])
def test_truncated_parquet_is_refused(tmp_path: Path, kept: int) -> None:
    pq.write_table(SMALL, tmp_path / "homes.parquet")
    (tmp_path / "homes.parquet").write_bytes((tmp_path / "homes.parquet").read_bytes()[:kept])
    with pytest.raises(DataError, match="not a complete Parquet file"):
        read_table(tmp_path / "homes.parquet")


cells = st.text(st.characters(codec="utf-8"), max_size=20)


@given(st.lists(st.tuples(cells, cells, cells), max_size=5))
def test_a_written_csv_file_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]]
) -> None:
    """Three columns: of two, a first line with one comma may also be a title above cells between semicolons."""
    path = tmp_path_factory.mktemp("written") / "homes.csv"
    table = pa.table({name: pa.array([row[i] for row in rows], pa.string()) for i, name in enumerate("abc")})
    with write_atomically(path, table.schema) as writer:
        writer.write_table(table)
    assert read_table(path).to_pydict() == table.to_pydict()
    with path.open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [["a", "b", "c"], *map(list, rows)]


def test_a_csv_file_has_quotes_only_where_a_cell_needs_them(tmp_path: Path) -> None:
    table = pa.table({"a": ["x", "x,y"], "b": [1.5, None]})
    with write_atomically(tmp_path / "homes.csv", table.schema) as writer:
        writer.write_table(table)
    assert (tmp_path / "homes.csv").read_text() == 'a,b\nx,1.5\n"x,y",\n'


def test_numbers_are_written_as_python_writes_them(tmp_path: Path) -> None:
    numbers = [5.0, -0.0, 0.1, 123456.78, 1e6, 9_999_999_999.25, 1 / 3, None]
    large = [1e10, 12_345_678_901.5, 1e15, -1e22, 1.0, 2.5, 1e-3, None]
    columns = [pa.array(values, pa.float64()) for values in (numbers, large)]
    table = pa.table([*columns, pa.array(range(8)), pa.array([0.1] * 8, pa.float32())], names=["x", "y", "n", "f"])
    with write_atomically(tmp_path / "out.csv", table.schema) as writer:
        writer.write_table(table)
    rows = [line.split(",") for line in (tmp_path / "out.csv").read_text().splitlines()[1:]]
    for index, values in enumerate((numbers, large)):
        assert [cells[index] for cells in rows] == ["" if value is None else repr(value) for value in values]
    assert [cells[2] for cells in rows] == [str(row) for row in range(8)]
    assert {cells[3] for cells in rows} == {repr(float(np.float32(0.1)))}


@given(st.lists(st.floats(), min_size=1))
def test_written_numbers_are_read_back_exactly(numbers: list[float]) -> None:
    text = csv_bytes(pa.table({"x": numbers})).decode()
    assert np.array_equal([float(cell) for cell in text.split()[1:]], numbers, equal_nan=True)


@pytest.mark.parametrize("name", ["homes.csv", "homes.csv.gz", "homes.parquet"])
def test_pieces_are_written_one_after_another(tmp_path: Path, name: str) -> None:
    with write_atomically(tmp_path / name, SMALL.schema) as writer:
        writer.write_table(SMALL)
        writer.write_table(SMALL)
    assert read_table(tmp_path / name).to_pydict() == {"a": ["1", "1"], "b": ["2", "2"]}


@pytest.mark.parametrize("name", ["homes.csv", "homes.csv.gz", "homes.parquet"])
def test_a_failed_write_leaves_the_old_file_and_no_temporary_one(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"old")

    def write_and_fail() -> None:
        with write_atomically(tmp_path / name, SMALL.schema) as writer:
            writer.write_table(SMALL)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()
    assert (tmp_path / name).read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_target_that_cannot_become_a_file_is_refused_before_anything_is_computed(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    for name, message in (
        ("none/homes.csv", r"the folder .*none does not exist"),
        ("folder.csv", r"folder\.csv: a folder has this name"),
    ):
        with pytest.raises(DataError, match=message), write_atomically(tmp_path / name, SMALL.schema):
            raise AssertionError("nothing can be written there")
