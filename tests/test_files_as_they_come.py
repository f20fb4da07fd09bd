"""Files of every shape, through every command: those that people have are read, and the others are named."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from estimator.market.market import Market
from estimator.model.recipe import RECIPE
from estimator.registry import load_version
from tests.conftest import PUBLISH_ANYWAY, make_once, run_command, thin_king_county
from tests.file_shapes import (
    FILES,
    FILES_NOT_READ,
    MISSING_WORDS,
    N_HOMES,
    READ,
    VALUES_NOT_READ,
    Shape,
    king_county_sales,
    missing,
    text,
)

SHAPES = {name: (".csv", shape) for name, shape in READ.items()} | FILES
TRAINED = ("American dates", *FILES)
"""Shapes that a model is trained on, seconds each. `evaluate` reads sales as `train` does, and gets all shapes."""
VALUED = ("valuation_price", "valuation_low", "valuation_high", "valuation_date", "unknown", "error")
QUICK = "networks = 1\nepochs = 2\nwidth = 8\nmembers = 2\n"


@pytest.fixture(scope="module")
def quick_market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A market whose models are trained in seconds."""

    def make(folder: Path) -> None:
        thin_king_county(folder, every=100)
        (folder / RECIPE).write_text(QUICK)

    return make_once(tmp_path_factory, "quick_market", make)


@pytest.fixture(scope="module")
def sold() -> pd.DataFrame:
    return king_county_sales(150)


@pytest.fixture(scope="module")
def homes() -> pd.DataFrame:
    return king_county_sales(N_HOMES)


def write(path: Path, shape: Shape, sales: pd.DataFrame) -> Path:
    path.write_bytes(shape(sales))
    return path


def checked(quick_market: Path, file: Path) -> str:
    """Return what `check` prints of a file, without its name and the columns that it does not use."""
    run = run_command("check", "--market", quick_market, "--sales", file)
    assert run.exit_code == 0, run.output
    lines = run.output.replace(str(file), "FILE").splitlines()
    return "\n".join(line for line in lines if not line.startswith("columns that are not read"))


def valued(command: str, model: Path, file: Path) -> pd.DataFrame:
    """Return the values that `predict` or `screen` gives the homes of a file, by home."""
    target = file.with_name("valued.csv")
    run = run_command(command, "--model", model, file, target)
    assert run.exit_code == 0, run.output
    table = pd.read_csv(target, dtype=str, keep_default_na=False)
    (identifier,) = [name for name in map(str, table.columns) if name.strip().lower() == "id"]
    homes = table[identifier].str.strip().rename("home")
    return table[list(VALUED)].set_index(homes).sort_index()


@pytest.mark.parametrize("name", SHAPES)
def test_check_reads_a_file_of_any_shape_as_the_plain_one(
    quick_market: Path, sold: pd.DataFrame, tmp_path: Path, name: str
) -> None:
    suffix, shape = SHAPES[name]
    plain = checked(quick_market, write(tmp_path / "plain.csv", text, sold))
    assert checked(quick_market, write(tmp_path / f"sales{suffix}", shape, sold)) == plain


@pytest.mark.parametrize("name", SHAPES)
def test_a_draft_from_a_file_of_any_shape_has_the_facts_of_the_plain_one(
    sold: pd.DataFrame, tmp_path: Path, name: str
) -> None:
    suffix, shape = SHAPES[name]
    drafts = []
    for file in (write(tmp_path / "plain.csv", text, sold), write(tmp_path / f"sales{suffix}", shape, sold)):
        run = run_command("new-market", file, "--market", tmp_path / f"{file.stem}.toml")
        assert run.exit_code == 0, run.output
        market = Market.read(tmp_path / f"{file.stem}.toml")
        assert market.sale_date is not None
        # It is the difference of two others, if these are not already known facts by their names.
        facts = [feature for feature in market.features if feature.name != "area_above_ground"]
        drafts.append([(feature.name, feature.kind, feature.unit, feature.required) for feature in facts])
    assert len(drafts[0]) == 17
    assert sorted(drafts[1]) == sorted(drafts[0])


@pytest.mark.parametrize("word", MISSING_WORDS)
def test_check_reads_a_word_for_missing_as_an_empty_cell(
    quick_market: Path, sold: pd.DataFrame, tmp_path: Path, word: str
) -> None:
    empty = checked(quick_market, write(tmp_path / "empty.csv", missing(""), sold))
    assert checked(quick_market, write(tmp_path / "sales.csv", missing(word), sold)) == empty


