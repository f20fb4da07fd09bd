import numpy as np
import pyarrow as pa
import pytest

from estimator.deals.listings import (
    DuplicateListings,
    Listings,
    currency_problems,
    duplicate_problems,
    home_facts,
    listing_table,
)
from estimator.deals.screening import COSTS
from estimator.market.checks import check_table
from estimator.market.market import Market

HOME = {"lat": ["47.6"], "long": ["-122.3"], "sqft_living": ["1800"]}


def table(**columns: list[str]) -> pa.Table:
    n = max(len(column) for column in columns.values())
    return pa.table(
        {name: column * n if len(column) == 1 else column for name, column in (HOME | columns).items()}
    )


def faults(market: Market, given: pa.Table) -> list[str]:
    said, problems = check_table(listing_table(market).features, given)
    return [f"{problem.row} {problem}" for problem in [*problems, *currency_problems(market, said)]]


@pytest.mark.parametrize(
    ("columns", "fault"),
    [
        ({"list_price": ["0"]}, "0 list_price: 0 is below the minimum of 1 USD"),
        ({"list_price": ["-5"]}, "0 list_price: -5 is below the minimum of 1 USD"),
        ({"list_price": ["1e13"]}, "0 list_price: 10000000000000 is above the maximum of 1000000000000 USD"),
        ({"list_price": ["cheap"]}, "0 list_price: 'cheap' is not a number"),
        ({"ListPrice": [""], "other": ["1"]}, "0 list_price: is required"),
        ({"list_price": ["5e5"], "currency": ["EUR"]}, "0 currency: 'EUR' is not USD, the market's currency"),
        ({"list_price": ["5e5"], "selling_cost": ["0.6"]}, "0 selling_cost: 0.6 is above the maximum of 0.5"),
        ({"list_price": ["5e5"], "rehab": ["-1"]}, "0 rehab: -1 is below the minimum of 0 USD"),
    ],
)
def test_what_cannot_be_used_is_told(market: Market, columns: dict[str, list[str]], fault: str) -> None:
    assert faults(market, table(**columns)) == [fault]


def test_a_listing_s_own_costs_go_before_the_request_s_and_those_before_the_defaults(market: Market) -> None:
    given = table(list_price=["400000", "500000"], rehab=["", "9000"])
    said, problems = check_table(listing_table(market).features, given)
    listings = Listings.of(market, said, {"rehab": 5_000.0, "holding": 100.0})
    assert problems == []
    assert listings.list_price.tolist() == [400_000, 500_000]
    assert listings.costs.rehab.tolist() == [5_000, 9_000]
    assert listings.costs.holding.tolist() == [100, 100]
    assert listings.costs.selling_cost.tolist() == [COSTS[1].default] * 2
    assert listings.listing_id.tolist() == ["", ""]


def test_nothing_of_a_listing_is_left_among_the_facts(market: Market) -> None:
    said, _ = check_table(listing_table(market).features, table(list_price=["400000"]))
    assert list(home_facts(market, said).columns) == [feature.name for feature in market.features]


def test_a_name_that_the_market_has_is_its_fact(market: Market) -> None:
    declared = market.to_dict()
    declared["features"] = [*declared["features"], {"name": "rehab", "kind": "boolean"}]
    own = Market.from_dict(declared)
    said, problems = check_table(listing_table(own).features, table(list_price=["400000"], rehab=["yes"]))
    assert problems == []
    assert Listings.of(own, said, {}).costs.rehab.tolist() == [0.0]
    assert home_facts(own, said)["rehab"].tolist() == [1.0]


def seen(market: Market, *pieces: pa.Table) -> list[str]:
    memory, told = DuplicateListings(), []
    for piece in pieces:
        said, problems = check_table(listing_table(market).features, piece)
        listings = Listings.of(market, said, {})
        dates = np.full(len(listings), "NaT", "datetime64[D]")
        good = ~np.isin(np.arange(len(listings)), [problem.row for problem in problems])
        told += [str(problem) for problem in duplicate_problems(listings, memory.repeats(said, dates, listings, good), 2)]
    return told


def test_a_listing_that_stands_twice_is_told_across_pieces(market: Market) -> None:
    first = table(list_price=["400000", "500000"], listing_id=["A", "B"])
    second = table(list_price=["1", "500000"], listing_id=["A", "C"])
    assert seen(market, first, second) == ["listing_id: 'A' stands in row 2 already"]


def test_without_a_name_listings_are_the_same_if_they_say_the_same(market: Market) -> None:
    given = table(list_price=["400000", "400000", "400001", "400000"], grade=["7", "7", "7", "8"])
    assert seen(market, given) == ["list_price: the same listing stands in row 2 already"]


def test_a_listing_put_right_is_no_repeat_of_the_one_with_a_fault(market: Market) -> None:
    given = table(list_price=["400000"] * 3, grade=["good", "", ""])
    assert seen(market, given) == ["list_price: the same listing stands in row 3 already"]
    first = table(list_price=["none", "500000"], listing_id=["A", "B"])
    second = table(list_price=["400000", "none"], listing_id=["A", "B"])
    assert seen(market, first, second) == []
