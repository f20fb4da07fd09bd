"""`house-price equity`: what a penalty on regressive values gains and costs, on validation sales."""

from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest

from estimator.equity_dial import DEFAULT_WEIGHTS, SETTING, EquityDial, equity_dial
from estimator.errors import DataError
from estimator.model.ensemble import train_ensemble
from estimator.model.recipe import BOUNDS
from estimator.report.equity_page import render_dial
from estimator.trial_setup import prepare_trials
from tests.conftest import run_command, thin_king_county
from tests.report.page_parser import Page, at

RECIPE = "networks = 1\nmembers = 2\ndepth = 1\nwidth = 16\nepochs = 6\n"


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every 10th of King County's sales, 217 of them to validate on, and networks that train in a second.

    On a hundred sales chance would decide which of two weights is more accurate.
    """
    folder = thin_king_county(tmp_path_factory.mktemp("dial") / "county", every=10)
    (folder / "recipe.toml").write_text(RECIPE)
    return folder


@pytest.fixture(scope="module")
def dial(county: Path) -> EquityDial:
    return equity_dial(county, None, 0, (3.0, 0.0))


@pytest.mark.training
def test_a_weight_makes_values_less_regressive_and_costs_accuracy(dial: EquityDial) -> None:
    without, penalised = dial.points
    assert (without.weight, penalised.weight) == (0.0, 3.0)
    for measure in ("prb", "mki"):
        values = [point.study[measure] for point in dial.points]
        assert values[0] is not None
        assert values[1] is not None
        assert values[0] < values[1]
    assert without.log_rmse < penalised.log_rmse < 1.2 * without.log_rmse
    assert dial.sales == 217


@pytest.mark.training
def test_the_weight_0_is_the_training_that_a_market_has_without_the_setting(
    county: Path, dial: EquityDial
) -> None:
    data, setup = prepare_trials(county, None, 0, (SETTING,))
    ensemble = train_ensemble(setup.training_set, setup.recipe, deepcopy(setup.rng))
    assert dial.points[0].log_rmse == pytest.approx(ensemble.log_rmse, rel=1e-9)
    assert len(data.parts.validation) == dial.sales


@pytest.mark.training
def test_the_page_shows_every_point_and_draws_it(dial: EquityDial) -> None:
    numbers = dial.to_dict()
    html = render_dial(numbers)
    page = Page(html)
    for _, pointer, value, _ in page.numbers:
        expected = at(numbers, pointer)
        assert float(value) == expected
    assert {f"/points/{row}/{name}" for row in (0, 1) for name in ("weight", "mdape", "prb", "vei")} <= {
        pointer for _, pointer, _, _ in page.numbers
    }
    assert "ρ = 3" in html
    assert "script" not in page.tags
    few = numbers | {"points": [point | {"vei": None} for point in numbers["points"]]}
    assert "Too few validation sales for PRB and VEI" in render_dial(few)


@pytest.mark.training
def test_the_command_prints_the_points_and_writes_the_page(county: Path, tmp_path: Path) -> None:
    run = run_command("equity", "--market", county, "--weights", "1", tmp_path / "dial.html")
    assert run.exit_code == 0, run.output
    assert "mdape" in run.output
    assert "Equity dial: king county" in (tmp_path / "dial.html").read_text(encoding="utf-8")


def test_weights_that_cannot_be_used_are_refused(county: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="weight 1001 must be from 0 to 1000"):
        equity_dial(county, None, 0, (0.0, 1001.0))
    run = run_command("equity", "--market", county, "--weights", "1,a", tmp_path / "dial.html")
    assert run.exit_code == 2
    assert "'1,a' must be numbers separated by commas" in run.output
    low, high = BOUNDS[SETTING]
    assert all(low <= weight <= high for weight in DEFAULT_WEIGHTS)
    assert np.all(np.diff(DEFAULT_WEIGHTS) > 0)
