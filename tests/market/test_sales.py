from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from estimator.errors import DataError
from estimator.market.facts import Facts
from estimator.market.market import LIST_PRICES, Market
from estimator.market.sales import (
    RANDOM_PARTS,
    TIME_PARTS,
    Sales,
    Split,
    split_sales,
)
from estimator.market.sales_file import read_closed_listings, read_validated_sales
from tests.town import make_town


def read_sales(market: Market, path: Path) -> Sales:
    """Read a file that is refused if any of its sales is wrong."""
    return read_validated_sales(market, path, strict=True).sales


TOWN = Market.from_dict(
    {
        "name": "town",
        "currency": "EUR",
        "sales": "sales.csv",
        "price": "price",
        "sale_date": "sold",
        "sale_id": "id",
        "ignore": ["note"],
        "features": [
            {
                "name": "size",
                "kind": "number",
                "column": "m2",
                "aliases": ["area"],
                "unit": "m²",
                "required": True,
                "minimum": 10,
                "maximum": 900,
            },
            {"name": "rooms", "kind": "integer", "minimum": 0},
        ],
    }
)
GOOD = "id,sold,price,m2,rooms\na,2020-01-01,100,50,2\nb,2020-01-02,200,60,\na,2020-02-01,110,50,2\n"


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str | bytes], Path]:
    def write(content: str | bytes) -> Path:
        path = tmp_path / "sales.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_sales_are_read_unchanged(file: Callable[[str], Path]) -> None:
    sales = read_sales(TOWN, file(GOOD))
    assert len(sales) == 3
    assert sales.price.tolist() == [100, 200, 110]
    assert sales.date is not None
    assert sales.date.astype(str).tolist() == ["2020-01-01", "2020-01-02", "2020-02-01"]
    assert sales.home.tolist() == [0, 1, 0]
    np.testing.assert_array_equal(sales.facts["rooms"], [2, np.nan, 2])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty"),
        ("id,sold,price,m2\n", "there are no sales, only a header"),
        (GOOD.replace("m2", "note"), "column 'm2' (size) is missing; it is required"),
        (GOOD.replace("price", "note"), "column 'price' is missing"),
        (GOOD.replace("price", "prce"), "column 'price' is missing (is it 'prce'?)"),
        (GOOD.replace("sold", "note"), "column 'sold' is missing"),
        (GOOD.replace("id,", "note,"), "column 'id' is missing"),
        (GOOD.replace("rooms", "area"), "'m2' and 'area' both stand for size"),
        (GOOD.replace(",100,", ",-100,"), "row 2, column price: -100 is not above 0"),
        (GOOD.replace(",100,", ",0,"), "row 2, column price: 0 is not above 0"),
        (GOOD.replace(",100,", ",,"), "row 2, column price: is required"),
        (GOOD.replace(",100,", ",1e999,"), "row 2, column price: the number is not finite, or too large"),
        (GOOD.replace(",100,", ',"10,0,0",'), "row 2, column price: '10,0,0' is not a number"),
        (GOOD.replace("60", "5"), "row 3, column m2 (size): 5 is below the minimum of 10 m²"),
        (GOOD.replace("60", "901"), "row 3, column m2 (size): 901 is above the maximum of 900 m²"),
        (GOOD.replace("60", ""), "row 3, column m2 (size): is required"),
        (GOOD.replace("m2", "area").replace("60", "5"), "row 3, column area (size): 5 is below"),
        (GOOD.replace("50,2\nb", "50,2.5\nb"), "row 2, column rooms: 2.5 is not a whole number"),
        (GOOD.replace("2020-02-01", "2020-02-30"), "row 4, column sold: '2020-02-30' is not a date like"),
        (GOOD.replace("2020-02-01", ""), "row 4, column sold: is required"),
        (GOOD.replace("b,", " ,"), "row 3, column id: is required"),
        (
            GOOD.replace("2020-02-01,110", "2020-01-01,100"),
            "row 4, column id: the sale of home a on 2020-01-01 is already in row 2",
        ),
        (GOOD.replace("2020-02-01,110", " 2020-01-01 ,100"), "row 4, column id: the sale of home a"),
        (GOOD.replace("b,2020-01-02,200", " a ,2020-01-01,100"), "row 3, column id: the sale of"),
        (
            GOOD.replace("2020-02-01", "2020-01-01"),
            "column id: 2 values: same home and day at different prices; such as a in row 2",
        ),
        (GOOD.replace("200,60,", "200,60"), "row 3: the row has 4 cells, the header 5"),
        (GOOD.replace("\nb", "\n\nb").replace("60", ""), "row 4, column m2 (size): is required"),
        (GOOD.encode("utf-16"), "line 1 is not UTF-8"),
        (GOOD.replace("b,", "ü,").encode("latin-1"), "line 3 is not UTF-8"),
    ],
)
def test_a_message_names_row_column_value_and_bound(
    file: Callable[[str | bytes], Path], content: str | bytes, message: str
) -> None:
    path = file(content)
    with pytest.raises(DataError) as error:
        read_sales(TOWN, path)
    assert message in str(error.value)
    assert str(error.value).startswith(f"{path}: ")


