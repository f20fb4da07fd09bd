"""The command trains as `train` does, follows the model through the same sales, and saves nothing."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from estimator.registry import load_version
from tests.conftest import PUBLISH_ANYWAY, estimator, run_command, thin_king_county
from tests.town import make_town


@pytest.fixture(scope="module")
def thin_market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return thin_king_county(tmp_path_factory.mktemp("thin") / "market", every=20)


@pytest.fixture(scope="module")
def printed(thin_market: Path) -> dict[str, Any]:
    before = sorted(thin_market.parent.rglob("*"))
    run = estimator("walk-forward", "--market", thin_market, "--seed", 3, "--json")
    assert (run.returncode, run.stderr) == (0, "")
    assert sorted(thin_market.parent.rglob("*")) == before
    figures: dict[str, Any] = json.loads(run.stdout)
    return figures


@pytest.mark.training
def test_train_records_and_prints_the_figures_that_walk_forward_prints(
    thin_market: Path, printed: dict[str, Any], tmp_path: Path
) -> None:
    run = run_command("train", PUBLISH_ANYWAY, "--market", thin_market, "--models", tmp_path, "--seed", 3)
    assert run.exit_code == 0, run.output
    manifest = load_version(tmp_path / "king_county").manifest
    assert manifest["walk_forward"] == printed
    all_facts = manifest["error_figures"]["all_facts"]
    for name in ("n", "hit_rate", "log_rmse", "mdape", "ppe10", "coverage"):
        assert printed["frozen"][name] == all_facts[name], "the evaluated model is the frozen one"
    assert f"on the test sales: {printed['refreshed']['mdape']:.4g}% and " in run.stdout


@pytest.mark.training
def test_the_table_has_a_row_for_each_month_and_the_same_figures_as_json(
    thin_market: Path, printed: dict[str, Any]
) -> None:
    run = run_command("walk-forward", "--market", thin_market, "--seed", 3)
    lines = run.stdout.splitlines()
    half = lines.index("never refreshed")
    columns = lines[1].split()
    for model, table in (("refreshed", lines[2:half]), ("frozen", lines[half + 2 :])):
        expected = {entry["month"]: entry[model] for entry in printed["months"]} | {"all": printed[model]}
        rows = pd.DataFrame([line.split() for line in table], columns=["month", *columns]).set_index("month")
        assert rows.index.tolist() == list(expected)
        for month, row in rows.iterrows():
            figures = expected[str(month)]
            assert list(figures) == columns
            assert row.astype(float).to_dict() == pytest.approx(figures, rel=1e-3)


@pytest.mark.training
def test_sales_chosen_at_random_are_not_followed(thin_market: Path, tmp_path: Path) -> None:
    run = run_command("train", PUBLISH_ANYWAY, "--market", thin_market, "--models", tmp_path, "--split", "random")
    assert run.exit_code == 0, run.output
    assert load_version(tmp_path / "king_county").manifest["walk_forward"] is None
    assert "refreshed every month" not in run.stdout


def test_a_market_without_dates_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    make_town(tmp_path / "town")
    run = run_command("walk-forward", "--market", tmp_path / "town")
    assert run.exit_code == 2
    assert "market 'town' declares no sale_date; a model can be followed month by month only" in run.stderr
