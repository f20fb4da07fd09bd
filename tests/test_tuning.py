"""The search for a recipe: on the validation sales alone, interrupted and resumed, with its result in one file."""

import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from estimator.cli import main
from estimator.model.recipe import BOUNDS, DEFAULTS, RECIPE, Recipe, read_settings
from estimator.registry import load_version
from estimator.report.files import read_report
from estimator.trial_setup import MAX_TRIAL_NETWORKS, prepare_trials
from estimator.tuning import SEARCHED, _run_trial
from tests.conftest import PUBLISH_ANYWAY, environment, estimator
from tests.town import make_town

pytestmark = pytest.mark.training

QUICK = "epochs = 4\nnetworks = 3\n"
"""Settings that are not searched: few epochs for short trials, and a number of networks for `train` alone."""
TRIED = {"depth": 1, "width": 8, "epochs": 20, "learning_rate": 0.02}
"""Settings of networks that beat kriging, so that the error is theirs and not kriging's alone."""


@pytest.fixture
def town(tmp_path: Path) -> Path:
    """A folder with the market `town` of 60 sales and a recipe to start from."""
    make_town(tmp_path / "town", 60, places=True)
    (tmp_path / "town" / RECIPE).write_text(QUICK)
    return tmp_path


def options(folder: Path, trials: int, *, jobs: int = 1, studies: str = "studies") -> list[str]:
    where = ["--market", str(folder / "town"), "--studies", str(folder / studies)]
    return ["tune", *where, "--trials", str(trials), "--jobs", str(jobs)]


def tune(folder: Path, trials: int, **more: Any) -> subprocess.CompletedProcess[str]:
    run = estimator(*options(folder, trials, **more))
    assert (run.returncode, run.stderr) == (0, "")
    return run


def tried(folder: Path, studies: str = "studies") -> list[tuple[str, float | None]]:
    """Return each trial's state and log RMSE from Optuna's tables."""
    file = folder / studies / "town.sqlite3"
    if not file.exists():
        return []
    query = "select state, value from trials left join trial_values using (trial_id) order by number"
    with closing(sqlite3.connect(file)) as connection:
        try:
            return list(connection.execute(query))
        except sqlite3.OperationalError:  # the tables are being created
            return []


def done(folder: Path, studies: str = "studies") -> list[float]:
    return [value for state, value in tried(folder, studies) if state == "COMPLETE" and value is not None]


def test_searched_settings_are_within_their_bounds() -> None:
    assert {"depth", "width", "members", "learning_rate"} <= set(SEARCHED)
    kinds = {field.name: field.type for field in fields(Recipe)}
    for name, (low, high) in SEARCHED.items():
        assert {type(low), type(high)} == {kinds[name]}
        assert BOUNDS[name][0] <= low < getattr(DEFAULTS, name) < high <= BOUNDS[name][1]


def test_without_optuna_the_error_names_a_command_to_install_it(
    town: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)  # as for a module that is not installed
    run = CliRunner().invoke(main, options(town, 2))
    assert run.exit_code == 2
    error = run.stderr.splitlines()[-1]
    assert error.startswith("Error: tune needs Optuna")
    assert "make tune" in error
    assert "requirements-tune.lock" in error
    assert not (town / "studies").exists()
    assert (town / "town" / RECIPE).read_text() == QUICK


def test_the_validation_sales_are_used_and_the_test_sales_are_not(town: Path) -> None:
    data, setup = prepare_trials(town / "town", None, 0, SEARCHED)
    file = town / "town" / "sales.csv"
    sales = pd.read_csv(file, dtype=str, keep_default_na=False)

    def hash_with_doubled_prices(part: str) -> str:
        """Hash the training set after doubling the prices of a part."""
        prices = getattr(data.parts, part).price
        other = np.where(sales["paid"].astype(float).isin(prices), 2.0, 1.0) * sales["paid"].astype(float)
        sales.assign(paid=other.astype(str)).to_csv(file, index=False)
        return joblib.hash(prepare_trials(town / "town", None, 0, SEARCHED)[1])  # type: ignore[no-any-return]

    assert hash_with_doubled_prices("test") == joblib.hash(setup)
    assert hash_with_doubled_prices("validation") != joblib.hash(setup)


def test_a_trial_gives_the_same_result_whenever_it_is_run(town: Path) -> None:
    _, setup = prepare_trials(town / "town", None, 0, SEARCHED)
    assert (setup.recipe.networks, setup.n_served, setup.recipe.epochs) == (3, 3, 4)
    first, again = (_run_trial(setup, number, TRIED) for number in (0, 1))
    assert first[0] == 0
    assert again == (1, first[1])
    assert _run_trial(setup, 0, TRIED | {"width": 9})[1] != first[1]


def test_a_trial_trains_some_of_many_networks_and_extrapolates(town: Path) -> None:
    (town / "town" / RECIPE).write_text("epochs = 4\nnetworks = 16\n")
    _, setup = prepare_trials(town / "town", None, 0, SEARCHED)
    assert (setup.recipe.networks, setup.n_served) == (MAX_TRIAL_NETWORKS, 16)
    fewer_served = replace(setup, n_served=MAX_TRIAL_NETWORKS)
    assert _run_trial(setup, 0, TRIED)[1] < _run_trial(fewer_served, 0, TRIED)[1]


def test_settings_that_diverge_have_an_infinite_error(town: Path) -> None:
    _, setup = prepare_trials(town / "town", None, 0, SEARCHED)
    assert _run_trial(setup, 7, {"learning_rate": 1e30}) == (7, np.inf)