def test_blank_lines_are_no_sales(file: Callable[[str], Path]) -> None:
    assert len(read_sales(TOWN, file(f"{GOOD}\n,,,,\n\n"))) == 3
    assert len(read_sales(TOWN, file(f"{GOOD}\nc,2020-01-02,200,60,\n"))) == 4


def test_all_problems_of_a_file_are_listed_in_the_order_of_its_rows(file: Callable[[str], Path]) -> None:
    with pytest.raises(DataError) as error:
        read_sales(TOWN, file("id,sold,price,m2\na,,1,5\nb,2020-01-01,-1,20\n,2020-01-01,1,20\n"))
    assert str(error.value).splitlines()[1:] == [
        "  row 2, column m2 (size): 5 is below the minimum of 10 m²",
        "  row 2, column sold: is required",
        "  row 3, column price: -1 is not above 0",
        "  row 4, column id: is required",
    ]
    assert "3 sales cannot be used" in str(error.value)


def test_a_file_with_many_problems_gets_a_short_message(file: Callable[[str], Path]) -> None:
    rows = "".join(f"{home},2020-01-01,-1,x\n" for home in range(20_000))
    with pytest.raises(DataError) as error:
        read_sales(TOWN, file("id,sold,price,m2\n" + rows))
    lines = str(error.value).splitlines()
    assert "20,000 sales cannot be used" in lines[0]
    assert lines[1:] == [
        "  column m2 (size): 20,000 values: not a number; such as 'x' in row 2",
        "  column price: 20,000 values: not above 0; such as -1 in row 2",
    ]


def test_repeated_sales_are_reported(file: Callable[[str], Path]) -> None:
    with pytest.raises(DataError) as error:
        read_sales(TOWN, file("id,sold,price,m2\n" + "a,2020-01-01,1,20\n" * 3))
    assert str(error.value).splitlines()[1:] == [
        "  column id: 2 values: same home and day twice; such as a in row 3"
    ]


def test_without_dates_a_sale_is_a_repetition_if_its_price_is_the_same(file: Callable[[str], Path]) -> None:
    market = Market.from_dict({key: value for key, value in TOWN.to_dict().items() if key != "sale_date"})
    assert read_sales(market, file("id,price,m2\na,100,50\na,200,50\n")).date is None
    with pytest.raises(DataError, match="the sale of home a is already in row 2"):
        read_sales(market, file("id,price,m2\na,100,50\na,100.0,50\n"))


@pytest.mark.parametrize("name", ["sales.parquet", "SALES.PARQUET"])
def test_the_rows_of_parquet_are_counted_from_one(tmp_path: Path, name: str) -> None:
    table = pa.table({"id": [1, 2], "sold": ["2020-01-01"] * 2, "price": [1.0, -1.0], "m2": [50, 50]})
    pq.write_table(table, tmp_path / name)
    with pytest.raises(DataError, match="row 2, column price: -1 is not above 0"):
        read_sales(TOWN, tmp_path / name)


