"""A draft of a county's file with faults of many kinds: its bounds lose no right sale, and hide no wrong one."""

import tomllib
from pathlib import Path

from estimator.drafting.draft import draft_market
from estimator.drafting.writing import market_toml
from estimator.market.market import Market
from estimator.market.sales_file import read_validated_sales
from estimator.market.tables import read_table
from tests.market.validation.county import COUNTY, spoiled_county


def test_faults_are_set_aside_as_with_a_market_file_by_hand(tmp_path: Path) -> None:
    table, planted = spoiled_county(20_000, seed=0, share=0.02)
    table.to_csv(tmp_path / "sales.csv", index=False)
    draft = draft_market(read_table(tmp_path / "sales.csv"))
    market = Market.from_dict(tomllib.loads(market_toml(draft, "county", ["sales.csv"])))
    assert {each.column for each in market.features} == {each.column for each in COUNTY.features}
    assert (market.price, market.sale_date, market.sale_id) == ("price", "date", "id")
    found = {entry.row - 2 for entry in read_validated_sales(market, tmp_path / "sales.csv").set_aside}
    assert set(planted) - found == set()
    assert len(found - set(planted)) < 0.005 * (len(table) - len(planted))
