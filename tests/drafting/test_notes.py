"""What a draft says of files as cities publish them."""

import tomllib

import numpy as np
import pytest

from estimator.drafting.draft import Draft
from estimator.drafting.writing import market_toml
from estimator.market.market import Market
from tests.drafting.city import DAYS, PRICE, SIZE, N, drafted


def note_of(draft: Draft, word: str) -> str:
    return next(note for note in draft.notes if word in note)


def test_rows_without_a_price_are_left_out_and_told() -> None:
    unpriced = [" -  " if row % 5 == 0 else cell for row, cell in enumerate(PRICE)]
    half = ["" if row % 2 else cell for row, cell in enumerate(SIZE)]
    draft = drafted({"SALE PRICE": unpriced, "SALE DATE": DAYS, "GROSS SQUARE FEET": half, "BEDS": SIZE // 40})
    market = Market.from_dict(tomllib.loads(market_toml(draft, "ny", ["sales.csv"])))
    assert market.where == draft.where == "`SALE PRICE` is not missing"
    # One `where` has both conditions: a market file cannot have two.
    assert f'(where = "{draft.where} and `GROSS SQUARE FEET` is not missing")' in note_of(draft, "The size")


def test_a_few_rows_without_a_price_are_mistakes() -> None:
    assert drafted({"price": ["", *PRICE[1:]], "sqft": SIZE}).where is None


def test_gifts_and_the_like_are_pointed_out() -> None:
    kinds = ["Gifts" if row % 9 == 0 else "Sales" for row in range(N)]
    draft = drafted({"Amount": PRICE, "Transaction Type": kinds, "size_m2": SIZE})
    assert "Transaction Type" in draft.ignored
    note = note_of(draft, "How homes were sold")
    assert "(Transaction Type: Sales, Gifts)" in note
    assert "where = \"`Transaction Type` == 'Sales'\"" in note


def test_a_sale_in_several_rows_is_pointed_out() -> None:
    rows = np.repeat(np.arange(N), 2)
    days = np.array(DAYS)[rows]
    draft = drafted({"valeur_fonciere": PRICE[rows], "date_mutation": days, "surface_reelle_bati": SIZE[rows]})
    assert note_of(draft, "several rows").startswith("120 rows have the price and the day of the row above")
    alone = drafted({"valeur_fonciere": PRICE, "date_mutation": DAYS, "surface_reelle_bati": SIZE})
    assert not [note for note in alone.notes if "several rows" in note]


@pytest.mark.parametrize(
    ("name", "multiple"),
    [("price_kEUR", "thousands"), ("Price (in thousands)", "thousands"), ("price_mio", "millions")],
)
def test_prices_in_thousands_are_told(name: str, multiple: str) -> None:
    draft = drafted({name: PRICE // 1000, "sqm": SIZE})
    assert (draft.price.column, draft.price.certainty) == (name, "guess")
    assert f"{name} seems to be in {multiple}: values will be, too" in note_of(draft, "seems to be in")


def test_homes_at_one_place_need_no_coordinates() -> None:
    draft = drafted({"price": PRICE, "sqft": SIZE, "latitude": [25.76] * N, "longitude": [-80.19] * N})
    assert (
        note_of(draft, "place")
        == "All homes are at one place: their coordinates say nothing, and are not asked for."
    )


def test_year_month_and_day_are_to_be_joined() -> None:
    parts = {"transaction_year": [2020] * N, "transaction_month": SIZE % 12 + 1, "transaction_day": SIZE % 28 + 1}
    draft = drafted({"transaction_real_price": PRICE, "exclusive_use_area": SIZE, **parts})
    assert "Join transaction_year, transaction_month and transaction_day to one" in note_of(draft, "Join")
    assert parts.keys() <= draft.ignored.keys()


def test_a_date_without_a_known_name_is_not_called_free_text() -> None:
    draft = drafted({"price": PRICE, "sqft": SIZE, "beurkundet": DAYS})
    assert draft.ignored["beurkundet"] == "a date: declare it as sale_date if it is that of the sale"


def test_a_size_of_0_is_unknown() -> None:
    sizes = [0 if row % 10 == 0 else cell for row, cell in enumerate(SIZE)]
    draft = drafted({"price": PRICE, "sqft": sizes})
    [size] = draft.facts
    assert size.required
    assert size.bounds is not None
    assert (size.bounds.minimum > 0, size.bounds.outside) == (True, 12)
    assert "is 0 in 12 rows" in note_of(draft, "size")
    assert 'where = "`sqft` > 0"' in note_of(draft, "size")
    half = drafted({"price": PRICE, "sqft": ["" if row % 2 else cell for row, cell in enumerate(sizes)]})
    assert '(where = "`sqft` > 0") and require it' in note_of(half, "size")


def test_of_warnings_the_rows_without_one_are_kept() -> None:
    warnings = [("15" if row % 2 else "40 51") if row % 3 == 0 else "" for row in range(N)]
    draft = drafted({"SalePrice": PRICE, "SaleWarning": warnings, "SqFtTotLiving": SIZE})
    assert 'where = "`SaleWarning` is missing"' in note_of(draft, "How homes were sold")


def test_a_remark_in_one_row_says_nothing_of_how_homes_were_sold() -> None:
    kinds = ["Some listings are not included", *["PAST SALE"] * (N - 1)]
    draft = drafted({"PRICE": PRICE, "SALE TYPE": kinds, "SQUARE FEET": SIZE})
    assert not [note for note in draft.notes if "How homes were sold" in note]
