"""Sales that are set aside: what a training, a refresh and an evaluation do with them, and what they say."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from estimator.market.validation import reasons as why
from estimator.market.validation.reasons import SET_ASIDE_FILE
from estimator.model.recipe import RECIPE
from estimator.registry import MANIFEST, load_version, version_folder
from estimator.report import PAGE
from tests.conftest import PUBLISH_ANYWAY, run_command
from tests.market.validation.county import COUNTY, county_sales

pytestmark = pytest.mark.training

LATE, EARLY = "2019-11-01", "2016-02-01"
"""Days of a test and of a training sale."""


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A county's market folder; its file has ten $1 deeds, two prices with a digit too many, and one lost price.

    Rows, from 0, by what is wrong with them: 0 to 9 are deeds, of which 5 to 9 are late; 10 is early and 11 late
    with a digit too many; 12 has no price.
    """
    folder = tmp_path_factory.mktemp("county")
    table = county_sales(900, seed=5)
    table.loc[:9, "price"] = "1"
    table.loc[[10, 11], "price"] = (table.loc[[10, 11], "price"].astype(int) * 10).astype(str)
    table.loc[12, "price"] = ""
    table.loc[[*range(5), 10, 12], "date"] = EARLY
    table.loc[[*range(5, 10), 11], "date"] = LATE
    table.to_csv(folder / "sales.csv", index=False)
    declared = COUNTY.to_dict()
    lines = [f"{key} = {json.dumps(declared[key])}" for key in ("name", "currency", "sales", "price")]
    lines += ['sale_date = "date"', 'sale_id = "id"']
    for feature in declared["features"]:
        lines += ["[[features]]", *(f"{key} = {json.dumps(value)}" for key, value in feature.items())]
    (folder / "market.toml").write_text("\n".join(lines), encoding="utf-8")
    (folder / RECIPE).write_text("networks = 1\nmembers = 2\nwidth = 16\nepochs = 2\n")
    return folder


def train(market: Path, models: Path, *options: object) -> tuple[Path, str]:
    """Train a model; return its folder and what was printed."""
    run = run_command("train", PUBLISH_ANYWAY, "--market", market, "--models", models, *options)
    assert run.exit_code == 0, run.stderr
    return version_folder(models / "county"), run.stderr + run.stdout


def listed(version: Path) -> dict[int, str]:
    """Return row of the table, from 0 → reason."""
    table = pd.read_csv(version / SET_ASIDE_FILE)
    return dict(zip((table["row"] - 2).tolist(), table["reason"].tolist(), strict=True))


@pytest.fixture(scope="module")
def trained(market: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    return train(market, tmp_path_factory.mktemp("models"))


EXPECTED = dict.fromkeys(range(10), why.FAR_PRICE) | {10: why.RESIDUAL, 12: why.MISSING}


def test_wrong_sales_are_listed_beside_the_version_and_a_test_sale_is_not_judged_by_a_model(
    trained: tuple[Path, str],
) -> None:
    assert listed(trained[0]) == EXPECTED


def test_output_manifest_and_report_count_them_and_tell_the_accuracy_with_and_without(
    trained: tuple[Path, str],
) -> None:
    folder, printed = trained
    manifest = json.loads((folder / MANIFEST).read_text())
    record = manifest["set_aside"]
    assert (record["rows"], record["sales"], record["leads"]) == (manifest_rows(manifest), 12, False)
    assert record["by_reason"] == {why.FAR_PRICE: 10, why.RESIDUAL: 1, why.MISSING: 1}
    assert record["test_sales"] == 5
    with_them, without = record["error_figures_with"], manifest["error_figures"]["all_facts"]
    assert with_them["n"] == without["n"] + 5
    assert with_them["log_rmse"] > 3 * without["log_rmse"]
    page = (folder / PAGE).read_text()
    for text in (printed, page):
        assert why.FAR_PRICE in text
        assert "row 2, price 1" in text
    assert f"set aside 12 of {record['rows']:,} sales" in printed
    assert "; 12 set aside" in printed
    assert "of the test sales 5 were set aside" in printed


def manifest_rows(manifest: dict[str, dict[str, int]]) -> int:
    return sum(manifest["sales"].values()) + 12


def test_a_sale_that_the_user_keeps_is_learned_from_and_the_decision_is_recorded(
    market: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine.csv").write_text("action,row,note\nkeep,2,a real bargain\nkeep,12,a palace\ndrop,40,mine\n")
    folder, _ = train(market, tmp_path / "models", "--overrides", tmp_path / "mine.csv")
    kept = {row: reason for row, reason in EXPECTED.items() if row not in {0, 10}}
    assert listed(folder) == kept | {38: why.DROPPED}
    record = json.loads((folder / MANIFEST).read_text())["set_aside"]
    assert [entry["note"] for entry in record["overrides"]] == ["a real bargain", "a palace", "mine"]
    assert load_version(folder).appraiser.model.sales.price.min() == 1.0


def test_strict_refuses_the_file(market: Path, tmp_path: Path) -> None:
    run = run_command("train", "--strict", "--market", market, "--models", tmp_path)
    assert run.exit_code == 2
    assert "1 sale cannot be used\n  row 14, column price: is required" in run.stderr


def test_an_evaluation_sets_wrong_sales_aside(trained: tuple[Path, str], market: Path) -> None:
    run = run_command("evaluate", "--json", "--model", trained[0], market / "sales.csv")
    assert run.exit_code == 0, run.stderr
    assert "price far from all others: 10, such as row" in run.stderr
    assert json.loads(run.stdout)["all_facts"]["n"] <= manifest_rows(
        json.loads((trained[0] / MANIFEST).read_text())
    )
    assert np.isfinite(json.loads(run.stdout)["all_facts"]["log_rmse"])


def test_a_refresh_with_a_few_sales_compares_them_with_the_known_ones(
    trained: tuple[Path, str], tmp_path: Path
) -> None:
    new = county_sales(400, seed=5).iloc[:30].assign(date="2020-01-15")
    new["id"] = [f"new{row}" for row in range(len(new))]
    new.loc[new.index[[3, 4]], ["price", "lon"]] = [["1", new["lon"].iloc[3]], [new["price"].iloc[4], "83.5"]]
    new.to_csv(tmp_path / "new.csv", index=False)
    run = run_command("refresh", PUBLISH_ANYWAY, "--model", trained[0], "--sales", tmp_path / "new.csv")
    assert run.exit_code == 0, run.stderr
    assert "added 28 sales" in run.stdout
    assert listed(version_folder(trained[0].parent)) == {3: why.FAR_PRICE, 4: why.MIRRORED_PLACE}
