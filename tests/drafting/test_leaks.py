import numpy as np
import pyarrow as pa
import pytest

from estimator.drafting.leaks import reason_by_name, reason_by_values
from estimator.drafting.profiles import profile_table

RNG = np.random.default_rng(0)
SIZE = RNG.lognormal(7.5, 0.4, 500).round()
PRICE = (200 * SIZE * np.exp(RNG.normal(0, 0.2, 500))).round()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("ListPrice", "leaks the price"),
        ("asking_price", "leaks the price"),
        ("price_per_sqft", "leaks the price"),
        ("TaxAssessedValue", "leaks the price"),
        ("Total Appraised Value", "leaks the price"),
        ("land_value", "leaks the price"),
        ("stamp_duty", "leaks the price"),
        ("Sale_Condition", "known only after the sale"),
        ("DaysOnMarket", "known only after the sale"),
        ("ppd_category_type", "known only after the sale"),
        ("YrSold", "says when the home sold"),
        ("month", "says when the home sold"),
        ("buyer_name", "about persons"),
        ("paon", "a part of the address"),
        ("StreetNumber", "a part of the address"),
        ("PublicRemarks", "a reference or a text"),
        ("ListingKey", "a reference or a text"),
        ("MKT_VAL", "leaks the price"),  # a county's deeds
        ("INSTR_TYPE", "known only after the sale"),
        ("SITUS_ADDR", "a part of the address"),
        ("DEED_BOOK", "a reference or a text"),
        ("transaction_day", "says when the home sold"),  # Seoul
        ("nature_mutation", "known only after the sale"),  # French DVF
        ("MLS#", "a reference or a text"),
        ("RecordingNbr", "a reference or a text"),
        ("Type of Sale", "known only after the sale"),
        ("id_mutation", "a reference or a text"),
        ("adresse_numero", "a part of the address"),
        ("Y house price of unit area", "leaks the price"),  # Taipei
    ],
)
def test_names_tell_why_a_column_is_not_used(name: str, reason: str) -> None:
    assert str(reason_by_name(name)).startswith(reason)


@pytest.mark.parametrize(
    "name",
    ["Land_Contour", "Total_Bsmt_SF", "view", "street", "Garage_Type", "Year_Built", "lot_size", "Misc_Val"],
)
def test_names_of_facts_give_no_reason(name: str) -> None:
    assert reason_by_name(name) is None


@pytest.mark.parametrize(
    ("values", "leaks"),
    [
        (PRICE * 1.03, True),
        (PRICE / 100_000, True),
        (PRICE / SIZE, True),
        (PRICE * np.exp(RNG.normal(0, 0.04, 500)), True),
        (SIZE, False),
        (RNG.integers(1, 6, 500), False),
    ],
)
def test_values_that_tell_the_price_leak(values: np.ndarray, leaks: bool) -> None:
    column = profile_table(pa.table({"x": np.asarray(values, np.float64)}), ".")[0]
    assert (reason_by_values(column, PRICE, SIZE) is not None) == leaks


def test_few_sales_prove_no_leak() -> None:
    column = profile_table(pa.table({"x": PRICE[:20]}), ".")[0]
    assert reason_by_values(column, PRICE[:20], None) is None


def test_a_number_does_not_leak_prices_that_are_all_the_same() -> None:
    latitude = profile_table(pa.table({"x": RNG.normal(48, 0.05, 500)}), ".")[0]
    assert reason_by_values(latitude, np.full(500, 300_000.0), SIZE) is None