@pytest.mark.parametrize("command", ["predict", "screen"])
@pytest.mark.parametrize("name", SHAPES)
def test_homes_in_a_file_of_any_shape_get_the_values_of_the_plain_one(
    small_models: Path, homes: pd.DataFrame, tmp_path: Path, command: str, name: str
) -> None:
    suffix, shape = SHAPES[name]
    plain = valued(command, small_models, write(tmp_path / "plain.csv", text, homes))
    assert (plain["valuation_price"] != "").sum() >= 0.9 * N_HOMES
    found = valued(command, small_models, write(tmp_path / f"homes{suffix}", shape, homes))
    pd.testing.assert_frame_equal(found, plain)


@pytest.mark.parametrize("word", MISSING_WORDS)
def test_homes_with_words_for_missing_get_the_values_of_those_with_empty_cells(
    small_models: Path, homes: pd.DataFrame, tmp_path: Path, word: str
) -> None:
    empty = valued("predict", small_models, write(tmp_path / "empty.csv", missing(""), homes))
    found = valued("predict", small_models, write(tmp_path / "homes.csv", missing(word), homes))
    pd.testing.assert_frame_equal(found, empty)


@pytest.mark.parametrize("name", SHAPES)
def test_evaluate_gives_a_file_of_any_shape_the_figures_of_the_plain_one(
    small_models: Path, homes: pd.DataFrame, tmp_path: Path, name: str
) -> None:
    suffix, shape = SHAPES[name]
    files = write(tmp_path / "plain.csv", text, homes), write(tmp_path / f"homes{suffix}", shape, homes)
    plain, found = (run_command("evaluate", "--model", small_models, "--json", file) for file in files)
    assert plain.exit_code == found.exit_code == 0, found.output
    assert found.stdout == plain.stdout


def trained(quick_market: Path, file: Path) -> dict[str, Any]:
    """Return the error figures of a model that `train` makes of a file."""
    models = file.parent / file.stem
    run = run_command("train", "--market", quick_market, "--sales", file, "--models", models, PUBLISH_ANYWAY)
    assert run.exit_code == 0, run.output
    figures: dict[str, Any] = load_version(models / "king_county").manifest["error_figures"]
    return figures


@pytest.fixture(scope="module")
def plain_figures(
    quick_market: Path, sold: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    return trained(quick_market, write(tmp_path_factory.mktemp("plain") / "plain.csv", text, sold))


@pytest.mark.slow
@pytest.mark.parametrize("name", TRAINED)
def test_a_file_of_any_shape_trains_the_model_of_the_plain_one(
    quick_market: Path, sold: pd.DataFrame, plain_figures: dict[str, Any], tmp_path: Path, name: str
) -> None:
    suffix, shape = SHAPES[name]
    assert trained(quick_market, write(tmp_path / f"sales{suffix}", shape, sold)) == plain_figures


def commands_for_sales(market: Path, model: Path, file: Path) -> list[tuple[str | Path, ...]]:
    """Return the commands that read a file as sales."""
    return [
        ("check", "--market", market, "--sales", file),
        ("train", "--market", market, "--sales", file, "--models", file.parent),
        ("evaluate", "--model", model, file),
    ]


@pytest.mark.parametrize("name", VALUES_NOT_READ)
def test_values_that_cannot_be_read_are_told_by_column(
    quick_market: Path, small_models: Path, homes: pd.DataFrame, tmp_path: Path, name: str
) -> None:
    shape, message = VALUES_NOT_READ[name]
    file = write(tmp_path / "homes.csv", shape, homes)
    for command in commands_for_sales(quick_market, small_models, file):
        run = run_command(*command)
        assert run.exit_code == 2
        assert f"of {N_HOMES} sales" in run.stderr
        assert message in run.stderr
    for command_name in ("predict", "screen"):
        target = tmp_path / "valued.csv"
        run = run_command(command_name, "--model", small_models, file, target)
        assert run.exit_code == 0
        assert message in run.stderr
        errors = pd.read_csv(target, dtype=str, keep_default_na=False)["error"]
        assert errors.str.contains(message.partition(";")[0], regex=False).any()


@pytest.mark.parametrize("name", FILES_NOT_READ)
def test_a_file_that_cannot_be_read_is_refused_with_the_reason(
    quick_market: Path, small_models: Path, homes: pd.DataFrame, tmp_path: Path, name: str
) -> None:
    shape, message = FILES_NOT_READ[name]
    file = write(tmp_path / "homes.csv", shape, homes)
    for command in (
        *commands_for_sales(quick_market, small_models, file),
        ("predict", "--model", small_models, file, tmp_path / "valued.csv"),
        ("screen", "--model", small_models, file, tmp_path / "valued.csv"),
    ):
        run = run_command(*command)
        assert run.exit_code == 2, run.output
        assert message in run.stderr
        assert str(file) in run.stderr
    assert not (tmp_path / "valued.csv").exists()