def test_the_same_sales_are_read_from_parquet_and_csv(file: Callable[[str], Path], tmp_path: Path) -> None:
    frame = pd.read_csv(file(GOOD), parse_dates=["sold"])
    frame["id"] = frame["id"].astype("category")
    frame["sold"] = frame["sold"].astype("datetime64[us]")
    frame.to_parquet(tmp_path / "sales.parquet", index=False)
    one, other = read_sales(TOWN, file(GOOD)), read_sales(TOWN, tmp_path / "sales.parquet")
    np.testing.assert_array_equal(one.price, other.price)
    np.testing.assert_array_equal(one.home, other.home)
    assert one.date is not None
    assert other.date is not None
    np.testing.assert_array_equal(one.date, other.date)
    for name in one.facts.columns:
        np.testing.assert_array_equal(one.facts[name], other.facts[name])


def make_sales(home: list[int], day: list[int]) -> Sales:
    n = len(home)
    date = np.datetime64("2020-01-01") + np.array(day, "timedelta64[D]")
    # The price is the number of the row, so that a sale can be identified after the split.
    return Sales(
        Facts({"size": np.arange(n, dtype=np.float64)}),
        np.arange(1, n + 1, dtype=np.float64),
        date,
        np.array(home),
    )


@st.composite
def repeat_sales(draw: st.DrawFn) -> Sales:
    n = draw(st.integers(20, 120))
    homes = draw(st.lists(st.integers(0, n), min_size=n, max_size=n))
    return make_sales(homes, draw(st.lists(st.integers(0, 60), min_size=n, max_size=n)))


@given(repeat_sales(), st.sampled_from(["time", "random"]), st.integers(0, 5))
def test_a_split_keeps_all_sales_and_the_sales_of_a_home_together(sales: Sales, how: Split, seed: int) -> None:
    try:
        parts = split_sales(sales, how, np.random.default_rng(seed))
    except DataError:
        reject()  # one home has more sales than a part has room for
    all_parts = [parts.train, parts.validation, parts.test]
    assert sorted(np.concatenate([part.price for part in all_parts])) == sorted(sales.price)
    for one in all_parts:
        for other in all_parts:
            assert one is other or not set(one.home) & set(other.home)


@given(repeat_sales())
def test_a_split_by_time_orders_homes_by_their_last_sale(sales: Sales) -> None:
    try:
        parts = split_sales(sales, "time", np.random.default_rng(0))
    except DataError:
        reject()

    def last_sales(part: Sales) -> "pd.Series[pd.Timestamp]":
        assert part.date is not None
        return pd.Series(part.date).groupby(part.home).max()

    assert last_sales(parts.train).max() <= last_sales(parts.validation).min()
    assert last_sales(parts.validation).max() <= last_sales(parts.test).min()


@pytest.mark.parametrize(("how", "shares"), [("time", TIME_PARTS), ("random", RANDOM_PARTS)])
def test_the_parts_have_the_declared_shares(sales: Sales, how: Split, shares: tuple[float, ...]) -> None:
    parts = split_sales(sales, how, np.random.default_rng(1))
    sizes = [len(parts.train), len(parts.validation), len(parts.test)]
    # A cut moves by the sales of the one home it would divide.
    np.testing.assert_allclose(sizes, np.array(shares) * len(sales), atol=5)


def test_a_random_split_depends_on_the_seed_alone_and_mixes_dates(sales: Sales) -> None:
    one, same, other = (split_sales(sales, "random", np.random.default_rng(seed)).test for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.price, same.price)
    assert len(np.intersect1d(one.home, other.home)) < 0.3 * len(one)
    assert one.date is not None
    assert np.ptp(one.date).astype(int) > 380


def test_king_county_is_split_by_time(sales: Sales) -> None:
    parts = split_sales(sales, "time", np.random.default_rng(0))
    dates = [part.date for part in (parts.train, parts.validation, parts.test)]
    assert all(date is not None for date in dates)
    ends = [date.max() for date in dates if date is not None]
    assert ends == sorted(ends)
    # Only the earlier sales of homes that were sold again may stand out of order.
    assert parts.test.date is not None
    assert parts.train.date is not None
    assert np.mean(parts.test.date < parts.train.date.max()) < 0.02


