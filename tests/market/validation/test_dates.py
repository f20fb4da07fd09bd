"""Mistyped dates: after today, or far from all others."""

import datetime as dt
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimator.errors import DataError
from estimator.market.arrays import DateArray
from estimator.market.facts import Facts
from estimator.market.file_rows import FileRows
from estimator.market.market import Market
from estimator.market.sales import Sales
from estimator.market.sales_source import SalesSource
from estimator.market.validation.dates import MAX_ISOLATED_SHARE, MIN_GAP_DAYS, MIN_SALES, mistyped_dates
from estimator.market.validation.parsed_sales import Finding, ParsedSales
from estimator.market.validation.reasons import FAR_DATE, FUTURE

MARKET = Market.from_dict(
    {
        "name": "town",
        "currency": "EUR",
        "sales": "sales.csv",
        "price": "price",
        "sale_date": "sold",
        "features": [{"name": "size", "kind": "number"}],
    }
)
TODAY = dt.date(2021, 6, 1)
START = np.datetime64("2019-01-01")


def sold_on(dates: DateArray | None, n: int) -> Sales:
    return Sales(Facts({"size": np.full(n, 50.0)}), np.arange(1.0, n + 1), dates, np.arange(n))


def parsed(dates: DateArray | None, n: int) -> ParsedSales:
    source, selected = SalesSource((Path("sales.csv"),)), np.ones(n, np.bool_)
    rows = FileRows.of_files(source.paths, [n], [2], [[]])
    return ParsedSales(
        MARKET,
        source,
        pa.table({}),
        pa.table({}),
        {},
        {},
        sold_on(dates, n),
        (),
        rows,
        (),
        (),
        selected,
        np.arange(n, dtype=np.uint64),
    )


def daily(n: int) -> DateArray:
    """Return n days in a random order."""
    return START + np.random.default_rng(0).permutation(n)


def set_aside(dates: DateArray, known: DateArray | None = None, today: dt.date | None = TODAY) -> list[Finding]:
    before = None if known is None else sold_on(known, len(known))
    return mistyped_dates(parsed(dates, len(dates)), np.ones(len(dates), np.bool_), before, today)


@pytest.mark.parametrize(
    ("mistyped", "reason"),
    [
        ("2051-03-01", "it is after today (nowhere is it later than 2021-06-01)"),
        ("2105-03-01", "it is after today (nowhere is it later than 2021-06-01)"),
        ("2021-06-02", "it is after today (nowhere is it later than 2021-06-01)"),
        ("2021-05-20", "it is 140 days after all other sales, which end on 2020-12-31"),
        ("2016-03-01", "it is 1,036 days before all other sales, which begin on 2019-01-01"),
        ("0201-03-01", "it is 663,952 days before all other sales, which begin on 2019-01-01"),
    ],
)
def test_one_mistyped_date_is_set_aside_and_named(mistyped: str, reason: str) -> None:
    dates = np.tile(daily(731), 3)[:2000].copy()
    dates[1234] = np.datetime64(mistyped)
    kind = FUTURE if "after today" in reason else FAR_DATE
    assert set_aside(dates) == [Finding(1234, "sold", kind, reason)]


def test_several_days_after_today_are_all_mistyped() -> None:
    dates = daily(500)
    dates[100:120] = np.datetime64("2030-01-01")
    assert [sale.row for sale in set_aside(dates)] == list(range(100, 120))


def test_a_clock_that_is_set_back_is_named_instead_of_setting_every_sale_aside() -> None:
    with pytest.raises(DataError, match=r"500 of 500 sales are dated after today \(1970-01-01\), such as row 2"):
        set_aside(daily(500), None, dt.date(1970, 1, 1))


def test_today_is_a_day_of_the_calendar_of_this_machine() -> None:
    today = np.datetime64(dt.datetime.now(dt.UTC).date())
    assert set_aside(today - np.arange(50), None, None) == []
    dates = today - np.arange(50)
    dates[7] = today + 2
    assert [sale.row for sale in set_aside(dates, None, None)] == [7]


@pytest.mark.parametrize("n_late", [1, 2, 3])
def test_more_than_one_sale_in_a_thousand_is_a_gap_in_the_records(n_late: int) -> None:
    dates = np.tile(daily(500), 4)
    late = np.datetime64("2021-02-01") + np.arange(n_late)
    dates[:n_late] = late
    assert len(set_aside(dates)) == (n_late if n_late <= MAX_ISOLATED_SHARE * len(dates) else 0)


def test_both_ends_are_looked_at() -> None:
    dates = daily(500)
    dates[[3, 4]] = np.datetime64("1919-01-02"), np.datetime64("2021-05-31")
    assert [sale.row for sale in set_aside(dates)] == [3, 4]


@pytest.mark.parametrize(("gap", "expected"), [(MIN_GAP_DAYS, 0), (MIN_GAP_DAYS + 1, 1)])
def test_a_pause_of_a_season_is_no_mistake(gap: int, expected: int) -> None:
    dates = daily(300)
    dates[0] = START + 299 + gap
    dates[np.argmax(dates[1:]) + 1] = START + 299
    assert len(set_aside(dates)) == expected


def test_in_a_market_with_a_sale_a_month_a_gap_must_be_longer() -> None:
    monthly = START + 30 * np.arange(-30, 20)
    assert set_aside(np.append(monthly, monthly.max() + 300)) == []
    assert len(set_aside(np.append(monthly, monthly.min() - 700))) == 1


def test_a_few_sales_say_too_little_about_their_gaps() -> None:
    for n, expected in ((MIN_SALES, 0), (MIN_SALES + 2, 1)):
        dates = daily(n)
        dates[0] = np.datetime64("1999-01-01")
        assert len(set_aside(dates)) == expected


def test_new_sales_are_compared_with_those_known_already() -> None:
    known = START + np.arange(700)
    far = np.array(["2021-04-20"], "datetime64[D]")
    near = np.array(["2021-01-20"], "datetime64[D]")
    assert len(set_aside(far, known)) == 1
    assert set_aside(near, known) == []
    assert set_aside(np.repeat(far, 3), known) == [], "three sales after a pause are not three mistakes"


def test_an_undated_market_has_no_wrong_dates() -> None:
    assert mistyped_dates(parsed(None, 50), np.ones(50, np.bool_), None) == []


DAYS = st.lists(st.integers(0, 3650), max_size=200)


@given(DAYS.filter(bool), DAYS)
def test_the_order_of_the_file_does_not_matter_and_few_sales_are_set_aside(
    days: list[int], known_days: list[int]
) -> None:
    dates = np.datetime64("2005-01-01") + np.array(days)
    known = np.datetime64("2005-01-01") + np.array(known_days, int)
    aside = set_aside(dates, known)
    assert len(aside) <= 2
    backwards = set_aside(dates[::-1], known)
    assert sorted(dates[sale.row] for sale in aside) == sorted(dates[::-1][sale.row] for sale in backwards)
