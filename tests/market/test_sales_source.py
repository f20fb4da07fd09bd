import gzip
import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from estimator.errors import DataError, MarketError
from estimator.market.market import Market
from estimator.market.sales_file import parse_sales, read_sales, read_validated_sales
from estimator.market.sales_source import SalesSource
from estimator.market.tables import READ_ROWS
from estimator.market.validation.overrides import Override
from estimator.market.validation.reasons import COPY

FACTS = [{"name": "size", "kind": "number", "required": True}, {"name": "type", "kind": "category"}]
HEADER = "size,type,price\n"


def market(sales: object = "sales.csv", **keys: object) -> Market:
    return Market.from_dict(
        {"name": "town", "currency": "USD", "sales": sales, "price": "price", "features": FACTS, **keys}
    )


def write(folder: Path, name: str, rows: str, header: str = HEADER) -> Path:
    path = folder / name
    path.write_bytes(gzip.compress((header + rows).encode()) if name.endswith(".gz") else (header + rows).encode())
    return path


def test_several_files_and_patterns_are_read_in_their_order(tmp_path: Path) -> None:
    write(tmp_path, "sales_2016.csv.gz", "3,flat,30\n")
    write(tmp_path, "sales_2015.csv", "2,flat,20\n")
    write(tmp_path, "more.csv", "flat,10,1\n", header="type,price,size\n")
    declared = market(["more.csv", "sales_*"])
    sales = read_sales(declared, SalesSource.of_market(declared, tmp_path))
    assert sales.facts["size"].tolist() == [1, 2, 3]
    assert sales.price.tolist() == [10, 20, 30]


