"""A market's recipe.toml: read strictly, written whole, used by train and told in the manifest."""

import os
import re
import tomllib
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from estimator.errors import DataError
from estimator.model.recipe import (
    BOUNDS,
    DEFAULTS,
    LOG_RMSE,
    RECIPE,
    TRIALS,
    Recipe,
    Settings,
    read_recipe,
    read_remarks,
    read_settings,
    read_trials,
    write_settings,
    write_trials,
)
from estimator.registry import load_version
from estimator.training import train_market
from tests.conftest import estimator
from tests.town import make_town

QUICK: Settings = {"networks": 1, "members": 2, "depth": 1, "width": 8, "epochs": 2, "weight_decay": 0.0}


def trained(folder: Path, models: str) -> Path:
    return train_market(folder / "town", None, folder / models, split=None, seed=0).folder


@pytest.fixture
def town(tmp_path: Path) -> Path:
    """A folder with the market `town` of 60 sales."""
    make_town(tmp_path / "town", 60)
    return tmp_path


def test_a_folder_without_the_file_has_the_default_recipe(tmp_path: Path) -> None:
    assert read_recipe(tmp_path) == Recipe()


def test_what_the_file_leaves_out_is_the_default(tmp_path: Path) -> None:
    (tmp_path / RECIPE).write_text("# wider\nwidth = 200\nlearning_rate = 2e-3\n")
    assert read_recipe(tmp_path) == replace(Recipe(), width=200, learning_rate=0.002)


def test_a_whole_number_is_a_number(tmp_path: Path) -> None:
    (tmp_path / RECIPE).write_text("weight_decay = 0\n")
    value = read_settings(tmp_path)["weight_decay"]
    assert (value, type(value)) == (0.0, float)


def test_what_the_file_says_to_people_comes_back(tmp_path: Path) -> None:
    assert read_remarks(tmp_path) == ""
    write_settings(tmp_path, {"depth": 2}, "The best of 3 trials.\nOthers were worse.")
    assert read_remarks(tmp_path) == "The best of 3 trials. Others were worse."


def test_what_was_tried_comes_back_best_first(tmp_path: Path) -> None:
    assert read_trials(tmp_path) == []
    tried = [{"depth": 3, LOG_RMSE: 0.2}, {"depth": 1, LOG_RMSE: np.inf}, {"depth": 2, LOG_RMSE: 0.1}]
    assert write_trials(tmp_path, tried) == tmp_path / TRIALS
    assert read_trials(tmp_path) == [
        {"depth": 2.0, LOG_RMSE: 0.1},
        {"depth": 3.0, LOG_RMSE: 0.2},
        {"depth": 1.0, LOG_RMSE: None},
    ]
    (tmp_path / TRIALS).write_text("depth,log_rmse\ndeep,0.1\n")
    with pytest.raises(DataError, match=r"trials\.csv: could not convert"):
        read_trials(tmp_path)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("dept = 3", "'dept' is no setting; known are networks, members, depth, "),
        ("[network]\ndepth = 3", "'network' is no setting"),
        ("depth = 0", "'depth' is 0; it takes a whole number from 1 to 16"),
        ("depth = 17", "'depth' is 17; it takes a whole number from 1 to 16"),
        ("depth = -99999999999999999999", "'depth' is -99999999999999999999; it takes"),
        ("depth = 3.0", "'depth' is 3.0; it takes a whole number"),
        ("depth = true", "'depth' is True; it takes a whole number"),
        ('width = "128"', "'width' is '128'; it takes a whole number from 1 to 2048"),
        ("width = [128, 64]", "'width' is [128, 64]; it takes a whole number"),
        ("learning_rate = 0", "'learning_rate' is 0; it takes a number from 1e-06 to 1"),
        ("learning_rate = nan", "'learning_rate' is nan; it takes a number"),
        ("learning_rate = inf", "'learning_rate' is inf; it takes a number"),
        ("withheld_share = 1.01", "'withheld_share' is 1.01; it takes a number from 0 to 1"),
        ("withheld_share = false", "'withheld_share' is False; it takes a number"),
        ("depth = 3\nwidth 8", "(at line 2, column 7)"),
        ("depth = 3\ndepth = 3", "Cannot overwrite a value"),
        (b"depth = 3 # \xe9", "can't decode byte 0xe9"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_with_its_value_and_bounds(
    tmp_path: Path, content: str | bytes, complaint: str
) -> None:
    (tmp_path / RECIPE).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=re.escape(complaint)) as error:
        read_recipe(tmp_path)
    assert str(error.value).startswith(f"{tmp_path / RECIPE}: ")


