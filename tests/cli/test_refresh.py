"""`house-price refresh`: what it prints, and a whole market from training to the next month."""

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from estimator.appraiser import Appraiser
from estimator.cli.tables import MAX_REPORTED, refresh_summary, refresh_warnings, replaced_list
from estimator.market.sales import Parts
from estimator.registry import load_version, publish, save_version
from tests.conftest import KING_COUNTY, estimator, run_command


@pytest.fixture
def table() -> pd.DataFrame:
    """King County's sales as the file has them."""
    return pd.read_csv(KING_COUNTY / "sales.csv.gz", dtype=str, keep_default_na=False)


@pytest.mark.training
def test_refresh_prints_what_changed_and_the_published_folder(
    appraiser: Appraiser,
    parts: Parts,
    table: pd.DataFrame,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publish(save_version(tmp_path / "model", appraiser, {}))
    monkeypatch.chdir(tmp_path)
    assert parts.test.sale_id is not None
    assert parts.train.sale_id is not None
    new = table.iloc[::10]
    new = new[new["id"].isin(parts.test.sale_id)].iloc[:150].copy()
    known = table.iloc[::10][table.iloc[::10]["id"].isin(parts.train.sale_id[:1])].copy()
    known["price"] = "123456"
    mistyped = new.iloc[[0]].assign(date="2051-01-01")
    path = tmp_path / "new.csv"
    pd.concat([known, new.iloc[1:], mistyped]).to_csv(path, index=False)
    run = run_command("refresh", "--model", "model", "--sales", path)
    assert run.exit_code == 0, run.stderr
    rows = len(known) + len(new) + 1
    assert f"date in the future: 1, such as row {rows}, date 2051-01-01: it is after today (" in run.stderr
    first, *replaced, age, published = run.stdout.splitlines()
    assert first == f"added {len(new) - 1} sales, replaced {len(known)}; already known: 0"
    assert len(replaced) == len(known)
    assert replaced[0].startswith(
        f"replaced: row 2, sale of {known.iloc[0]['id']} on {known.iloc[0]['date']}: price"
    )
    assert replaced[0].endswith("→ 123,456")
    assert age.startswith("the training is 0 days old, on sales until 2015-0")
    assert published == f"published {Path('model') / load_version(tmp_path / 'model').name}"

    again = run_command("refresh", "--model", tmp_path / "model", "--sales", path)
    assert again.exit_code == 0
    assert again.stdout == f"nothing new, nothing was saved; already known: {rows - 2}\n"


def test_refresh_of_nothing_gives_a_clear_error_and_exit_code_2(tmp_path: Path) -> None:
    run = run_command("refresh", "--model", tmp_path, "--sales", tmp_path / "none.csv")
    assert run.exit_code == 2
    assert "there is no saved version here" in run.stderr


def test_only_the_first_replaced_sales_are_listed() -> None:
    texts = [f"row {row}" for row in range(MAX_REPORTED + 3)]
    lines = replaced_list(texts).splitlines()
    assert lines[0] == "replaced: row 0"
    assert lines[-1] == "and 3 more"
    assert len(lines) == MAX_REPORTED + 1
    assert replaced_list([]) == ""


def test_what_is_to_check_about_new_sales_is_told() -> None:
    record = {
        "added": 40,
        "replaced": 2,
        "lacking_facts": {"grade": 42, "view": 30},
        "known_under_another_id": {"sales": 39, "id": "0123", "known_id": "123"},
    }
    lacking, equal = refresh_warnings(record).splitlines()
    assert "grade (42 of 42), view (30 of 42)" in lacking
    assert "39 of 40 added sales have the price" in equal
    assert "such as 0123, known as 123" in equal
    assert refresh_warnings({**record, "lacking_facts": {}, "known_under_another_id": None}) == ""


def test_without_dates_only_the_age_of_the_training_is_told() -> None:
    assert refresh_summary({"training_age_days": 1234, "level_change": None}) == "the training is 1,234 days old"


@pytest.mark.slow
@pytest.mark.timeout(1200)  # a full training
def test_king_county_is_trained_and_refreshed_with_its_last_month(table: pd.DataFrame, tmp_path: Path) -> None:
    """The refreshed model values the last month's homes better than the one that does not know the month."""
    newest = table["date"] >= "2015-05-01"
    table[~newest].to_csv(tmp_path / "until_april.csv.gz", index=False)
    model = tmp_path / "models" / "king_county"
    trained = estimator(
        "train",
        "--market",
        KING_COUNTY,
        "--sales",
        tmp_path / "until_april.csv.gz",
        "--models",
        tmp_path / "models",
    )
    assert trained.returncode == 0, trained.stderr
    before = load_version(model).appraiser
    start = time.perf_counter()
    run = estimator("refresh", "--model", model, "--sales", KING_COUNTY / "sales.csv.gz")
    print(f"refreshed in {time.perf_counter() - start:.1f} s")  # noqa: T201
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith(f"added {newest.sum():,} sales, replaced 0; already known: {(~newest).sum():,}\n")
    after = load_version(model)
    assert len(after.appraiser.model.sales) == len(table)
    new = after.appraiser.model.sales.take(np.arange((~newest).sum(), len(table)))
    errors = [
        np.log(appraiser.value(new.facts, new.date).price / new.price) for appraiser in (before, after.appraiser)
    ]
    assert np.nanmedian(np.abs(errors[1])) < np.nanmedian(np.abs(errors[0]))
    assert abs(np.nanmedian(errors[1])) <= 0.015
    assert "Refreshed with new sales" in (after.folder / "report.html").read_text()
