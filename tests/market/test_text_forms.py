"""A file of homes is read as people write it, whichever way it comes in."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from estimator.errors import DataError
from estimator.market.homes_file import DETECTION_ROWS, PIECE_ROWS, HomesTable, parse_homes, read_homes
from estimator.market.market import Market

DECLARED = {
    "name": "town",
    "currency": "USD",
    "sales": "sales.csv",
    "price": "price",
    "sale_date": "sold",
    "ignore": ["remarks"],
    "features": [
        {"name": "size", "kind": "number", "column": "sq_ft", "unit": "ft²", "required": True},
        {"name": "baths", "kind": "number"},
        {"name": "rooms", "kind": "integer"},
        {"name": "garden", "kind": "boolean"},
        {"name": "style", "kind": "category"},
        {"name": "zip", "kind": "postal_code"},
        {"name": "listed", "kind": "date"},
    ],
}
MARKET = Market.from_dict(DECLARED)


def parse(text: str, **declared: object) -> HomesTable:
    market = Market.from_dict(DECLARED | declared) if declared else MARKET
    return parse_homes(market, market.features, text.encode(), 100)


def cell(column: str, text: str, **declared: object) -> object:
    """Return what one cell is read as, or the problem with it."""
    quoted = '"' + text.replace('"', '""') + '"'
    homes = parse(f"size,{column}\n1000,{quoted}\n" if column != "size" else f"size\n{quoted}\n", **declared)
    facts, dates, problems = homes.check()
    if problems:
        return str(problems[0])
    return str(dates[0]) if column == "sold" else facts[column][0]


@pytest.mark.parametrize(
    ("column", "text", "value"),
    [
        ("size", "1,180", 1180.0),
        ("size", "2,000 sq ft", 2000.0),
        ("size", "$2,000", 2000.0),
        ("baths", ".75", 0.75),
        ("baths", "+2.", 2.0),
        ("rooms", "3.0", 3.0),
        ("garden", "T", 1.0),
        ("garden", "N", 0.0),
        ("garden", "FALSE", 0.0),
        ("style", " Ranch ", "Ranch"),
        ("zip", "98178-1234", "98178"),
        ("zip", "98178.0", "98178"),
        ("zip", "981781234", "98178"),
        ("zip", '="98178"', "98178"),
        ("size", "'2000", 2000.0),
        ("listed", "14.03.2015", 16508.0),
        ("sold", "14.03.2015", "2015-03-14"),
        ("sold", "20150314T000000", "2015-03-14"),
        ("sold", "2015-03-14 00:00:00", "2015-03-14"),
        (
            "sold",
            "42077",
            "sold: '42077' (2015-03-14) is a day as Excel counts them; save the column as dates like",
        ),
        (
            "sold",
            "3/4/2015",
            "sold: '3/4/2015' is a date whose month is in doubt; declare date_format in market.toml",
        ),
        ("size", "2,000 m²", "size: '2,000 m²' is a number with words behind it that are not the unit"),
        ("size", "1056 - 1200", "size: '1056 - 1200' is a range, not a number; write one number"),
        ("size", "big", "size: 'big' is not a number"),
    ],
)
def test_a_cell_is_read_as_people_write_it(column: str, text: str, value: object) -> None:
    found = cell(column, text)
    assert found == value or (isinstance(value, str) and str(found).startswith(value))


@pytest.mark.parametrize("word", ["NA", "NaN", "NULL", "None", "n/a", "-", "?", "", "#N/A"])
@pytest.mark.parametrize("column", ["baths", "rooms", "garden", "style", "zip", "listed", "sold"])
def test_a_word_for_missing_is_an_unknown_fact_of_every_kind(column: str, word: str) -> None:
    found = cell(column, word)
    assert found in ("", "NaT") or np.isnan(float(str(found)))


def test_what_a_market_declares_is_used() -> None:
    assert np.isnan(float(str(cell("rooms", "-1", missing=["-1"]))))
    assert cell("sold", "3/4/2015", date_format="%d/%m/%Y") == "2015-04-03"
    assert cell("size", "1.180", decimal_comma=True) == 1180.0


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_a_decimal_comma_is_found_where_the_file_proves_it(separator: str) -> None:
    facts, _, problems = parse("size;baths\n1.180;2,5\n900;1\n".replace(";", separator)).check()
    assert problems == []
    assert facts["size"].tolist() == [1180.0, 900.0]
    assert facts["baths"].tolist() == [2.5, 1.0]


@pytest.mark.parametrize("header", ["SIZE,Style", "Sq Ft,STYLE", "sqft, style ", "Sq_Ft,sty_le"])
def test_columns_are_found_without_regard_to_case_blanks_and_underscores(header: str) -> None:
    homes = parse(f"{header}\n1000,Ranch\n")
    facts, _, problems = homes.check()
    assert (problems, facts["size"].tolist(), facts["style"].tolist()) == ([], [1000.0], ["Ranch"])
    assert homes.table.column_names == header.split(","), "the answer has the columns as they came"
    assert homes.notes == ()


def test_two_columns_of_one_fact_are_refused() -> None:
    with pytest.raises(DataError, match="'size' and 'Size' both stand for size"):
        parse("size,Size\n1,2\n")


def test_a_column_that_resembles_a_fact_and_is_not_read_is_named() -> None:
    assert parse("size,stile,remark,owner\n1000,x,y,z\n").notes == (
        "column stile is not read; did you mean style?",
    )


def test_a_column_that_resembles_the_date_is_named_too() -> None:
    assert parse("size,solde\n1000,2015-01-01\n").notes == ("column solde is not read; did you mean sold?",)


def test_a_row_that_does_not_fit_the_header_is_its_own_error() -> None:
    _, _, problems = parse("size,rooms\n1000,3\n900\n800,2,7\n700,1\n").check()
    assert [(problem.row, str(problem)) for problem in problems] == [
        (1, "the row has 1 cell, the header 2"),
        (2, "the row has 3 cells, the header 2"),
    ]


def test_the_first_rows_decide_the_form_of_a_date_and_a_later_row_is_an_error(tmp_path: Path) -> None:
    row = "1000,{},{}\n"
    n = max(2 * PIECE_ROWS, DETECTION_ROWS)
    lines = [row.format("13/04/2015", "x" * 80) for _ in range(n)] + [row.format("04/13/2015", "")]
    (tmp_path / "homes.csv").write_text("size,sold,remarks\n" + "".join(lines))
    pieces = list(read_homes(MARKET, MARKET.features, tmp_path / "homes.csv"))
    assert len(pieces) > 1
    problems = [problem for piece in pieces for problem in piece.check()[2]]
    assert len(problems) == 1
    assert "'04/13/2015' is a date with the month first, but" in str(problems[0])


def test_parquet_keeps_its_values_and_shares_the_names_of_columns(tmp_path: Path) -> None:
    table = pa.table({"Size": [1000.0], "Style": ["None"], "ZIP": ["98178-1234"], "baths": ["1,5"]})
    pq.write_table(table, tmp_path / "homes.parquet")
    (homes,) = read_homes(MARKET, MARKET.features, tmp_path / "homes.parquet")
    facts, _, problems = homes.check()
    assert (facts["size"][0], facts["style"][0], facts["zip"][0]) == (1000.0, "None", "98178")
    assert [str(problem) for problem in problems] == ["baths: '1,5' is not a number"]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("date_format", "dd.mm.yyyy", "must name day, month and year"),
        ("separator", "#", "must be one of"),
        ("missing", [1], "must be a list of names"),
        ("decimal_comma", 1, "must be true or false"),
        ("max_unreadable_share", 10, "must be a share from 0 to 1"),
    ],
)
def test_a_declaration_that_cannot_be_is_refused(key: str, value: object, message: str) -> None:
    with pytest.raises(Exception, match=message):
        Market.from_dict(DECLARED | {key: value})
