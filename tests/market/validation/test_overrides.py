"""The user's override file wins over all rules."""

from pathlib import Path

import pytest

from estimator.errors import DataError
from estimator.market.sales_file import read_validated_sales
from estimator.market.validation import reasons as why
from estimator.market.validation.overrides import Override, read_overrides
from estimator.market.validation.validate import ValidatedSales
from tests.market.validation.town import TOWN, reasons, town_sales


def with_overrides(folder: Path, overrides: str) -> ValidatedSales:
    """Validate a town whose sales of rows 5 and 6 have nominal prices and whose row 7 has no size."""
    table = town_sales()
    table.loc[[3, 4], "price"] = "1"
    table.loc[5, "m2"] = ""
    table.to_csv(folder / "sales.csv", index=False)
    (folder / "overrides.csv").write_text(overrides)
    return read_validated_sales(TOWN, folder / "sales.csv", None, read_overrides(folder / "overrides.csv"))


def test_a_sale_that_the_user_keeps_is_used_and_one_that_is_dropped_is_not(tmp_path: Path) -> None:
    sales = with_overrides(tmp_path, "Action,Row,ID,Note\nkeep,5,,I was there\nDrop,,h9,my own house\n\n")
    assert reasons(sales) == {4: why.FAR_PRICE, 5: why.MISSING, 9: why.DROPPED}
    assert sales.kept.tolist() == [row == 5 for row in sales.row]
    assert sales.overrides == (
        Override("keep", "", 5, "I was there"),
        Override("drop", "h9", None, "my own house"),
    )
    assert [entry.detail for entry in sales.set_aside if entry.reason == why.DROPPED] == ["my own house"]


def test_the_later_of_two_overrides_wins(tmp_path: Path) -> None:
    assert 3 not in reasons(with_overrides(tmp_path, "action,row\ndrop,5\nkeep,5\n"))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ("row,note\n5,x\n", "the columns must be action, id or row, and note"),
        ("action,row\nuse,5\n", "row 2: action 'use' is not one of keep, drop"),
        ("action,row,id\nkeep,5,h3\n", "row 2: give either the id of a home or the row of a sale"),
        ("action,row\nkeep,five\n", "row 2: row 'five' is not a number of a row"),
        ("action,row\nkeep,1\n", "'keep row 1': .* has no such sale"),
        ("action,row\nkeep,402\n", "'keep row 402': .* has no such sale"),
        ("action,id\ndrop,h400\n", "'drop id h400': .* has no such sale"),
        ("action,row\nkeep,7\n", "'keep row 7': row 7, m2: is required; it cannot be used"),
    ],
)
def test_an_override_that_cannot_be_applied_is_refused(tmp_path: Path, overrides: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        with_overrides(tmp_path, overrides)
