"""Faults in a county's file cost a model hardly any accuracy."""

import json
from pathlib import Path

import pandas as pd
import pytest

from estimator.assessment.evaluation import ALL_FACTS, evaluate
from estimator.market.sales_file import read_sales
from estimator.model.recipe import RECIPE
from estimator.registry import load_version
from tests.conftest import train_small
from tests.market.validation.county import COUNTY, county_sales, spoiled_county

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

N = 30_000
NEWEST = "2019-07-01"
"""The sales since then are those that the models are compared on."""


def write_market(folder: Path, sales: pd.DataFrame) -> Path:
    folder.mkdir()
    market = COUNTY.to_dict()
    lines = [
        f"{key} = {json.dumps(market[key])}"
        for key in ("name", "currency", "sales", "price", "sale_date", "sale_id")
    ]
    for feature in market["features"]:
        declared = {key: value for key, value in feature.items() if value is not None}
        lines += ["[[features]]", *(f"{key} = {json.dumps(value)}" for key, value in declared.items())]
    (folder / "market.toml").write_text("\n".join(lines))
    (folder / RECIPE).write_text("networks = 1\nepochs = 5\n")
    sales.to_csv(folder / "sales.csv", index=False)
    return folder


def test_a_model_of_a_file_with_faults_is_as_accurate_as_one_of_the_right_sales(tmp_path: Path) -> None:
    right = county_sales(N, seed=0)
    spoiled, planted = spoiled_county(N, seed=0, share=0.02)
    newest = right.index[(right["date"] >= NEWEST) & ~right.index.isin(list(planted))]
    test = right.loc[newest]
    test.to_csv(tmp_path / "test.csv", index=False)
    known = pd.MultiIndex.from_frame(test[["id", "date"]])
    log_rmse = []
    for name, table in (("right", right), ("spoiled", spoiled)):
        earlier = table[~pd.MultiIndex.from_frame(table[["id", "date"]]).isin(known)]
        version = train_small(write_market(tmp_path / name, earlier), tmp_path / name / "models").folder
        figures = evaluate(load_version(version).appraiser, read_sales(COUNTY, tmp_path / "test.csv"))
        log_rmse.append(figures.figures[ALL_FACTS].log_rmse)
    assert log_rmse[1] < 1.01 * log_rmse[0]