def test_a_row_of_several_files_is_named_with_its_file(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", "1,flat,10\n2,flat,20\n")
    write(tmp_path, "b.csv", "3,flat,30\n?,flat,40\n5,flat,50\n")
    declared = market(["a.csv", "b.csv"], max_unreadable_share=1)
    source = SalesSource.of_market(declared, tmp_path)
    validated = read_validated_sales(declared, source)
    assert list(map(str, validated.set_aside)) == ["row 3 of b.csv, size ?: is required"]
    assert validated.row.tolist() == [2, 3, 2, 4]
    with pytest.raises(DataError, match=r"row 3 of b\.csv, column size: is required"):
        read_validated_sales(declared, source, strict=True)
    drop = Override("drop", "", 2, "", "b.csv")
    dropped = read_validated_sales(declared, source, None, [drop])
    assert dropped.sales.price.tolist() == [10, 20, 50]
    for override, message in (
        (
            Override("drop", "", 2, ""),
            r"'drop row 2': the sales are in several files; add a column file with one of a\.csv, b",
        ),
        (Override("drop", "", 2, "", "c.csv"), r"'drop row 2 of c\.csv': there is no file c\.csv"),
        (Override("drop", "", 4, "", "a.csv"), r"'drop row 4 of a\.csv': a\.csv, b\.csv has no such sale"),
    ):
        with pytest.raises(DataError, match=message):
            read_validated_sales(declared, source, None, [override])


def test_files_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    for year in ("2015", "2016"):
        (tmp_path / year).mkdir()
        write(tmp_path / year, "sales.csv", "1,flat,10\n?,flat,20\n")
    declared = market(["2015/sales.csv", "2016/sales.csv"], max_unreadable_share=1)
    validated = read_validated_sales(declared, SalesSource.of_market(declared, tmp_path))
    assert [entry.file for entry in validated.set_aside] == [
        str(tmp_path / year / "sales.csv") for year in ("2015", "2016")
    ]


def test_a_pattern_that_names_no_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file has such a name"):
        SalesSource.of_market(market("sales_*.csv"), tmp_path)


def test_files_may_write_the_names_of_their_columns_in_other_case(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", "1,flat,10\n")
    write(tmp_path, "b.csv", "20,2,house\n", header="PRICE,Size,TYPE\n")
    declared = market(["a.csv", "b.csv"])
    sales = read_sales(declared, SalesSource.of_market(declared, tmp_path))
    assert sales.price.tolist() == [10, 20]
    assert sales.facts["type"].tolist() == ["flat", "house"]


def test_a_fact_that_a_file_lacks_is_unknown_in_its_sales(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", "1,10\n", header="size,price\n")
    write(tmp_path, "b.csv", "2,?,flat,20\n", header="size,typ,type,price\n")
    write(tmp_path, "c.csv", "house,3,30\n", header="TYPE,size,price\n")
    pq.write_table(pa.table({"size": ["4"], "price": ["40"]}), tmp_path / "d.parquet")
    declared = market(["*.csv", "*.parquet"])
    validated = read_validated_sales(declared, SalesSource.of_market(declared, tmp_path))
    assert validated.sales.price.tolist() == [10, 20, 30, 40]
    assert validated.sales.facts["type"].tolist() == ["", "flat", "house", ""]
    assert (validated.set_aside, validated.lacking) == ((), ("type (a.csv, d.parquet)",))
    assert validated.unread == ("typ",)


@pytest.mark.parametrize(
    ("header", "where", "message"),
    [
        ("size,type\n", None, r"b\.csv: column 'price' is missing\n .*the file has size, type; correct"),
        ("price,type\n", None, r"b\.csv: column 'size' \(size\) is missing; it is required"),
        ("price,size\n", "type == 'flat'", r"b\.csv: column 'type' is missing; where = type == 'flat' needs it"),
    ],
)
def test_a_file_that_lacks_a_needed_column_is_named(
    tmp_path: Path, header: str, where: str | None, message: str
) -> None:
    write(tmp_path, "a.csv", "1,flat,10\n")
    write(tmp_path, "b.csv", "1,2\n", header=header)
    declared = market(["a.csv", "b.csv"], **({} if where is None else {"where": where}))
    with pytest.raises(DataError, match=message):
        read_sales(declared, SalesSource.of_market(declared, tmp_path))


def test_only_columns_that_are_read_keep_values_and_all_columns_tell_copies(tmp_path: Path) -> None:
    n, path = READ_ROWS + 100, tmp_path / "sales.parquet"
    size = np.arange(1.0, n + 1)
    size[-20:-10] = size[:10]  # in the second piece: copies of rows of the first one
    size[-10:] = size[10:20]  # the same, but for a column that nothing is read from
    unit = [[7]] * (n - 10) + [[8]] * 10
    columns = {"Size": pa.array(size), "note": unit, "price": 1000 * size.astype(int), "type": ["flat"] * n}
    pq.write_table(pa.table({**columns, "id": [f" {row} " for row in range(n - 20)] + [""] * 20}), path)
    filtered = market("sales.parquet", where="id is missing or Size > 0")
    assert pa.types.is_string(parse_sales(filtered, path).table.schema.field("id").type)
    declared = market("sales.parquet", max_unreadable_share=1)
    parsed = parse_sales(declared, path)
    assert pa.types.is_null(parsed.table.schema.field("note").type)
    assert parsed.unread == ("note", "id")
    assert not read_validated_sales(declared, path).set_aside
    pq.write_table(pa.table({**columns, "id": [""] * n}), path)
    copies = read_validated_sales(declared, path).set_aside
    assert [entry.row for entry in copies] == list(range(n - 19, n - 9))
    assert {entry.reason for entry in copies} == {COPY}


def test_identifiers_number_the_homes_in_the_order_of_the_file(tmp_path: Path) -> None:
    path, ids = tmp_path / "sales.parquet", ["b", " b ", "aé", "", None, "a"]
    table = {"size": [1.0] * 6, "type": ["x"] * 6, "price": [1.0, 2, 3, 4, 5, 6], "id": ids}
    pq.write_table(pa.table(table), path)
    sales = parse_sales(market("sales.parquet", sale_id="id"), path).sales
    assert sales.home.tolist() == [0, 0, 1, -1, -1, 2]
    assert sales.sale_id is not None
    assert sales.sale_id.tolist() == ["b", "b", "aé", "", "", "a"]


def test_a_file_without_a_header_line_has_the_declared_columns(tmp_path: Path) -> None:
    path = write(tmp_path, "sales.csv", "1,flat,10\n2,house,x\n", header="")
    declared = market(columns=["size", "type", "price"], max_unreadable_share=1)
    validated = read_validated_sales(declared, path)
    assert validated.sales.facts["type"].tolist() == ["flat"]
    assert [entry.row for entry in validated.set_aside] == [2]
    with pytest.raises(DataError, match="the first line has 3 cells; the market names 2 columns"):
        read_sales(market(columns=["size", "price"]), path)


def test_the_hash_is_that_of_all_bytes(tmp_path: Path) -> None:
    paths = [write(tmp_path, name, f"{name},flat,10\n") for name in ("a.csv", "b.csv")]
    expected = hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()
    assert SalesSource(tuple(paths)).sha256() == expected


def test_the_market_is_about_the_rows_that_meet_its_condition(tmp_path: Path) -> None:
    path = write(tmp_path, "sales.csv", "1,flat,10\n?,plot,x\n2,house,20\n3,house,30\n4,house,\n")
    validated = read_validated_sales(market(where="type == 'house'", max_unreadable_share=1), path)
    assert validated.sales.price.tolist() == [20, 30]
    assert validated.row.tolist() == [4, 5], "rows as in the file"
    assert ([entry.row for entry in validated.set_aside], validated.n_rows) == ([6], 3)
    with pytest.raises(DataError, match="no sale meets the market's condition"):
        read_sales(market(where="type == 'castle'"), path)


def test_columns_in_another_unit_are_converted(tmp_path: Path) -> None:
    size = {"name": "size", "column": "sqm", "kind": "number", "unit": "ft²", "column_unit": "m²", "maximum": 2000}
    declared = market(features=[{**size, "required": True}], max_unreadable_share=1)
    path = write(tmp_path, "sales.csv", "100,1\n300,1\nx,1\n", header="sqm,price\n")
    validated = read_validated_sales(declared, path)
    np.testing.assert_allclose(validated.sales.facts["size"], [1076.391], rtol=1e-6)
    assert [entry.row for entry in validated.set_aside] == [3, 4]
    same = write(tmp_path, "same.csv", "100,1\n", header="size,price\n")
    assert read_sales(declared, same).facts["size"].tolist() == [100], "under its own name a fact is in its unit"


@pytest.mark.slow  # pyproj is installed for slow tests alone
def test_projected_coordinates_become_degrees(tmp_path: Path) -> None:
    pytest.importorskip("pyproj")
    places = [
        {
            "name": "latitude",
            "column": "northing",
            "kind": "latitude",
            "column_unit": "EPSG:27700",
            "required": True,
        },
        {"name": "longitude", "column": "easting", "kind": "longitude", "column_unit": "EPSG:27700"},
    ]
    # The Ordnance Survey's worked example: Caister water tower, 52°39′28.72″ N 1°42′57.79″ E in its newer datum.
    path = write(tmp_path, "sales.csv", "313177.270,651409.903,1\n,,2\n", header="northing,easting,price\n")
    sales = read_validated_sales(market(features=places, max_unreadable_share=1), path).sales
    assert sales.facts["latitude"][0] == pytest.approx(52 + 39 / 60 + 28.72 / 3600, abs=1e-4)
    assert sales.facts["longitude"][0] == pytest.approx(1 + 42 / 60 + 57.79 / 3600, abs=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"column": "size"}, "column_unit needs a column with another name"),
        ({"column": "Size"}, "column_unit needs a column with another name"),
        ({"unit": "°"}, "'m²' cannot be converted into '°'"),
        ({"kind": "integer"}, "its kind does not allow a column_unit"),
        ({"kind": "latitude", "unit": ""}, "column_unit 'm²' is no EPSG code"),
    ],
)
def test_a_unit_that_cannot_be_converted_is_refused(change: dict[str, str], message: str) -> None:
    size = {"name": "size", "column": "sqm", "kind": "number", "unit": "ft²", "column_unit": "m²"} | change
    with pytest.raises(MarketError, match=message):
        market(features=[size])


def test_a_request_cannot_give_a_fact_in_the_unit_of_its_column() -> None:
    size = {
        "name": "size",
        "column": "sqm",
        "kind": "number",
        "unit": "ft²",
        "column_unit": "m²",
        "aliases": ["area"],
    }
    assert set(market(features=[size]).request_names) == {"size", "area"}
    assert set(market(features=[{**size, "column_unit": ""}]).request_names) == {"size", "sqm", "area"}