@pytest.mark.parametrize("how", ["time", "random"])
@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_too_few_sales_to_split_are_refused(n: int, how: Split) -> None:
    with pytest.raises(DataError, match="too few"):
        split_sales(make_sales([0] * n, list(range(n))), how, np.random.default_rng(0))
    if n < 4:
        with pytest.raises(DataError, match="too few"):
            split_sales(make_sales(list(range(n)), [0] * n), how, np.random.default_rng(0))


def test_sales_without_dates_cannot_be_split_by_time() -> None:
    sales = make_sales(list(range(10)), [0] * 10)
    undated = Sales(sales.facts, sales.price, None, sales.home)
    with pytest.raises(DataError, match="no dates"):
        split_sales(undated, "time", np.random.default_rng(0))


def with_list_price(folder: Path, *, noise: float, name: str = "offer", **more: str) -> tuple[Market, Path]:
    """Write a town whose sales have a fact that is the price times some noise, and declare it."""
    town = make_town(folder, 300)
    rng = np.random.default_rng(1)
    town[name] = (town.paid * 1.03 * np.exp(rng.normal(0, noise, len(town)))).round()
    town.to_csv(folder / "sales.csv", index=False)
    declared = Market.read(folder).to_dict()
    if name not in LIST_PRICES:
        declared["features"] = [*declared["features"], {"name": name, "kind": "number"} | more]
    return Market.from_dict(declared), folder / "sales.csv"


@pytest.mark.parametrize("noise", [0.0, 0.01, 0.05])
def test_a_fact_that_leaks_the_price_is_refused(tmp_path: Path, noise: float) -> None:
    market, path = with_list_price(tmp_path, noise=noise)
    message = r"column 'offer' \(offer\) leaks the price, .* within \d\.\d% of 1\.0\d+ times .* under ignore"
    with pytest.raises(DataError, match=message):
        read_sales(market, path)


def test_a_fact_that_is_no_closer_to_the_price_than_a_valuation_is_accepted(tmp_path: Path) -> None:
    market, path = with_list_price(tmp_path, noise=0.12)
    assert len(read_sales(market, path)) == 300


def test_columns_that_nothing_is_read_from_are_listed(tmp_path: Path, file: Callable[[str], Path]) -> None:
    market, path = with_list_price(tmp_path, noise=0.05, name="list_price")
    assert read_validated_sales(market, path).unread == ("list_price",)
    assert read_validated_sales(TOWN, file(GOOD.replace("rooms", "roms"))).unread == (
        "roms (did you mean rooms?)",
    )
    assert read_validated_sales(TOWN, file(GOOD.replace("rooms", "note"))).unread == (), "the market ignores it"


@pytest.mark.parametrize("name", LIST_PRICES)
def test_closed_listings_are_sales_with_list_prices(tmp_path: Path, name: str) -> None:
    market, path = with_list_price(tmp_path, noise=0.05, name=name)
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table.loc[5, name] = ""
    table.to_csv(path, index=False)
    closed, list_price = read_closed_listings(market, path)
    table.drop(columns=name).to_csv(path, index=False)
    np.testing.assert_array_equal(closed.price, read_sales(market, path).price)
    assert np.flatnonzero(np.isnan(list_price)).tolist() == [5]
    assert list_price[:5].tolist() == table[name][:5].astype(float).tolist()


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("0", r"row 4, column list_price: 0 is not above 0"),
        ("-1", r"row 4, column list_price: -1 is not above 0"),
        ("dear", r"row 4, column list_price: 'dear' is not a number"),
    ],
)
def test_closed_listings_with_a_bad_list_price_are_refused(tmp_path: Path, cell: str, message: str) -> None:
    market, path = with_list_price(tmp_path, noise=0.05, name="list_price")
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table.loc[2, "list_price"] = cell
    table.to_csv(path, index=False)
    with pytest.raises(DataError, match=message):
        read_closed_listings(market, path)


def test_sales_without_list_prices_are_no_closed_listings(tmp_path: Path) -> None:
    make_town(tmp_path, 50)
    market = Market.read(tmp_path)
    with pytest.raises(
        DataError, match="no column of list prices; one column must be named list_price or ListPrice"
    ):
        read_closed_listings(market, tmp_path / "sales.csv")
