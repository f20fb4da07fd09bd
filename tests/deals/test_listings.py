import numpy as np
import pyarrow as pa
import pytest

from estimator.deals.costs import COSTS
from estimator.deals.listings import (
    DuplicateListings,
    Listings,
    currency_problems,
    duplicate_problems,
    home_facts,
    listing_table,
)
from estimator.market.checks import check_table
from estimator.market.market import Market

HOME = {"lat": ["47.6"], "long": ["-122.3"], "sqft_living": ["1800"]}


def table(**columns: list[str]) -> pa.Table:
    n = max(len(column) for column in columns.values())
    return pa.table(
        {name: column * n if len(column) == 1 else column for name, column in (HOME | columns).items()}
    )


def faults(market: Market, given: pa.Table) -> list[str]:
    columns, problems = check_table(listing_table(market).features, given)
    return [f"{problem.row} {problem}" for problem in [*problems, *currency_problems(market, columns)]]


@pytest.mark.parametrize(
    ("columns", "fault"),
    [
        ({"list_price": ["0"]}, "0 list_price: 0 is below the minimum of 1 USD"),
        ({"list_price": ["-5"]}, "0 list_price: -5 is below the minimum of 1 USD"),
        ({"list_price": ["1e13"]}, "0 list_price: 10000000000000 is above the maximum of 1000000000000 USD"),
        ({"list_price": ["cheap"]}, "0 list_price: 'cheap' is not a number"),
        ({"ListPrice": [""], "other": ["1"]}, "0 list_price: is required"),
        (
            {"list_price": ["5e5"], "currency": ["EUR"]},
            "0 currency: must be USD, the market's currency, not 'EUR'",
        ),
        ({"list_price": ["5e5"], "selling_cost": ["0.6"]}, "0 selling_cost: 0.6 is above the maximum of 0.5"),
        ({"list_price": ["5e5"], "rehab": ["-1"]}, "0 rehab: -1 is below the minimum of 0 USD"),
    ],
)
def test_invalid_values_are_reported(market: Market, columns: dict[str, list[str]], fault: str) -> None:
    assert faults(market, table(**columns)) == [fault]


def test_a_listings_own_costs_precede_the_requests_and_those_the_defaults(market: Market) -> None:
    given = table(list_price=["400000", "500000"], rehab=["", "9000"])
    columns, problems = check_table(listing_table(market).features, given)
    listings = Listings.of(market, columns, {"rehab": 5_000.0, "holding": 100.0})
    assert problems == []
    assert listings.list_price.tolist() == [400_000, 500_000]
    assert listings.costs.rehab.tolist() == [5_000, 9_000]
    assert listings.costs.holding.tolist() == [100, 100]
    assert listings.costs.selling_cost.tolist() == [COSTS[1].default] * 2
    assert listings.listing_id.tolist() == ["", ""]


def test_the_facts_contain_no_column_of_a_listing(market: Market) -> None:
    columns, _ = check_table(listing_table(market).features, table(list_price=["400000"]))
    assert list(home_facts(market, columns).columns) == [feature.name for feature in market.features]


def test_a_name_of_a_fact_of_the_market_means_the_fact(market: Market) -> None:
    declared = market.to_dict()
    declared["features"] = [*declared["features"], {"name": "rehab", "kind": "boolean"}]
    own = Market.from_dict(declared)
    columns, problems = check_table(listing_table(own).features, table(list_price=["400000"], rehab=["yes"]))
    assert problems == []
    assert Listings.of(own, columns, {}).costs.rehab.tolist() == [0.0]
    assert home_facts(own, columns)["rehab"].tolist() == [1.0]


def duplicates(market: Market, *pieces: pa.Table) -> list[str]:
    search, messages = DuplicateListings(), []
    for piece in pieces:
        columns, problems = check_table(listing_table(market).features, piece)
        listings = Listings.of(market, columns, {})
        dates = np.full(len(listings), "NaT", "datetime64[D]")
        valid = ~np.isin(np.arange(len(listings)), [problem.row for problem in problems])
        found = search.find(columns, dates, listings, valid)
        messages += [str(problem) for problem in duplicate_problems(listings, found, 2)]
    return messages


def test_duplicates_are_found_across_pieces(market: Market) -> None:
    first = table(list_price=["400000", "500000"], listing_id=["A", "B"])
    second = table(list_price=["1", "500000"], listing_id=["A", "C"])
    assert duplicates(market, first, second) == ["listing_id: 'A' is already used in row 2"]


def test_listings_without_an_id_are_duplicates_if_all_columns_agree(market: Market) -> None:
    given = table(list_price=["400000", "400000", "400001", "400000"], grade=["7", "7", "7", "8"])
    assert duplicates(market, given) == ["list_price: the same listing is already in row 2"]


def test_a_corrected_listing_is_no_duplicate_of_an_invalid_one(market: Market) -> None:
    given = table(list_price=["400000"] * 3, grade=["good", "", ""])
    assert duplicates(market, given) == ["list_price: the same listing is already in row 3"]
    first = table(list_price=["none", "500000"], listing_id=["A", "B"])
    second = table(list_price=["400000", "none"], listing_id=["A", "B"])
    assert duplicates(market, first, second) == []
