from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import run_command, thin_king_county
from tests.town import make_town


def test_check_tells_what_a_training_would_start_from(tmp_path: Path) -> None:
    make_town(tmp_path / "town", 100, places=True)
    run = run_command("check", "--market", tmp_path / "town")
    assert (run.exit_code, run.stderr) == (0, "")
    lines = run.stdout.splitlines()
    assert lines[0] == f"market town: 100 sales in {tmp_path / 'town' / 'sales.csv'}"
    assert "split at random: 64 to train on, 16 to validate, 20 to test" in lines
    facts = {line.split()[0]: line for line in lines if line}
    assert "m²" in facts["size"]
    assert "4 labels" in facts["quarter"]
    assert facts["never_recorded"].endswith("known of no sale: a model cannot use it")
    assert facts["always_seven"].endswith("the same in all sales: a model learns nothing from it")
    assert lines[-1] == f"train with: house-price train --market {tmp_path / 'town'}"


def test_check_looks_up_the_figures_of_areas(tmp_path: Path) -> None:
    thin_king_county(tmp_path / "thin", every=100)
    lines = run_command("check", "--market", tmp_path / "thin").stdout.splitlines()
    crime_rate = next(line for line in lines if line.startswith("crime_rate"))
    assert " 100 " in crime_rate
    assert crime_rate.endswith("from areas.csv")


def test_check_names_what_is_set_aside_and_what_is_not_read(tmp_path: Path) -> None:
    sales = make_town(tmp_path / "town", 100)
    sales.loc[7, "m2"] = -5
    sales.assign(owner="someone").to_csv(tmp_path / "town" / "sales.csv", index=False)
    printed = run_command("check", "--market", tmp_path / "town").stdout
    assert "set aside 1 of 100 sales (1%):" in printed
    assert "such as row 9, m2 -5" in printed
    assert "columns that are not read: owner" in printed


@pytest.mark.parametrize("change", ["no price", "unreadable", "equal prices"])
def test_check_refuses_what_a_training_refuses(tmp_path: Path, change: str) -> None:
    sales = make_town(tmp_path / "town", 60)
    if change == "no price":
        sales = sales.drop(columns="paid")
    elif change == "equal prices":
        sales["paid"] = 200_000
    else:
        sales["m2"] = "many"
    sales.to_csv(tmp_path / "town" / "sales.csv", index=False)
    checked = run_command("check", "--market", tmp_path / "town")
    trained = run_command("train", "--market", tmp_path / "town", "--models", tmp_path / "models")
    assert checked.exit_code == trained.exit_code == 2
    assert checked.stderr.partition("Error: ")[2] == trained.stderr.partition("Error: ")[2] != ""


def test_check_takes_other_sales_and_a_condition(tmp_path: Path) -> None:
    sales = make_town(tmp_path / "town", 200)
    market = tmp_path / "town" / "market.toml"
    market.write_text("where = \"quarter == 'old town'\"\n" + market.read_text())
    pd.concat([sales, sales]).to_csv(tmp_path / "other.csv", index=False)
    printed = run_command("check", "--market", market, "--sales", tmp_path / "other.csv").stdout.splitlines()
    count = 2 * int((sales["quarter"] == "old town").sum())
    assert printed[:2] == [
        f"market town: {count} sales in {tmp_path / 'other.csv'}",
        "only rows with quarter == 'old town'",
    ]


def test_check_names_the_number_that_could_be_the_size(tmp_path: Path) -> None:
    make_town(tmp_path / "town", 60)
    file = tmp_path / "town" / "market.toml"
    text = file.read_text()
    assert "no required number" not in run_command("check", "--market", file).stdout
    file.write_text(text.replace("required = true\n", ""))
    assert "If size is, add required = true to it" in run_command("check", "--market", file).stdout


def test_check_says_that_a_market_lies_on_both_sides_of_the_meridian_of_180_degrees(tmp_path: Path) -> None:
    sales = make_town(tmp_path / "town", 60, places=True)
    assert "both sides" not in run_command("check", "--market", tmp_path / "town").stdout
    east = sales["east"] + 162
    sales.assign(east=east.where(east < 180, east - 360)).to_csv(tmp_path / "town" / "sales.csv", index=False)
    assert "both sides of the meridian of 180°" in run_command("check", "--market", tmp_path / "town").stdout
