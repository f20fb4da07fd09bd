"""Commands run by a user who may not read or write a file name it, in one line, and exit with 2."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from estimator.deals.saved_list_prices import LIST_PRICES_FILE
from tests.conftest import KING_COUNTY, environment
from tests.town import make_town
from tests.unprivileged import COMMAND, needs_ordinary_rights

pytestmark = [pytest.mark.slow, needs_ordinary_rights]

HOMES = "lat,long,sqft_living\n47.6,-122.3,1800\n"


def run(*arguments: object, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run `python -m estimator` without root's rights."""
    return subprocess.run(
        [*COMMAND, sys.executable, "-m", "estimator", *map(str, arguments)],
        capture_output=True,
        text=True,
        env=environment(**variables),
        check=False,
    )


def refused(path: Path, *arguments: object, **variables: str) -> str:
    """Run a command that must fail because of a path; return its message."""
    ended = run(*arguments, **variables)
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    message = ended.stderr[ended.stderr.index("Error: ") :]
    assert "Permission denied" in message or "is not readable" in message
    assert str(path) in message
    assert len(message.splitlines()) == 1
    return message


@pytest.mark.parametrize("unreadable", ["market.toml", "sales.csv", "recipe.toml", "data"])
def test_train_names_the_file_that_it_cannot_read(tmp_path: Path, unreadable: str) -> None:
    data = tmp_path / "data"
    make_town(data, 100)
    path = data if unreadable == "data" else data / unreadable
    path.chmod(0)
    refused(path, "train", "--market", data, "--models", tmp_path / "models")
    assert not (tmp_path / "models").exists(), "nothing is written for a training that cannot start"


@pytest.mark.parametrize("existing", [True, False])
def test_train_names_the_folder_that_it_cannot_write_before_it_trains(tmp_path: Path, existing: bool) -> None:
    make_town(tmp_path / "data", 100)
    models = tmp_path / "models"
    path = models / "town" if existing else models
    path.mkdir(parents=True)
    path.chmod(0o555)
    refused(path, "train", "--market", tmp_path / "data", "--models", models)


@pytest.fixture
def model(small_models: Path, tmp_path: Path) -> Path:
    """A copy of a published model."""
    target = tmp_path / "models" / "king_county"
    shutil.copytree(small_models, target, symlinks=True)
    (tmp_path / "homes.csv").write_text(HOMES)
    return target


@pytest.mark.parametrize("unreadable", ["appraiser.joblib", "manifest.json", "", ".."])
def test_predict_names_the_part_of_the_model_that_it_cannot_read(
    model: Path, tmp_path: Path, unreadable: str
) -> None:
    version = (model / "current").resolve()
    (version / unreadable).chmod(0)
    path = model if unreadable == ".." else version
    refused(path, "predict", "--model", model, tmp_path / "homes.csv", tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_predict_names_the_other_files_that_it_cannot_use(model: Path, tmp_path: Path) -> None:
    homes, out, key = tmp_path / "homes.csv", tmp_path / "out.csv", tmp_path / "key"
    assert run("predict", "--model", model, homes, out).returncode == 0
    key.write_bytes(b"k" * 32)
    key.chmod(0)
    refused(key, "predict", "--model", model, homes, out, ESTIMATOR_KEY_FILE=str(key))
    (tmp_path / "closed").mkdir(mode=0o555)
    refused(tmp_path / "closed", "predict", "--model", model, homes, tmp_path / "closed" / "out.csv")
    homes.chmod(0)
    refused(homes, "predict", "--model", model, homes, out)


def test_screen_names_the_list_prices_that_it_cannot_read(model: Path, tmp_path: Path) -> None:
    (tmp_path / "listings.csv").write_text(
        HOMES.replace("\n", ",list_price\n", 1).replace("1800\n", "1800,500000\n")
    )
    arguments = ("screen", "--model", model, tmp_path / "listings.csv", tmp_path / "out.csv")
    assert run(*arguments).returncode == 0
    (model / LIST_PRICES_FILE).write_text("{}")
    (model / LIST_PRICES_FILE).chmod(0)
    refused(model / LIST_PRICES_FILE, *arguments)


def test_evaluate_names_the_sales_that_it_cannot_read(model: Path, tmp_path: Path) -> None:
    sales = tmp_path / "sales.csv.gz"
    shutil.copy(KING_COUNTY / "sales.csv.gz", sales)
    sales.chmod(0)
    refused(sales, "evaluate", "--model", model, sales)
