from pathlib import Path

import pytest

from estimator.drafting.sources import market_name, read_source
from estimator.errors import DataError


def test_rows_that_do_not_fit_the_header_give_no_draft(tmp_path: Path) -> None:
    # A carriage return in a cell without quotes, as one export of Perth's sales has it, ends the row.
    rows = "".join(f"{100_000 + row},1{row % 9}-2016\r,{50 + row}\n" for row in range(60))
    (tmp_path / "perth.csv").write_bytes(f"PRICE,DATE_SOLD,FLOOR_AREA\n{rows}".encode())
    with pytest.raises(
        DataError, match="120 rows of 120 do not fit the header; row 2: the row has 2 cells, the header 3"
    ):
        read_source([tmp_path / "perth.csv"])


def test_a_few_rows_that_do_not_fit_are_left_to_the_check(tmp_path: Path) -> None:
    rows = "".join(f"{100_000 + row},{50 + row}\n" for row in range(60))
    (tmp_path / "sold.csv").write_text(f"price,sqft\n{rows}1,2,3\n")
    assert read_source([tmp_path / "sold.csv"]).rows == 61


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("seoul/아파트매매.csv", "seoul"),
        ("seoul/sales.csv", "seoul"),
        ("seoul/all 2020.csv.gz", "all_2020"),
        ("서울/아파트매매.csv", "market"),
    ],
)
def test_a_market_has_the_name_of_its_file_or_its_folder(tmp_path: Path, file: str, name: str) -> None:
    assert market_name(tmp_path / file) == name
