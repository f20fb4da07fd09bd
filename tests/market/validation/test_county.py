"""A county's file with two percent of faults of many kinds: each is found, and hardly any right sale is lost."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from estimator.market.sales_file import read_validated_sales
from estimator.market.validation.residuals import absurd_prices
from tests.market.validation.county import COUNTY, county_sales, spoiled_county

N = 30_000


@pytest.mark.parametrize("seed", [0, 1])
def test_all_planted_faults_are_set_aside_with_their_reasons_and_few_right_sales(
    tmp_path: Path, seed: int
) -> None:
    table, planted = spoiled_county(N, seed, share=0.02)
    table.to_csv(tmp_path / "sales.csv", index=False)
    sales = read_validated_sales(COUNTY, tmp_path / "sales.csv")
    found = {entry.row - 2: entry.reason for entry in sales.set_aside}
    wrong = {row: (reason, found.get(row)) for row, reason in planted.items() if found.get(row) != reason}
    assert Counter(wrong.values()) == {}
    assert len(set(planted.values())) >= 10
    lost = set(found) - set(planted)
    assert len(lost) < 0.005 * (len(table) - len(planted))


def test_prices_with_a_digit_too_many_or_too_few_are_found_and_hardly_any_other(tmp_path: Path) -> None:
    table = county_sales(6_000, seed=3)
    rng = np.random.default_rng(0)
    rows = rng.choice(len(table), 60, replace=False)
    factor = np.where(rng.random(60) < 0.5, 10.0, 0.1)
    table.loc[rows, "price"] = (table.loc[rows, "price"].astype(int) * factor).astype(int).astype(str)
    table.to_csv(tmp_path / "sales.csv", index=False)
    sales = read_validated_sales(COUNTY, tmp_path / "sales.csv")
    absurd = set((sales.row[absurd_prices(COUNTY, sales.sales).absurd] - 2).tolist())
    aside = {entry.row - 2 for entry in sales.set_aside}
    assert len(set(rows.tolist()) & (absurd | aside)) >= 54
    assert len((absurd | aside) - set(rows.tolist())) < 0.005 * len(table)
