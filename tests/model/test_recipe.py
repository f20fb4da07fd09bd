"""A market's recipe.toml: read strictly, written atomically, used by train and recorded in the manifest."""

import os
import pickle
import re
import tomllib
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from estimator.errors import DataError, SavedVersionError
from estimator.model.recipe import (
    BOUNDS,
    DEFAULTS,
    FEW_NETWORKS,
    MANY_NETWORKS,
    RECIPE,
    Recipe,
    Settings,
    read_recipe,
    read_remarks,
    read_settings,
    write_settings,
)
from estimator.registry import SavedVersion, load_version
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


def test_settings_missing_from_the_file_have_their_defaults(tmp_path: Path) -> None:
    (tmp_path / RECIPE).write_text("# wider\nwidth = 200\nlearning_rate = 2e-3\n")
    assert read_recipe(tmp_path) == replace(Recipe(), width=200, learning_rate=0.002)


def test_a_whole_number_is_valid_where_a_number_is(tmp_path: Path) -> None:
    (tmp_path / RECIPE).write_text("weight_decay = 0\n")
    value = read_settings(tmp_path)["weight_decay"]
    assert (value, type(value)) == (0.0, float)


def test_remarks_are_read_back(tmp_path: Path) -> None:
    assert read_remarks(tmp_path) == ""
    write_settings(tmp_path, {"depth": 2}, "The best of 3 trials.\nOthers were worse.")
    assert read_remarks(tmp_path) == "The best of 3 trials. Others were worse."


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("dept = 3", "unknown setting 'dept'; known settings are networks, members, depth, "),
        ("[network]\ndepth = 3", "unknown setting 'network'"),
        ("depth = 0", "'depth' is 0; it must be a whole number from 1 to 16"),
        ("depth = 17", "'depth' is 17; it must be a whole number from 1 to 16"),
        ("depth = -99999999999999999999", "'depth' is -99999999999999999999; it must be"),
        ("depth = 3.0", "'depth' is 3.0; it must be a whole number"),
        ("depth = true", "'depth' is true; it must be a whole number"),
        ('width = "128"', "'width' is \"128\"; it must be a whole number from 1 to 2048"),
        ("width = [128, 64]", "'width' is [128, 64]; it must be a whole number"),
        ("learning_rate = 0", "'learning_rate' is 0; it must be a number from 1e-06 to 1"),
        ("learning_rate = nan", "'learning_rate' is nan; it must be a number"),
        ("learning_rate = inf", "'learning_rate' is inf; it must be a number"),
        ("withheld_share = 1.01", "'withheld_share' is 1.01; it must be a number from 0 to 1"),
        ("withheld_share = false", "'withheld_share' is false; it must be a number"),
        ('losses = ["hubr"]', "'losses' is [\"hubr\"]; it must be a list of one or more of rmse, huber"),
        ('losses = ["rmse", "hubr"]', '\'losses\' is ["rmse", "hubr"]; it must be a list of'),
        ('losses = "huber"', "'losses' is \"huber\"; it must be a list of one or more of rmse, huber"),
        ("student = 1", "'student' is 1; it must be true or false"),
        ('keep_teacher = "no"', "'keep_teacher' is \"no\"; it must be true or false"),
        ("losses = []", "'losses' is []; it must be a list of one or more of rmse, huber"),
        ("losses = [[1]]", "'losses' is [[1]]; it must be a list of one or more of rmse, huber"),
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


def test_a_folder_named_like_the_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / RECIPE).mkdir()
    with pytest.raises(DataError, match="Is a directory"):
        read_recipe(tmp_path)


@pytest.mark.parametrize("name", [field.name for field in fields(Recipe)])
def test_each_setting_is_documented_and_accepts_its_default_and_its_bounds(tmp_path: Path, name: str) -> None:
    assert re.search(rf"\b{name}\b", Recipe.__doc__ or "")
    for value in (*BOUNDS.get(name, ()), getattr(DEFAULTS, name)):
        assert read_settings(write_settings(tmp_path, {name: value}, "").parent) == {name: value}


def test_all_numbers_have_bounds() -> None:
    numbers = {name for name, value in DEFAULTS.as_dict().items() if type(value) in (int, float)}
    assert set(BOUNDS) == numbers


