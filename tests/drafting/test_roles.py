"""The price and the day of sale in cities' files."""

import numpy as np
import pytest

from estimator.errors import DataError
from tests.drafting.city import DAYS, PRICE, SIZE, drafted


@pytest.mark.parametrize(
    ("price", "date"),
    [
        ("precio", "fecha"),
        ("Valor de Transação", "Data de Transação"),
        ("거래금액(만원)", "datum"),
        ("SALE_AMT", "SALE_DT"),
        ("price_usd", "sold"),
        ("Cena", "Data transakcji"),
        ("Transacted Price ($)", "Sale Date"),
    ],
)
def test_names_of_other_languages_are_known(price: str, date: str) -> None:
    draft = drafted({price: PRICE, date: DAYS, "m2": SIZE})
    assert draft.price.column == price
    assert draft.sale_date is not None
    assert draft.sale_date.column == date


@pytest.mark.parametrize("name", ["list_price", "price per unit area", "Last Price"])
def test_another_price_is_not_taken_for_that_of_the_sale(name: str) -> None:
    with pytest.raises(DataError, match="no column has the name of a sale price"):
        drafted({name: PRICE, "sqft": SIZE})


def test_of_two_prices_without_usual_names_none_is_taken() -> None:
    with pytest.raises(DataError, match="name it with --price"):
        drafted({"price_a": PRICE, "price_b": PRICE[::-1], "sqft": SIZE})


def test_abbreviated_prices_are_named_with_an_example() -> None:
    short = [f"{cell // 1000}K" for cell in np.asarray(PRICE)]
    with pytest.raises(DataError, match=f"'price' has the name of a sale price, but 100% .* such as '{short[0]}'"):
        drafted({"price": short, "sqft": SIZE})


@pytest.mark.parametrize("form", ["{:,}", "{:,} €", "€ {:,}"])
def test_prices_whose_points_separate_thousands_are_not_read_as_a_thousandth(form: str) -> None:
    prices = [form.format(cell).replace(",", ".") for cell in np.clip(PRICE, 100_000, 900_000)]
    draft = drafted({"Kaufpreis": prices, "sqm": SIZE})
    assert draft.decimal_mark == ","


def test_a_point_that_other_numbers_prove_separates_decimals() -> None:
    prices = [f"{cell / 1000:.3f}" for cell in np.clip(PRICE, 1_000, 900_000)]
    assert drafted({"price": prices, "sqm": SIZE + 0.25}).decimal_mark == "."
