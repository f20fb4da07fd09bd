import contextlib
import json
import math
import re
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import estimator as package
from estimator.appraiser import Appraiser
from estimator.assessment.evaluation import evaluate
from estimator.cli import main
from estimator.cli.group import MODULE_OF
from estimator.market.market import Market
from estimator.market.sales import Sales, split_sales
from estimator.market.sales_file import read_sales
from estimator.registry import load_version, publish, save_version
from tests.conftest import KING_COUNTY, PUBLISH_ANYWAY, estimator, run_command
from tests.town import make_town


@pytest.fixture(scope="module")
def test_sales(sales: Sales, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rows of the test sales, as the sales file has them."""
    # Row numbers instead of prices, so that the split returns the rows of the test sales.
    numbered = replace(sales, price=np.arange(len(sales), dtype=np.float64))
    rows = split_sales(numbered, "time", np.random.default_rng(0)).test.price.astype(int).tolist()
    table = pd.read_csv(KING_COUNTY / "sales.csv.gz", dtype=str, keep_default_na=False)
    path = tmp_path_factory.mktemp("sales") / "test.csv"
    table.iloc[rows].to_csv(path, index=False)
    return path


@pytest.mark.training
@pytest.mark.timeout(600)  # the full training, on a busy machine
@pytest.mark.parametrize(
    ("fixture", "max_refused", "max_error"),
    [("small_models", 0.02, 0.15), pytest.param("fully_trained", 0.01, 0.10, marks=pytest.mark.slow)],
)
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_predict_values_the_test_sales_like_the_appraiser(
    request: pytest.FixtureRequest,
    test_sales: Path,
    tmp_path: Path,
    market: Market,
    fixture: str,
    max_refused: float,
    max_error: float,
    kind: str,
) -> None:
    models = request.getfixturevalue(fixture)
    source, target = test_sales, tmp_path / f"valued.{kind}"
    if kind == "parquet":
        source = tmp_path / "test.parquet"
        pq.write_table(pa.Table.from_pandas(pd.read_csv(test_sales), preserve_index=False), source)
    run = estimator("predict", "--model", models, source, target)
    assert (run.returncode, run.stderr) == (0, "")
    valued = pd.read_csv(target, dtype={"error": str}) if kind == "csv" else pd.read_parquet(target)
    sales = read_sales(market, test_sales)
    values = load_version(models).appraiser.value(sales.facts, sales.date)
    refused = len(values.refusals)
    assert run.stdout == f"valued {4323 - refused:,} homes, {refused} with an error: {target}\n"
    assert refused < max_refused * len(sales), "few homes that were really sold"
    assert (valued["error"].fillna("") != "").sum() == refused
    for column, expected in (("price", values.price), ("low", values.low), ("high", values.high)):
        np.testing.assert_array_equal(valued[f"valuation_{column}"], expected)
    assert (valued["valuation_price"] / sales.price - 1).abs().median() <= max_error
    assert (valued["looked_up"].dropna() == "crime_rate; population").all()


def test_evaluate_prints_the_figures_as_a_table_and_as_json(
    small_models: Path, test_sales: Path, market: Market
) -> None:
    as_json = run_command("evaluate", "--model", small_models, "--json", test_sales)
    assert as_json.exit_code == 0
    evaluation = evaluate(load_version(small_models).appraiser, read_sales(market, test_sales))
    printed = json.loads(as_json.stdout)
    figures = evaluation.figures_as_dict()
    assert printed == figures | {
        "ratio_study": evaluation.ratio_study_as_dict(),
        "standards": evaluation.standards_as_dict(),
    }
    table = run_command("evaluate", "--model", small_models, test_sales).stdout.splitlines()
    assert table[0].split() == ["all", "facts", "required", "facts"]
    rows = {line.split()[0]: line.split()[1:] for line in table[1:]}
    assert rows["n"] == [f"{entry['n']:,}" for entry in figures.values()]
    assert all(entry["n"] == round(4_323 * entry["hit_rate"] / 100) for entry in figures.values())
    assert math.isclose(float(rows["mdape"][0]), figures["all_facts"]["mdape"], rel_tol=1e-3)
    hit_rate = next(line for line in table if line.startswith("hit_rate") and "at least" in line)
    assert re.fullmatch(r"hit_rate +99\.\d+ +99\.\d+ to 99\.\d+ +at least 90 +met", hit_rate)
    study = printed["ratio_study"]["all_facts"]
    assert math.isclose(float(rows["cod"][0]), study["overall"]["cod"], rel_tol=1e-3)
    assert rows["cod"][-3:] == ["5", "to", "15"]
    for area in study["areas"]:
        assert rows[area["postal_code"]][:2] == [str(area["n"]), str(area["trimmed"])]
    assert sum(" to " in line.split("  ")[0] for line in table) == len(study["price_bands"]) == 10


def test_evaluate_lists_the_figures_that_few_sales_cannot_give(small_models: Path, tmp_path: Path) -> None:
    table = pd.read_csv(KING_COUNTY / "sales.csv.gz", dtype=str, keep_default_na=False)
    table["date"] = "20150601T000000"  # sold once more, so that the model does not know the sales
    table.iloc[:3].to_csv(tmp_path / "three.csv", index=False)
    printed = run_command("evaluate", "--model", small_models, tmp_path / "three.csv")
    assert (printed.exit_code, printed.stderr) == (0, "")
    last = printed.stdout.splitlines()[-2:]
    assert last[0].startswith("not available (fewer than 5 sales): median_ratio, ")
    assert last[1] == "not available (fewer than 20 sales): price_bands"
    as_json = run_command("evaluate", "--model", small_models, "--json", tmp_path / "three.csv")
    overall = json.loads(as_json.stdout)["ratio_study"]["all_facts"]["overall"]
    assert (overall["n"], overall["cod"], overall["met"]["cod"]) == (3, None, None)
    assert overall["reasons"]["cod"] == "fewer than 5 sales"


@pytest.mark.training
def test_evaluate_says_how_many_of_the_sales_the_model_knows(tmp_path: Path) -> None:
    known = make_town(tmp_path / "town", 60)
    run_command("train", PUBLISH_ANYWAY, "--market", tmp_path / "town", "--models", tmp_path)
    others = make_town(tmp_path / "other", 50, seed=1)
    pd.concat([known[:25], others]).to_csv(tmp_path / "mixed.csv", index=False)
    for path, count in (
        (tmp_path / "town" / "sales.csv", "60 of 60"),
        (tmp_path / "mixed.csv", "25 of 75"),
        (tmp_path / "other" / "sales.csv", None),
    ):
        message = f"the model knows {count} sales; on other sales its errors are larger\n"
        assert run_command("evaluate", "--model", tmp_path / "town", path).stderr == (message if count else "")


@pytest.mark.training
def test_train_prints_counts_and_error_figures_and_publishes(tmp_path: Path) -> None:
    make_town(tmp_path / "town")
    run = estimator("train", "--market", tmp_path / "town" / "market.toml", "--models", tmp_path / "models")
    assert (run.returncode, run.stderr) == (0, "")
    lines = run.stdout.splitlines()
    assert lines[0] == "trained on 320 sales, validated on 80, tested on 100; 0 set aside"
    assert lines[-1].startswith(f"published {tmp_path / 'models' / 'town'}")
    assert load_version(tmp_path / "models" / "town").name == Path(lines[-1].removeprefix("published ")).name


@pytest.mark.training
def test_train_takes_other_sales_and_seeds(tmp_path: Path) -> None:
    make_town(tmp_path / "town")
    make_town(tmp_path / "other", 60, seed=9)
    other = tmp_path / "other" / "sales.csv"
    run = run_command(
        "train",
        PUBLISH_ANYWAY,
        "--market",
        tmp_path / "town",
        "--models",
        tmp_path,
        "--sales",
        other,
        "--seed",
        7,
        "--split",
        "random",
    )
    assert run.exit_code == 0, run.stderr
    manifest = load_version(tmp_path / "town").manifest
    assert manifest["seed"] == 7
    assert sum(manifest["sales"].values()) == 60


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("train --market none", "none: there is no such market file"),
        ("train --market town --sales none.csv", "none.csv: there is no such file"),
        ("train --market town --split time", "no dates"),
        ("train --market town --models town/sales.csv", "town/sales.csv"),
        ("train --market town --seed -1", "--seed"),
        ("tune --market town --trials 0", "--trials"),
        (
            "predict --model none town/sales.csv out.csv",
            "none: there is no saved version here; train one with `house-price train --market …`",
        ),
        ("predict --model models town/none.csv out.csv", "no such file"),
        ("predict --model models town/sales.csv out.csv", "there is no column for latitude, which is required"),
        ("predict --model models empty.csv out.csv", "empty.csv: the file is empty"),
        ("predict --model models latin.csv out.csv", "latin.csv: line 2 is not UTF-8"),
        (
            "predict --model models good.csv out.html",
            "out.html: unknown format; the name must end in .csv",
        ),
        ("report --model models --groups good.csv good.csv", "would replace good.csv"),
        ("evaluate --model models negative.csv", "row 2, column price: -1 is not above 0"),
        ("evaluate --model models good.csv", "column 'price' is missing"),
        ("evaluate --model town negative.csv", "no saved version here"),
        ("sell", "No such command 'sell'"),
    ],
)
def test_bad_input_gives_a_clear_error_and_exit_code_2(
    small_models: Path, tmp_path: Path, arguments: str, complaint: str
) -> None:
    make_town(tmp_path / "town", 40)
    (tmp_path / "models").symlink_to(small_models)
    (tmp_path / "empty.csv").touch()
    (tmp_path / "latin.csv").write_bytes(b"lat,long,sqft\n\xe9,1,2\n")
    (tmp_path / "good.csv").write_text("lat,long,sqft\n47.6,-122.3,1800\n")
    (tmp_path / "negative.csv").write_text("id,date,price,lat,long,sqft\n1,2015-01-01,-1,47.6,-122.3,1800\n")
    with contextlib.chdir(tmp_path):
        run = CliRunner().invoke(main, arguments.split())
    assert run.exit_code == 2
    assert complaint in run.stderr
    assert "Traceback" not in run.stderr
    assert run.stdout == ""
    assert not list(tmp_path.glob("out.*"))


def test_a_user_error_ends_the_process_with_2_and_no_traceback(tmp_path: Path) -> None:
    run = estimator("train", "--market", tmp_path)
    assert run.returncode == 2
    assert "there is no such market file" in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("option", ["-h", "--help"])
@pytest.mark.parametrize("command", [None, *MODULE_OF])
def test_commands_and_their_options_have_a_help_text(command: str | None, option: str) -> None:
    run = CliRunner().invoke(main, [option] if command is None else [command, option])
    assert run.exit_code == 0
    assert run.stdout.startswith("Usage: ")
    shown = main if command is None else main.get_command(click.Context(main), command)
    assert shown is not None
    options = shown.params
    assert all(option.help for option in options if isinstance(option, click.Option))


def test_each_command_is_found_in_its_module() -> None:
    for name in MODULE_OF:
        assert main.get_command(click.Context(main), name) is not None
    assert set(MODULE_OF) == set(main.commands)


def test_the_version_is_that_of_the_package() -> None:
    assert CliRunner().invoke(main, ["--version"]).stdout == f"house-price, version {package.__version__}\n"


@pytest.mark.parametrize("option", ["variable", "--key-file"])
@pytest.mark.parametrize(
    "command", ["predict IN.csv OUT.csv", "evaluate SALES.csv", "screen IN.csv OUT.csv", "report OUT.html"]
)
def test_with_a_key_commands_refuse_an_unsigned_model(
    command: str, option: str, small_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / "key"
    key.write_bytes(b"k" * 32)
    name, *files = command.split()
    arguments = [name, "--model", small_models, *(tmp_path / file for file in files)]
    if option == "variable":
        monkeypatch.setenv("ESTIMATOR_KEY_FILE", str(key))
    else:
        arguments += ["--key-file", key]
    run = run_command(*arguments)
    assert run.exit_code == 2
    assert "the manifest is not signed, but a key is set" in run.stderr


def test_a_version_signed_with_the_key_is_used(
    appraiser: Appraiser, test_sales: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = b"k" * 32
    (tmp_path / "key").write_bytes(key)
    publish(save_version(tmp_path / "models", appraiser, {}, key=key))
    monkeypatch.setenv("ESTIMATOR_KEY_FILE", str(tmp_path / "key"))
    run = run_command("predict", "--model", tmp_path / "models", test_sales, tmp_path / "out.csv")
    assert run.exit_code == 0, run.stderr
    (tmp_path / "key").write_bytes(b"another" * 8)
    assert run_command("predict", "--model", tmp_path / "models", test_sales, tmp_path / "out.csv").exit_code == 2
