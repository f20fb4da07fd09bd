from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimator.market.facts import Facts
from estimator.market.known_sales import MatchedSales, describe_changes, known_under_another_id, match_sales
from estimator.market.market import Market
from estimator.market.sales import Sales

MARKET = Market.from_dict(
    {
        "name": "town",
        "currency": "EUR",
        "sales": "sales.csv",
        "price": "price",
        "sale_date": "sold",
        "sale_id": "id",
        "features": [
            {"name": "size", "kind": "number", "unit": "m²", "required": True},
            {"name": "rooms", "kind": "integer"},
            {"name": "code", "kind": "postal_code"},
        ],
    }
)
LOOKED_UP = frozenset({"code"})


def make_sales(ids: str | None, days: list[int], price: list[float], rooms: list[float] | None = None) -> Sales:
    """Return sales; each letter of `ids` is a home."""
    n = len(price)
    text = None if ids is None else np.array(list(ids), np.str_)
    home = np.arange(n) if text is None else np.unique(text, return_inverse=True)[1]
    facts = Facts(
        {
            "size": np.full(n, 50.0),
            "rooms": np.array(rooms or [2.0] * n),
            "code": np.array(["98001"] * n),
        }
    )
    return Sales(facts, np.array(price, float), np.datetime64("2020-01-01") + np.array(days), home, text)


KNOWN = make_sales("aba", [0, 1, 31], [100, 200, 110])


def match(known: Sales, sales: Sales) -> MatchedSales:
    return match_sales(known, sales, LOOKED_UP)


def test_known_sales_are_found_in_any_order() -> None:
    matched = match(KNOWN, KNOWN.take(np.array([2, 0])))
    assert matched.known_row.tolist() == [2, 0]
    assert matched.n_unchanged == 2
    assert not matched.new.any()
    assert len(matched.replaced) == 0


def test_a_home_has_one_number_in_both_and_a_new_home_one_of_its_own() -> None:
    matched = match(KNOWN, make_sales("cbdc", [5, 9, 9, 40], [1, 2, 3, 4]))
    assert matched.new.all()
    number = matched.sales.home.tolist()
    assert number[1] == KNOWN.home[1]
    assert number[0] == number[3]
    assert len({*number, *KNOWN.home.tolist()}) == 4


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda sales: replace(sales, price=np.array([1_250_000.0])), "price 100 → 1,250,000"),
        (lambda sales: replace(sales, facts=sales.facts.replace({"rooms": np.array([3.0])})), "rooms 2 → 3"),
        (
            lambda sales: replace(sales, facts=sales.facts.replace({"rooms": np.array([np.nan])})),
            "rooms 2 → unknown",
        ),
        (
            lambda sales: replace(
                sales, facts=sales.facts.replace({"size": np.array([60.5]), "code": np.array(["98002"])})
            ),
            "size 50 m² → 60.5 m², code 98001 → 98002",
        ),
    ],
)
def test_another_price_or_fact_replaces_the_known_sale(change: object, text: str) -> None:
    later = change(KNOWN.take(np.array([0])))  # type: ignore[operator]
    matched = match(KNOWN, later)
    assert matched.differs.tolist() == [True]
    assert matched.replaced.tolist() == [0]
    assert matched.n_unchanged == 0
    assert describe_changes(MARKET, KNOWN.take(matched.replaced), later, LOOKED_UP) == [text]


def test_a_fact_that_was_looked_up_does_not_make_the_sale_another() -> None:
    unknown = KNOWN.facts.replace({"code": np.array([""] * 3)})
    assert match(KNOWN, replace(KNOWN, facts=unknown)).n_unchanged == 3
    without_ids = replace(KNOWN, sale_id=None)
    assert match(without_ids, replace(without_ids, facts=unknown)).n_unchanged == 3


def test_without_dates_another_price_is_another_sale_of_the_home() -> None:
    known = replace(KNOWN, date=None)
    matched = match(known, replace(make_sales("ab", [0, 0], [100, 999]), date=None))
    assert matched.new.tolist() == [False, True]


def test_without_identifiers_a_sale_is_known_by_everything_it_says() -> None:
    known = make_sales(None, [0, 1, 1], [100, 200, 300], [2, np.nan, 4])
    same = known.take(np.array([1, 2]))
    assert match(known, same).known_row.tolist() == [1, 2]
    other = make_sales(None, [0, 2, 1, 1], [101, 200, 300, 200], [2, np.nan, 5, 2])
    matched = match(known, other)
    assert matched.new.all()
    assert not matched.differs.any()
    assert len({*matched.sales.home.tolist(), *known.home.tolist()}) == 7


def test_two_equal_sales_are_two_unless_two_are_known() -> None:
    once, twice = make_sales(None, [3], [100]), make_sales(None, [3, 3], [100, 100])
    assert match(once, twice).new.tolist() == [False, True]
    assert match(twice, twice).new.tolist() == [False, False]
    assert match(twice, once).new.tolist() == [False]


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 3)), unique=True, min_size=2), st.data())
def test_what_was_added_once_is_known_the_next_time(rows: list[tuple[str, int]], data: st.DataObject) -> None:
    """Compare with a plain dictionary, with and without identifiers."""
    price = [float(data.draw(st.integers(1, 3))) for _ in rows]
    sales = make_sales("".join(row[0] for row in rows), [row[1] for row in rows], price)
    cut = data.draw(st.integers(1, len(rows)))
    for everything in (sales, replace(sales, sale_id=None)):
        known = everything.take(np.arange(cut))
        matched = match(known, everything)
        if everything.sale_id is not None:
            assert matched.known_row.tolist() == [*range(cut), *[-1] * (len(rows) - cut)]
        assert matched.new.sum() == len(rows) - cut
        joined = known.joined(matched.sales.take(matched.new))
        assert match(joined, everything).n_unchanged == len(rows)


def test_the_same_sale_under_another_id_is_found() -> None:
    later = make_sales("xyb", [0, 1, 40], [100, 300, 110])
    assert known_under_another_id(KNOWN, later, LOOKED_UP).tolist() == [0, -1, -1]
    without = make_sales(None, [0], [100])
    assert known_under_another_id(KNOWN, without, LOOKED_UP).tolist() == [-1]
