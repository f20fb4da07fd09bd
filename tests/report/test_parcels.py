"""`house-price report --parcels`: sold and unsold homes of the whole market, and how each were revalued."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from estimator.appraiser import Appraiser
from estimator.errors import DataError
from estimator.registry import publish, save_version
from estimator.report import NUMBERS
from estimator.report.page import render
from estimator.report.parcels import compare, with_parcels
from tests.conftest import KING_COUNTY, run_command
from tests.report.page_parser import Page, Report, check_numbers


@pytest.fixture(scope="module")
def homes(appraiser: Appraiser) -> pd.DataFrame:
    """300 homes that the appraiser's sales hold, and 400 that they do not, with the facts of the sales file."""
    table = pd.read_csv(KING_COUNTY / "sales.csv.gz", dtype=str)
    assert appraiser.model.sales.sale_id is not None
    known = table["id"].isin(appraiser.model.sales.sale_id)
    chosen = pd.concat(
        [table[known].drop_duplicates("id").iloc[:300], table[~known].drop_duplicates("id").iloc[:400]]
    )
    return chosen.drop(columns=["price", "date"])


def section(report: Report, appraiser: Appraiser, file: Path, homes: pd.DataFrame) -> Any:
    homes.to_csv(file, index=False)
    return with_parcels(report, appraiser, file)


def values(appraiser: Appraiser, report: Report, homes: pd.DataFrame, folder: Path) -> np.ndarray:
    """The version's values of the homes, by the command `predict`."""
    source, target = folder / "homes.csv", folder / "valued.csv"
    homes.to_csv(source, index=False)
    publish(save_version(folder / "market", appraiser, {}))
    assert run_command("predict", "--model", folder / "market", source, target).exit_code == 0
    return pd.read_csv(target)["valuation_price"].to_numpy()


def test_homes_that_were_revalued_alike_and_homes_that_were_not(
    report: Report, appraiser: Appraiser, homes: pd.DataFrame, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    before = values(appraiser, report, homes, tmp_path) / 1.05 * np.exp(0.03 * rng.normal(size=len(homes)))
    file = tmp_path / "parcels.csv"
    alike = section(report, appraiser, file, homes.assign(previous_value=before.round()))
    found = alike["parcels"]
    assert (found["homes"], found["sold"], found["unsold"], found["found_by"]) == (700, 300, 400, "their id")
    assert found["change"]["sold"] == pytest.approx(5, abs=1)
    assert abs(found["change"]["difference"]) < 1
    chased = np.where(np.arange(len(homes)) < 300, before / 1.1, before)
    other = section(report, appraiser, file, homes.assign(previous_value=chased.round()))
    assert other["parcels"]["change"]["differs"] is True
    assert other["parcels"]["change"]["difference"] == pytest.approx(10.5, abs=1)
    page = Page(render(other))
    check_numbers(page, {"this": other})
    assert "Sold and unsold homes are not revalued alike" in " ".join(page.text.split())


def test_without_identifiers_homes_are_found_by_place_and_size(
    report: Report, appraiser: Appraiser, homes: pd.DataFrame, tmp_path: Path
) -> None:
    found = section(report, appraiser, tmp_path / "parcels.csv", homes.drop(columns="id"))["parcels"]
    assert found["found_by"] == "place and size"
    assert 300 <= found["sold"] <= 310  # some unsold homes share a place and a size with a sold one
    assert found["change"] is None
    sizes = {entry["fact"]: entry for entry in found["facts"]}["square_footage"]
    assert sizes["sold"] == pytest.approx(homes["sqft_living"].iloc[:300].astype(float).median(), abs=60)
    assert "latitude" not in {entry["fact"] for entry in found["facts"]}


def test_files_that_cannot_be_compared_are_refused_with_the_reason(
    report: Report, appraiser: Appraiser, homes: pd.DataFrame, tmp_path: Path
) -> None:
    file = tmp_path / "parcels.csv"
    with pytest.raises(
        DataError, match=r"parcels\.csv: 29 of its 429 homes are sold, by their id; at least 30 are"
    ):
        section(report, appraiser, file, homes.iloc[271:])
    for value in ("high", "0", "-5"):
        with pytest.raises(
            DataError, match="column 'Previous Value' must have numbers above 0, the values of the"
        ):
            section(report, appraiser, file, homes.assign(**{"Previous Value": value}))
    unsold = homes["id"].isin(homes["id"].iloc[300:])
    with pytest.raises(
        DataError, match=r" 0 of its 700 homes are unsold.*; 400 have faulty facts and are left out"
    ):
        section(report, appraiser, file, homes.assign(sqft_living=homes["sqft_living"].mask(unsold, "large")))


def test_identifiers_that_a_program_made_numbers_of_are_found(
    report: Report, appraiser: Appraiser, homes: pd.DataFrame, tmp_path: Path
) -> None:
    homes.to_csv(tmp_path / "homes.csv", index=False)
    table = pd.read_csv(tmp_path / "homes.csv", dtype={"zipcode": str})
    table["id"] = table["id"].astype(float).where(np.arange(len(homes)) < 699)
    table.to_parquet(tmp_path / "parcels.parquet")
    found = with_parcels(report, appraiser, tmp_path / "parcels.parquet")["parcels"]
    assert (found["sold"], found["unsold"], found["found_by"]) == (300, 400, "their id")


def test_the_medians_of_two_kinds_and_their_interval() -> None:
    rng = np.random.default_rng(0)
    sold, unsold = rng.normal(5, 1, 400), np.append(rng.normal(5.5, 1, 400), np.nan)
    found = compare(sold, unsold)
    assert found is not None
    assert found["difference"] == pytest.approx(np.median(sold) - np.nanmedian(unsold), abs=1e-4)
    width = found["difference_high"] - found["difference_low"]
    assert width == pytest.approx(2 * 1.645 * np.sqrt(2 * np.pi / 2 / 400), rel=0.25)  # medians of normal numbers
    assert found["differs"] is True
    assert compare(sold[:29], unsold) is None


def test_the_command_adds_the_section(
    report: Report, appraiser: Appraiser, homes: pd.DataFrame, tmp_path: Path
) -> None:
    version = save_version(tmp_path / "market", appraiser, {}, lambda _: {NUMBERS: json.dumps(report).encode()})
    homes.to_csv(tmp_path / "parcels.csv", index=False)
    run = run_command("report", "--model", version, "--parcels", tmp_path / "parcels.csv", tmp_path / "out.html")
    assert run.exit_code == 0, run.output
    assert '<section id="parcels">' in (tmp_path / "out.html").read_text(encoding="utf-8")
