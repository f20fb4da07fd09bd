import contextlib
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from estimator.assessment.evaluation import evaluate
from estimator.cli import main
from estimator.market.market import Market
from estimator.market.sales import Sales, read_sales, split_sales
from estimator.registry import load_version
from tests.conftest import KING_COUNTY, estimator
from tests.town import make_town


@pytest.fixture(scope="module")
def test_sales(sales: Sales, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rows of the test sales, as the sales file has them."""
    # The row's number in the place of the price tells where each test sale stands in the file.
    numbered = replace(sales, price=np.arange(len(sales), dtype=np.float64))
    rows = split_sales(numbered, "time", np.random.default_rng(0)).test.price.astype(int).tolist()
    table = pd.read_csv(KING_COUNTY / "sales.csv.gz", dtype=str, keep_default_na=False)
    path = tmp_path_factory.mktemp("sales") / "test.csv"
    table.iloc[rows].to_csv(path, index=False)
    return path


@pytest.mark.timeout(600)  # the full training, on a busy machine
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_predict_values_the_test_sales_like_the_appraiser(
    trained: Path, test_sales: Path, tmp_path: Path, market: Market, kind: str
) -> None:
    source, target = test_sales, tmp_path / f"valued.{kind}"
    if kind == "parquet":
        source = tmp_path / "test.parquet"
        pq.write_table(pa.Table.from_pandas(pd.read_csv(test_sales), preserve_index=False), source)
    run = estimator("predict", "--model", trained, source, target)
    assert (run.returncode, run.stderr) == (0, "")
    valued = pd.read_csv(target, dtype={"error": str}) if kind == "csv" else pd.read_parquet(target)
    sales = read_sales(market, test_sales)
    values = load_version(trained).appraiser.value(sales.facts, sales.date)
    refused = len(values.refusals)
    assert run.stdout == f"valued {4323 - refused:,} homes, {refused} with an error: {target}\n"
    assert refused < 0.01 * len(sales), "hardly any home that was really sold"
    assert (valued["error"].fillna("") != "").sum() == refused
    for column, expected in (("price", values.price), ("low", values.low), ("high", values.high)):
        np.testing.assert_array_equal(valued[f"valuation_{column}"], expected)
    off = (valued["valuation_price"] / sales.price - 1).abs().median()
    assert off <= 0.10
    assert (valued["looked_up"].dropna() == "crime_rate; population").all()


def test_evaluate_prints_the_figures_as_a_table_and_as_json(
    small_models: Path, test_sales: Path, market: Market
) -> None:
    as_json = estimator("evaluate", "--model", small_models, "--json", test_sales)
    assert as_json.returncode == 0
    evaluation = evaluate(load_version(small_models).appraiser, read_sales(market, test_sales))
    figures = {known: entry.to_dict() for known, entry in evaluation.figures.items()}
    told = json.loads(as_json.stdout)
    assert told == figures | {"ratio_study": evaluation.ratio_study_as_dict()}
    table = estimator("evaluate", "--model", small_models, test_sales).stdout.splitlines()
    assert table[0].split() == ["all", "facts", "required", "facts"]
    rows = {line.split()[0]: line.split()[1:] for line in table[1:]}
    assert rows["n"] == [f"{entry['n']:,}" for entry in figures.values()]
    assert all(entry["n"] == round(4_323 * entry["hit_rate"] / 100) for entry in figures.values())
    assert math.isclose(float(rows["mdape"][0]), figures["all_facts"]["mdape"], rel_tol=1e-3)
    study = told["ratio_study"]["all_facts"]
    assert math.isclose(float(rows["cod"][0]), study["overall"]["cod"], rel_tol=1e-3)
    assert rows["cod"][-3:] == ["5", "to", "15"]
    for area in study["areas"]:
        assert rows[area["postal_code"]][:2] == [str(area["n"]), str(area["trimmed"])]
    assert sum(" to " in line.split("  ")[0] for line in table) == len(study["price_bands"]) == 10


def test_evaluate_says_what_a_handful_of_sales_cannot_tell(small_models: Path, tmp_path: Path) -> None:
    table = pd.read_csv(KING_COUNTY / "sales.csv.gz", dtype=str, keep_default_na=False)
    table.iloc[:3].to_csv(tmp_path / "three.csv", index=False)
    printed = estimator("evaluate", "--model", small_models, tmp_path / "three.csv")
    assert (printed.returncode, printed.stderr) == (0, "")
    last = printed.stdout.splitlines()[-2:]
    assert last[0].startswith("not told, fewer than 5 sales: median_ratio, ")
    assert last[1] == "not told, fewer than 20 sales: price_bands"
    as_json = estimator("evaluate", "--model", small_models, "--json", tmp_path / "three.csv")
    overall = json.loads(as_json.stdout)["ratio_study"]["all_facts"]["overall"]
    assert (overall["n"], overall["cod"], overall["met"]["cod"]) == (3, None, None)
    assert overall["reasons"]["cod"] == "fewer than 5 sales"


def test_evaluate_says_when_it_knows_the_sales_too_well(tmp_path: Path) -> None:
    make_town(tmp_path / "town", 60)
    estimator("train", "--market", tmp_path / "town", "--models", tmp_path)
    known = estimator("evaluate", "--model", tmp_path / "town", tmp_path / "town" / "sales.csv")
    assert "these are the sales that the model learned from" in known.stderr
    make_town(tmp_path / "other", 60, seed=1)
    assert estimator("evaluate", "--model", tmp_path / "town", tmp_path / "other" / "sales.csv").stderr == ""


def test_train_publishes_and_tells_how_well(tmp_path: Path) -> None:
    make_town(tmp_path / "town")
    run = estimator("train", "--market", tmp_path / "town" / "market.toml", "--models", tmp_path / "models")
    assert (run.returncode, run.stderr) == (0, "")
    lines = run.stdout.splitlines()
    assert lines[0] == "learned from 320 sales, chose on 80, tested on 100"
    assert lines[-1].startswith(f"published {tmp_path / 'models' / 'town'}")
    assert load_version(tmp_path / "models" / "town").name == Path(lines[-1].removeprefix("published ")).name


def test_train_takes_other_sales_and_seeds(tmp_path: Path) -> None:
    make_town(tmp_path / "town")
    make_town(tmp_path / "other", 60, seed=9)
    other = tmp_path / "other" / "sales.csv"
    run = estimator(
        "train",
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
    assert run.returncode == 0, run.stderr
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
        ("predict --model models good.csv out.txt", "out.txt: unknown format; the name must end in .csv, .csv.gz or .parquet"),
        ("evaluate --model models negative.csv", "row 2, column price: -1 is not above 0"),
        ("evaluate --model models good.csv", "column 'price' is missing"),
        ("evaluate --model town negative.csv", "no saved version here"),
        ("sell", "No such command 'sell'"),
    ],
)
def test_bad_input_ends_with_a_clear_error_and_exit_code_2(
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


def test_a_user_error_ends_the_process_with_2_and_no_trace(tmp_path: Path) -> None:
    run = estimator("train", "--market", tmp_path)
    assert run.returncode == 2
    assert "there is no such market file" in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize(
    "arguments", [["--help"], ["train", "-h"], ["tune", "-h"], ["predict", "--help"], ["evaluate", "--help"]]
)
def test_every_command_explains_itself(arguments: list[str]) -> None:
    run = CliRunner().invoke(main, arguments)
    assert run.exit_code == 0
    assert run.stdout.startswith("Usage: ")