@pytest.mark.slow
class TestSearch:
    """Needs Optuna."""

    def test_it_finds_settings_at_least_as_good_as_the_defaults_and_train_uses_them(self, town: Path) -> None:
        printed = tune(town, 4, jobs=2).stdout.splitlines()
        values = done(town)
        assert len(values) == 4
        assert printed[0] == f"validation log RMSE {min(values):.4f}, with the default settings {values[0]:.4f}"
        assert printed[-1] == f"written to {town / 'town' / RECIPE}, which `house-price train` reads"
        settings = read_settings(town / "town")
        assert set(settings) == {"epochs", "networks", *SEARCHED}
        assert (settings["epochs"], settings["networks"]) == (4, 3)
        assert printed[1:-1] == [f"{name} = {settings[name]}" for name in SEARCHED]
        _, setup = prepare_trials(town / "town", None, 0, SEARCHED)
        assert _run_trial(setup, 0, {name: settings[name] for name in SEARCHED})[1] == pytest.approx(
            min(values), rel=1e-6
        )
        train = ("train", PUBLISH_ANYWAY, "--market", town / "town", "--models", town / "models")
        assert estimator(*train).returncode == 0
        assert settings.items() <= load_version(town / "models" / "town").manifest["recipe"].items()
        reported = read_report(town / "models" / "town")["trials"]
        assert [trial["log_rmse"] for trial in reported] == sorted(values)
        assert {name: reported[0][name] for name in SEARCHED} == {name: settings[name] for name in SEARCHED}
        page = (town / "models" / "town" / "current" / "report.html").read_text()
        assert "Settings that were tried, best first" in page

    def test_the_same_seed_gives_the_same_trials(self, town: Path) -> None:
        tune(town, 3)
        recipe = (town / "town" / RECIPE).read_bytes()
        tune(town, 3, studies="others")
        assert done(town) == done(town, "others")
        assert (town / "town" / RECIPE).read_bytes() == recipe

    def test_a_search_is_resumed_for_more_trials(self, town: Path) -> None:
        tune(town, 2)
        first = done(town)
        tune(town, 3)
        tune(town, 2)
        assert done(town)[:2] == first
        assert len(done(town)) == 3

    def test_other_sales_start_a_new_search(self, town: Path) -> None:
        tune(town, 2)
        make_town(town / "town", 60, places=True, seed=1)
        tune(town, 2)
        assert len(done(town)) == 4

    def test_a_second_concurrent_search_of_the_market_is_refused(self, town: Path) -> None:
        first = start(options(town, 1000))
        try:
            wait_for(town, 1, 0, first)
            second = estimator(*options(town, 1))
        finally:
            first.kill()
            first.wait()
        assert second.returncode == 2
        assert "town is being tuned by another process" in second.stderr

    def test_a_file_that_is_not_a_study_is_reported(self, town: Path) -> None:
        (town / "studies").mkdir()
        (town / "studies" / "town.sqlite3").write_text("not a database, but long enough to be taken for one" * 100)
        run = estimator(*options(town, 1))
        assert run.returncode == 2
        assert "town.sqlite3: the study cannot be stored here" in run.stderr
        assert "Traceback" not in run.stderr


@pytest.mark.slow
class TestKill:
    """Needs Optuna. SIGKILL leaves no time to clean up."""

    def test_a_killed_and_resumed_search_gives_the_same_result(self, town: Path) -> None:
        tune(town, 6, studies="undisturbed")
        recipe = (town / "town" / RECIPE).read_bytes()
        (town / "town" / RECIPE).write_text(QUICK)
        for trials in (0, 2, 4):
            assert kill(town, trials, delay=0.02)
            assert len(done(town)) < 6
            assert (town / "town" / RECIPE).read_text() == QUICK
        tune(town, 6)
        assert done(town) == done(town, "undisturbed")
        assert (town / "town" / RECIPE).read_bytes() == recipe
        assert {state for state, _ in tried(town)} <= {"COMPLETE", "FAIL"}

    @pytest.mark.timeout(900)
    def test_kills_at_random_times_lose_no_finished_trial(self, town: Path) -> None:
        rng = np.random.default_rng(0)
        finished: list[float] = []
        for number in range(8):
            kill(town, len(finished) + number % 2, delay=float(rng.exponential(0.3)), jobs=2, total=1000)
            now = done(town)
            assert set(finished) <= set(now)
            finished = now
            assert [path.name for path in sorted((town / "town").iterdir())] == [
                "market.toml",
                RECIPE,
                "sales.csv",
            ]
            assert (town / "town" / RECIPE).read_text() == QUICK
        assert finished
        tune(town, len(finished) + 2, jobs=2)
        assert len(done(town)) == len(finished) + 2
        assert "RUNNING" not in {state for state, _ in tried(town)}


def start(arguments: list[str]) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "estimator", *arguments]
    return subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def wait_for(folder: Path, trials: int, before: int, search: "subprocess.Popen[bytes]") -> None:
    """Wait until so many trials are done and a new one is running, or the search ends."""
    while search.poll() is None and (len(done(folder)) < trials or "RUNNING" not in dict(tried(folder)[before:])):
        time.sleep(0.01)


def kill(folder: Path, trials: int, delay: float, *, jobs: int = 1, total: int = 6) -> bool:
    """Start a search and kill it a delay (s) after so many trials; return whether it was still running."""
    before = len(tried(folder))
    search = start(options(folder, total, jobs=jobs))
    wait_for(folder, trials, before, search)
    time.sleep(delay)
    search.kill()
    return search.wait() == -signal.SIGKILL
