"""Sales that are wrong or look so are set aside with the right reason, and no others."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from estimator.errors import DataError
from estimator.market.market import Market
from estimator.market.sales_file import read_validated_sales
from estimator.market.validation import reasons as why
from estimator.market.validation.reasons import SEVERITIES, count_by_reason, set_aside_csv
from estimator.market.validation.validate import ValidatedSales
from tests.market.validation.county import COUNTY, county_sales
from tests.market.validation.town import TOWN, entry_of, reasons, town_sales, validated

Spoil = Callable[[pd.DataFrame], None]


def put(column: str, value: str, row: int = 7) -> Spoil:
    def spoil(table: pd.DataFrame) -> None:
        table.loc[row, column] = value

    return spoil


def swap(table: pd.DataFrame) -> None:
    table.loc[7, ["lat", "lon"]] = table.loc[7, ["lon", "lat"]].to_numpy()


def lose_sign(table: pd.DataFrame) -> None:
    table.loc[7, "lon"] = str(table.loc[7, "lon"]).lstrip("-")


def at_zero(table: pd.DataFrame) -> None:
    table.loc[7, ["lat", "lon"]] = "0"


def renovate_too_early(table: pd.DataFrame) -> None:
    table.loc[7, ["year_built", "YearRenov"]] = ["1990", "1980"]


@pytest.mark.parametrize("seed", range(5))
def test_right_sales_are_all_used(tmp_path: Path, seed: int) -> None:
    sales = validated(town_sales(seed=seed), tmp_path)
    assert sales.set_aside == ()
    assert sales.n_rows == len(sales.sales) == 400


@pytest.mark.parametrize(
    ("spoil", "reason", "column"),
    [
        (put("price", "1"), why.FAR_PRICE, "price"),
        (put("price", "100"), why.FAR_PRICE, "price"),
        (put("price", "999999999"), why.FAR_PRICE, "price"),
        (put("price", "0"), why.NO_PRICE, "price"),
        (put("price", "-1"), why.NO_PRICE, "price"),
        (put("price", "much"), why.UNREADABLE, "price"),
        (put("price", ""), why.MISSING, "price"),
        (put("rooms", "three"), why.UNREADABLE, "rooms"),
        (put("m2", ""), why.MISSING, "m2"),
        (put("sold", "soon"), why.UNREADABLE, "sold"),
        (put("sold", "2091-01-01"), why.FUTURE, "sold"),
        (put("sold", "1999-01-01"), why.FAR_DATE, "sold"),
        (put("lat", "95"), why.OUT_OF_BOUNDS, "lat"),
        (put("lat", "48.5"), why.FAR_PLACE, "lat"),
        (put("lat", "-33.9"), why.FAR_PLACE, "lat"),
        (at_zero, why.ZERO_PLACE, "lat"),
        (swap, why.SWAPPED_PLACE, "lat"),
        (lose_sign, why.MIRRORED_PLACE, "lat"),
        (put("lat", "-47.0"), why.MIRRORED_PLACE, "lat"),
        (put("m2", "0"), why.IMPOSSIBLE, "m2"),
        (put("m2", "-1"), why.IMPOSSIBLE, "m2"),
        (put("rooms", "-1"), why.IMPOSSIBLE, "rooms"),
        (put("year_built", "500"), why.IMPOSSIBLE, "year_built"),
        (put("year_built", "20155"), why.IMPOSSIBLE, "year_built"),
        (put("year_built", "0"), why.IMPOSSIBLE, "year_built"),
        (renovate_too_early, why.IMPOSSIBLE, "YearRenov"),
    ],
)
def test_one_wrong_sale_is_set_aside_with_its_reason(
    tmp_path: Path, spoil: Spoil, reason: str, column: str
) -> None:
    table = town_sales()
    spoil(table)
    sales = validated(table, tmp_path)
    entry = entry_of(sales, 7)
    assert (entry.reason, entry.column, entry.value) == (reason, column, table.loc[7, column])
    assert len(sales.set_aside) == 1
    assert sales.row.tolist() == [row + 2 for row in range(400) if row != 7]


def test_a_third_of_nominal_prices_hides_none_and_harms_no_other(tmp_path: Path) -> None:
    table = town_sales(600)
    nominal = np.arange(0, 600, 3)
    table.loc[nominal, "price"] = np.random.default_rng(0).choice(["1", "10", "100", "500"], len(nominal))
    assert reasons(validated(table, tmp_path)) == dict.fromkeys(nominal.tolist(), why.FAR_PRICE)


def test_a_nominal_deed_beside_a_real_sale_of_one_day_leaves_the_real_one(tmp_path: Path) -> None:
    table = town_sales()
    deed = table.iloc[[9]].assign(price="1")
    table = pd.concat([table, deed], ignore_index=True)
    assert reasons(validated(table, tmp_path)) == {400: why.FAR_PRICE}


def test_of_doubles_with_one_price_the_first_is_used(tmp_path: Path) -> None:
    table = town_sales()
    table = pd.concat([table, table.iloc[[9, 11]].assign(rooms="2")], ignore_index=True)
    assert reasons(validated(table, tmp_path)) == {400: why.SAME_SALE, 401: why.SAME_SALE}


def test_of_doubles_with_different_prices_none_is_used(tmp_path: Path) -> None:
    table = town_sales()
    double = table.iloc[[9]].assign(price=str(int(str(table.loc[9, "price"])) + 1000))
    table = pd.concat([table, double], ignore_index=True)
    sales = validated(table, tmp_path)
    assert reasons(sales) == {9: why.CONTRADICTION, 400: why.CONTRADICTION}
    assert str(table.loc[9, "price"]) in entry_of(sales, 9).detail.replace(",", "")


def test_a_home_that_is_sold_again_on_another_day_is_no_double(tmp_path: Path) -> None:
    table = town_sales()
    table = pd.concat([table, table.iloc[[9]].assign(sold="2020-06-07")], ignore_index=True)
    assert reasons(validated(table, tmp_path)) == {}


@pytest.mark.parametrize("with_header", [False, True])
def test_a_file_that_was_pasted_twice_is_used_once(tmp_path: Path, *, with_header: bool) -> None:
    table = town_sales()
    header = pd.DataFrame([dict(zip(table, table, strict=True))])
    twice = pd.concat([table, header, table] if with_header else [table, table], ignore_index=True)
    sales = validated(twice, tmp_path)
    expected = dict.fromkeys(range(400 + with_header, 800 + with_header), why.COPY)
    assert reasons(sales) == expected | ({400: why.HEADER_AGAIN} if with_header else {})


def test_homes_that_were_sold_together_for_one_total_are_set_aside(tmp_path: Path) -> None:
    table = town_sales()
    together = np.arange(10, 22)
    total = table.loc[together, "price"].astype(int).sum()
    table.loc[together, ["price", "sold"]] = [str(total), "2020-03-03"]
    sales = validated(table, tmp_path)
    assert reasons(sales) == dict.fromkeys(together.tolist(), why.ONE_TOTAL)
    assert f"12 homes were sold for {total:,} each" in entry_of(sales, 10).detail


def test_homes_that_a_builder_sells_at_one_usual_price_on_one_day_are_used(tmp_path: Path) -> None:
    table = town_sales()
    table.loc[np.arange(10, 22), ["price", "sold", "m2"]] = ["300000", "2020-03-03", "100"]
    assert reasons(validated(table, tmp_path)) == {}


def test_a_village_apart_is_not_far_from_all_others(tmp_path: Path) -> None:
    table = town_sales()
    table.loc[np.arange(20, 26), "lat"] = ["47.6", "47.601", "47.602", "47.603", "47.604", "47.605"]
    assert reasons(validated(table, tmp_path)) == {}


def test_a_lone_home_in_the_mountains_is_not_far_from_all_others(tmp_path: Path) -> None:
    table = town_sales()
    table.loc[20, "lon"] = "-121.45"
    assert reasons(validated(table, tmp_path)) == {}


def test_many_sales_at_0_0_are_all_named(tmp_path: Path) -> None:
    table = town_sales()
    table.loc[np.arange(60), ["lat", "lon"]] = "0.0"
    assert reasons(validated(table, tmp_path)) == dict.fromkeys(range(60), why.ZERO_PLACE)


def test_a_value_that_is_usual_for_a_fact_is_not_impossible(tmp_path: Path) -> None:
    table = town_sales()
    assert (table["YearRenov"] == "0").mean() > 0.5, "0 means never"
    table["rooms"] = np.where(np.arange(400) % 2, "-1", table["rooms"])
    assert reasons(validated(table, tmp_path)) == {}


def test_labels_that_differ_only_in_case_are_told(tmp_path: Path) -> None:
    table = county_sales(300, seed=0)
    assert read_county(table, tmp_path).label_variants == ()
    table.loc[[3, 5], "style"] = ["Ranch", " ranch "]
    assert read_county(table, tmp_path).label_variants == ("style 'Ranch' and 'ranch'",)


def test_postal_codes_that_lost_their_zeros_are_listed(tmp_path: Path) -> None:
    write = "id,zip,price\n1,02138,10\n2,2138,20\n3,00000,30\n4,12138,40\n"
    (tmp_path / "sales.csv").write_text(write)
    town = Market.from_dict(
        {
            "name": "town",
            "currency": "USD",
            "sales": "sales.csv",
            "price": "price",
            "features": [{"name": "zip", "kind": "postal_code"}],
        }
    )
    assert read_validated_sales(town, tmp_path / "sales.csv").label_variants == ("zip '02138' and '2138'",)


def read_county(table: pd.DataFrame, folder: Path) -> ValidatedSales:
    table.to_csv(folder / "sales.csv", index=False)
    return read_validated_sales(COUNTY, folder / "sales.csv")


def test_the_faults_of_several_values_of_one_row_are_one_entry(tmp_path: Path) -> None:
    table = town_sales()
    table.loc[7, ["rooms", "m2"]] = ["x", "y"]
    entry = entry_of(validated(table, tmp_path), 7)
    assert "'x' is not a number" in entry.detail
    assert "'y' is not a number" in entry.detail


def test_a_file_that_mostly_cannot_be_read_is_refused_with_its_faults_by_kind(tmp_path: Path) -> None:
    table = town_sales()
    table.loc[np.arange(41), "m2"] = "big"
    table.loc[np.arange(5), "rooms"] = ""
    with pytest.raises(DataError) as error:
        validated(table, tmp_path)
    lines = str(error.value).splitlines()
    assert "41 of 400 sales (10.2%) cannot be read; at most 10% may be (max_unreadable_share" in lines[0]
    assert lines[1:] == ["  column m2 (size): 41 values: not a number; such as 'big' in row 2"]


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n"])
def test_blank_lines_between_all_rows_stop_no_training(tmp_path: Path, end: bytes) -> None:
    path = tmp_path / "sales.csv"
    path.write_bytes(town_sales().to_csv(index=False).encode().replace(b"\n", end))
    sales = read_validated_sales(TOWN, path)
    assert (len(sales.sales), sales.n_rows, sales.set_aside) == (400, 400, ())


def test_blank_lines_hide_no_unreadable_sales(tmp_path: Path) -> None:
    table = town_sales().reindex(np.repeat(np.arange(400), 2)).reset_index(drop=True)
    table.iloc[1::2] = ""
    table.loc[np.arange(0, 82, 2), "m2"] = "big"
    with pytest.raises(DataError, match=r"41 of 400 sales \(10.2%\) cannot be read"):
        validated(table, tmp_path)


def test_suspects_never_stop_a_training(tmp_path: Path) -> None:
    table = town_sales(600)
    table.loc[np.arange(250), "price"] = "1"
    assert len(validated(table, tmp_path).sales) == 350


def test_strict_refuses_what_is_wrong_and_not_what_only_looks_so(tmp_path: Path) -> None:
    table = town_sales()
    table.loc[7, "price"] = "1"
    assert reasons(validated(table, tmp_path, strict=True)) == {7: why.FAR_PRICE}
    table.loc[8, "m2"] = ""
    with pytest.raises(DataError, match=r"row 10, column m2 \(size\): is required"):
        validated(table, tmp_path, strict=True)


def test_a_few_new_sales_are_compared_with_those_that_are_known(tmp_path: Path) -> None:
    known = validated(town_sales(), tmp_path).sales
    new = town_sales(5, seed=1)
    new.loc[1, "price"] = "10"
    new.loc[2, "lon"] = "122.0"
    new.loc[3, "sold"] = "1970-01-01"
    assert reasons(validated(new, tmp_path)) == {}, "five sales alone say nothing"
    assert reasons(validated(new, tmp_path, known)) == {1: why.FAR_PRICE, 2: why.MIRRORED_PLACE, 3: why.FAR_DATE}


def test_those_set_aside_that_could_be_used_are_kept_apart(tmp_path: Path) -> None:
    table = town_sales()
    table.loc[3, "price"] = "1"
    table.loc[4, "m2"] = ""
    suspects = validated(table, tmp_path).suspects
    assert suspects.price.tolist() == [1.0]


def test_the_list_is_a_table_with_row_column_value_reason_and_severity(tmp_path: Path) -> None:
    table = town_sales()
    table.loc[3, "price"] = "1"
    table.loc[4, "m2"] = 'a, "b"'
    sales = validated(table, tmp_path)
    (tmp_path / "list.csv").write_bytes(set_aside_csv(sales.set_aside))
    listed = pd.read_csv(tmp_path / "list.csv")
    assert listed[["row", "column", "value", "reason", "severity"]].to_numpy().tolist() == [
        [5, "price", "1", why.FAR_PRICE, "suspect"],
        [6, "m2", 'a, "b"', why.UNREADABLE, "unreadable"],
    ]
    assert count_by_reason(sales.set_aside) == {why.FAR_PRICE: 1, why.UNREADABLE: 1}


def test_the_document_of_files_has_every_reason_with_its_severity() -> None:
    page = (Path(__file__).parents[3] / "docs" / "files.md").read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith("| ")]
    documented = {reason.strip("| "): row[1] for row in rows for reason in row[0].split(" · ")}
    told = {reason: severity for reason, severity in SEVERITIES.items() if severity != "dropped"}
    assert {reason: documented.get(reason) for reason in told} == told


def test_every_reason_has_a_severity() -> None:
    declared = {value for name, value in vars(why).items() if name.isupper() and isinstance(value, str)}
    assert declared - {why.SET_ASIDE_FILE} == set(SEVERITIES)