def test_the_written_file_is_readable_toml(tmp_path: Path) -> None:
    written: Settings = {"depth": 2, "losses": ("huber", "rmse"), "learning_rate": 1e-05, "weight_decay": 0.0123}
    file = write_settings(tmp_path, written, "Two\nlines.")
    assert file.read_text() == (
        '# Two\n# lines.\ndepth = 2\nlosses = ["huber", "rmse"]\nlearning_rate = 1e-05\nweight_decay = 0.0123\n'
    )
    assert read_settings(tmp_path) == written
    assert tomllib.loads(file.read_text()) == written | {"losses": ["huber", "rmse"]}


def test_a_failed_write_keeps_the_old_file_and_leaves_no_other(
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


@pytest.mark.parametrize(
    ("sales", "facts", "networks"),
    [(1, 1, MANY_NETWORKS), (10_000, 15, MANY_NETWORKS), (10_000, 16, FEW_NETWORKS), (1_000_000, 1, FEW_NETWORKS)],
)
def test_more_networks_are_trained_where_a_training_is_short(sales: int, facts: int, networks: int) -> None:
    assert Recipe().for_sales(sales, facts) == replace(Recipe(), networks=networks)
    assert Recipe(networks=3).for_sales(sales, facts) == Recipe(networks=3)


def networks_of(saved: SavedVersion) -> list[Any]:
    networks: list[Any] = saved.appraiser.state()["model"]["networks"]
    return networks


@pytest.mark.training
def test_train_uses_the_recipe_and_records_it_in_the_manifest(town: Path) -> None:
    write_settings(town / "town", QUICK, "")
    saved = load_version(trained(town, "models"))
    assert saved.manifest["recipe"] == Recipe().as_dict() | QUICK
    assert len(networks_of(saved)) == QUICK["networks"]
    (town / "town" / RECIPE).unlink()
    by_default = load_version(trained(town, "others"))
    assert by_default.manifest["recipe"] == replace(Recipe(), networks=MANY_NETWORKS).as_dict()
    assert len(networks_of(by_default)) == 1, "the student"
    taught_by = load_version(by_default.folder, teacher=True)
    assert len(networks_of(taught_by)) == MANY_NETWORKS


@pytest.mark.training
@pytest.mark.parametrize(("settings", "networks"), [({"student": False}, 2), ({"keep_teacher": False}, 1)])
def test_a_recipe_can_serve_all_networks_and_keep_no_teacher(
    town: Path, settings: Settings, networks: int
) -> None:
    write_settings(town / "town", QUICK | {"networks": 2} | settings, "")
    saved = load_version(trained(town, "models"))
    assert len(networks_of(saved)) == networks
    with pytest.raises(
        SavedVersionError, match=r"saved without teacher\.joblib; train it again, with student and keep"
    ):
        load_version(saved.folder, teacher=True)


@pytest.mark.training
def test_a_file_with_the_defaults_makes_the_same_model_as_no_file(town: Path) -> None:
    write_settings(town / "town", QUICK, "")
    short = (trained(town, "short") / "appraiser.joblib").read_bytes()
    write_settings(town / "town", DEFAULTS.as_dict() | QUICK, "")
    assert (trained(town, "long") / "appraiser.joblib").read_bytes() == short


@pytest.mark.training
@pytest.mark.parametrize("share", [0.0, 1.0])
def test_facts_can_be_withheld_from_no_sale_and_from_all(town: Path, share: float) -> None:
    write_settings(town / "town", QUICK | {"withheld_share": share}, "")
    assert load_version(trained(town, "models")).manifest["recipe"]["withheld_share"] == share


@pytest.mark.training
def test_a_market_can_train_all_networks_on_one_loss(town: Path) -> None:
    write_settings(town / "town", QUICK, "")
    by_default = load_version(trained(town, "default"))
    (town / "town" / RECIPE).write_text((town / "town" / RECIPE).read_text() + 'losses = ["huber"]\n')
    saved = load_version(trained(town, "huber"))
    assert saved.manifest["recipe"] == by_default.manifest["recipe"] | {"losses": ["huber"]}
    weights = [version.appraiser.state()["model"]["networks"][0] for version in (by_default, saved)]
    assert pickle.dumps(weights[0]) != pickle.dumps(weights[1])


def test_train_rejects_an_invalid_recipe_with_exit_code_2_and_saves_nothing(town: Path) -> None:
    (town / "town" / RECIPE).write_text("epochs = 0\n")
    run = estimator("train", "--market", town / "town", "--models", town / "models")
    assert run.returncode == 2
    assert f"{town / 'town' / RECIPE}: 'epochs' is 0; it must be a whole number from 1 to 1000" in run.stderr
    assert "Traceback" not in run.stderr
    assert not (town / "models").exists()
