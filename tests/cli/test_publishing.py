"""`house-price train` and `refresh` publish what passes the gate; what does not is saved, with exit code 3."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from estimator.appraiser import Appraiser
from estimator.cli.publishing import EXIT_NOT_PUBLISHED
from estimator.market.sales import Parts
from estimator.registry import CURRENT, load_version, publish, save_version
from estimator.report import PAGE
from tests.conftest import KING_COUNTY, PUBLISH_ANYWAY, environment, run_command
from tests.town import make_town

pytestmark = pytest.mark.training

TOO_STRICT = "\n[gate]\nmax_error_ratio = 0.02\n"
"""A gate that no model of a town with noisy prices passes."""


@dataclass(frozen=True)
class Town:
    """The folder of a market, and the folder of its versions."""

    market: Path
    versions: Path

    def train(self, *options: str) -> tuple[int, str, str]:
        """Train; return the exit code and what was printed to stdout and stderr."""
        models = self.versions.parent
        run = run_command("train", "--market", self.market, "--models", models, *options)
        return run.exit_code, run.stdout, run.stderr

    @property
    def newest(self) -> Path:
        return max(path for path in self.versions.iterdir() if path.name not in {CURRENT, ".lock"})


@pytest.fixture
def town(tmp_path: Path) -> Town:
    make_town(tmp_path / "market")
    return Town(tmp_path / "market", tmp_path / "models" / "town")


def stop_all(town: Town) -> None:
    with (town.market / "market.toml").open("a") as file:
        file.write(TOO_STRICT)


def test_a_model_that_passes_is_published_and_one_that_does_not_leaves_it_published(town: Town) -> None:
    code, printed, errors = town.train()
    assert (code, errors) == (0, "")
    first = town.newest
    assert printed.splitlines()[-1] == f"published {first}"
    assert load_version(town.versions).manifest["gate"]["passed"] is True

    stop_all(town)
    code, printed, errors = town.train()
    assert code == EXIT_NOT_PUBLISHED == 3
    assert town.newest != first
    assert printed.splitlines()[-1] == f"saved {town.newest}"
    head, reason, advice = errors.splitlines()
    assert head == "not published, since it does not pass the gate:"
    assert "times that of a ridge regression" in reason
    assert "above the limit of 0.02: a far simpler model is nearly as good" in reason
    assert PUBLISH_ANYWAY in advice
    assert load_version(town.versions).folder == first
    gate = load_version(town.newest).manifest["gate"]
    assert (gate["passed"], gate["publish_anyway"]) == (False, False)
    assert reason.strip() in [check["reason"] for check in gate["checks"]]
    assert "so it was saved and not published" in (town.newest / PAGE).read_text()


def test_what_does_not_pass_can_be_published_anyway_and_the_manifest_says_so(town: Town) -> None:
    stop_all(town)
    code, printed, errors = town.train(PUBLISH_ANYWAY)
    assert code == 0
    assert printed.splitlines()[-1] == f"published {town.newest}"
    assert errors.startswith("published although it does not pass the gate:\n  log RMSE")
    gate = load_version(town.versions).manifest["gate"]
    assert (gate["passed"], gate["publish_anyway"]) == (False, True)


def test_with_nothing_published_the_server_and_the_commands_stop_with_the_reasons(town: Town) -> None:
    stop_all(town)
    assert town.train()[0] == EXIT_NOT_PUBLISHED
    assert not (town.versions / CURRENT).exists()
    sales = town.market / "sales.csv"
    predicted = run_command("predict", "--model", town.versions, sales, town.market / "out.csv")
    assert predicted.exit_code == 2
    serve = [sys.executable, "-m", "service", "--model", str(town.versions)]
    served = subprocess.run(serve, capture_output=True, text=True, env=environment(), check=False)
    assert served.returncode == 2
    for errors in (predicted.stderr, served.stderr):
        assert f"nothing is published here; the newest version, {town.newest.name}, was saved" in errors
        assert "times that of a ridge regression" in errors


def new_sales(parts: Parts, factor: float, count: int | None = None) -> pd.DataFrame:
    """Sales that the small model does not know, with their prices multiplied."""
    table = pd.read_csv(KING_COUNTY / "sales.csv.gz", dtype=str, keep_default_na=False).iloc[::10]
    assert parts.test.sale_id is not None
    new = table[table["id"].isin(parts.test.sale_id)].iloc[:count].copy()
    new["price"] = (factor * new["price"].astype(float)).round().astype(int).astype(str)
    return new


@pytest.fixture
def versions(appraiser: Appraiser, tmp_path: Path) -> Path:
    publish(save_version(tmp_path / "king_county", appraiser, {}))
    return tmp_path / "king_county"


def test_a_refresh_with_prices_of_another_kind_is_not_published(
    versions: Path, parts: Parts, tmp_path: Path
) -> None:
    first = load_version(versions).folder
    new_sales(parts, 1.4).to_csv(tmp_path / "new.csv", index=False)
    run = run_command("refresh", "--model", versions, "--sales", tmp_path / "new.csv")
    assert run.exit_code == EXIT_NOT_PUBLISHED
    assert "median value ÷ price 0." in run.stderr
    assert "values are too low" in run.stderr
    assert load_version(versions).folder == first
    saved = Path(run.stdout.splitlines()[-1].removeprefix("saved "))
    gate = load_version(saved).manifest["gate"]
    assert (gate["passed"], gate["judged"], gate["sales"]) == (False, "new sales", len(parts.test))
    anyway = run_command("refresh", PUBLISH_ANYWAY, "--model", versions, "--sales", tmp_path / "new.csv")
    assert anyway.exit_code == 0
    assert load_version(versions).manifest["gate"]["publish_anyway"] is True


def test_three_new_sales_far_above_their_values_decide_nothing(
    versions: Path, parts: Parts, tmp_path: Path
) -> None:
    new_sales(parts, 1.2, count=3).to_csv(tmp_path / "new.csv", index=False)
    run = run_command("refresh", "--model", versions, "--sales", tmp_path / "new.csv")
    assert run.exit_code == 0, run.stderr
    assert load_version(versions).manifest["gate"]["sales"] == 3