def test_a_folder_in_the_place_of_the_file_is_told(tmp_path: Path) -> None:
    (tmp_path / RECIPE).mkdir()
    with pytest.raises(DataError, match="Is a directory"):
        read_recipe(tmp_path)


@pytest.mark.parametrize("name", [field.name for field in fields(Recipe)])
def test_every_setting_is_explained_and_takes_its_default_and_its_bounds(tmp_path: Path, name: str) -> None:
    assert re.search(rf"\b{name}\b", Recipe.__doc__ or "")
    for value in (*BOUNDS[name], getattr(DEFAULTS, name)):
        assert read_settings(write_settings(tmp_path, {name: value}, "").parent) == {name: value}


def test_there_are_bounds_of_settings_alone() -> None:
    assert set(BOUNDS) == set(asdict(DEFAULTS))


def test_what_is_written_is_toml_that_people_can_read(tmp_path: Path) -> None:
    written: Settings = {"depth": 2, "learning_rate": 1e-05, "weight_decay": 0.0123}
    file = write_settings(tmp_path, written, "Two\nlines.")
    assert file.read_text() == "# Two\n# lines.\ndepth = 2\nlearning_rate = 1e-05\nweight_decay = 0.0123\n"
    assert tomllib.loads(file.read_text()) == read_settings(tmp_path) == written


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_settings(tmp_path, {"depth": 2}, "")
    old = file.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match=r"recipe\.toml: .*No space left"):
        write_settings(tmp_path, {"depth": 3}, "")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [old]


def test_train_uses_the_recipe_and_the_manifest_tells_it(town: Path) -> None:
    write_settings(town / "town", QUICK, "")
    saved = load_version(trained(town, "models"))
    assert saved.manifest["recipe"] == asdict(Recipe()) | QUICK
    networks: list[Any] = saved.appraiser.state()["model"]["networks"]
    assert len(networks) == 1
    (town / "town" / RECIPE).unlink()
    by_default = load_version(trained(town, "others"))
    assert by_default.manifest["recipe"] == asdict(Recipe())
    assert len(by_default.appraiser.state()["model"]["networks"]) == Recipe().networks


def test_the_defaults_written_out_make_the_same_model_as_no_file(town: Path) -> None:
    write_settings(town / "town", QUICK, "")
    short = (trained(town, "short") / "appraiser.joblib").read_bytes()
    write_settings(town / "town", asdict(DEFAULTS) | QUICK, "")
    assert (trained(town, "long") / "appraiser.joblib").read_bytes() == short


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_facts_may_be_withheld_from_no_sale_and_from_every(town: Path, share: float) -> None:
    write_settings(town / "town", QUICK | {"withheld_share": share}, "")
    assert load_version(trained(town, "models")).manifest["recipe"]["withheld_share"] == share


def test_train_refuses_a_wrong_recipe_with_exit_code_2_and_saves_nothing(town: Path) -> None:
    (town / "town" / RECIPE).write_text("epochs = 0\n")
    run = estimator("train", "--market", town / "town", "--models", town / "models")
    assert run.returncode == 2
    assert f"{town / 'town' / RECIPE}: 'epochs' is 0; it takes a whole number from 1 to 1000" in run.stderr
    assert "Traceback" not in run.stderr
    assert not (town / "models").exists()
