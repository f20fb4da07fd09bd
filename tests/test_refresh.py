"""Refreshing a small model: what it knows afterwards, what is saved, and what a mistyped date changes."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from estimator.appraiser import Appraiser
from estimator.errors import DataError, SavedVersionError
from estimator.market.arrays import FloatArray
from estimator.market.known_sales import match_sales
from estimator.market.market_data import SalesChecks, read_market_data
from estimator.market.sales import Parts, Sales
from estimator.market.validation.reasons import SET_ASIDE_FILE
from estimator.refresh import before_and_added, refresh_model
from estimator.registry import (
    CURRENT,
    MANIFEST,
    SIGNATURE,
    TEACHER,
    load_version,
    publish,
    read_version_file,
    save_version,
)
from estimator.report import NUMBERS, PAGE
from estimator.report.files import read_report
from estimator.report.price_index import price_index
from estimator.training import train_market
from tests.conftest import KING_COUNTY, thin_king_county
from tests.report.page_parser import Page

pytestmark = pytest.mark.training

Write = Callable[[pd.DataFrame], Path]


@pytest.fixture
def model(appraiser: Appraiser, tmp_path: Path) -> Path:
    """`models/<market>` with the published small model, which knows the sales until February 2015."""
    publish(save_version(tmp_path / "models" / "king_county", appraiser, {"seed": 3, "example": {}}))
    return tmp_path / "models" / "king_county"


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """The tenth of the sales that the small model and its test sales come from, as the file has them."""
    return pd.read_csv(KING_COUNTY / "sales.csv.gz", dtype=str, keep_default_na=False).iloc[::10]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_sales(sales: pd.DataFrame) -> Path:
        path = tmp_path / "new.csv"
        sales.to_csv(path, index=False)
        return path

    return write_sales


def later(table: pd.DataFrame, parts: Parts) -> pd.DataFrame:
    """Return the test sales' rows: those that the small model does not know."""
    assert parts.test.sale_id is not None
    return table[table["id"].isin(parts.test.sale_id)]


def values(appraiser: Appraiser, sales: Sales, day: str = "2015-05-20") -> FloatArray:
    """Return the values of homes on one day."""
    return appraiser.value(sales.facts, np.full(len(sales), np.datetime64(day))).price


def test_a_refresh_gives_the_appraiser_that_knows_the_new_sales(
    model: Path, write: Write, table: pd.DataFrame, appraiser: Appraiser, parts: Parts
) -> None:
    """A version that was saved, loaded and refreshed equals one refreshed in memory, bit for bit."""
    assert parts.test.date is not None
    result = refresh_model(model, write(later(table, parts)), seed=5)
    assert result.folder is not None
    assert (result.added, result.known, result.replaced) == (len(parts.test), 0, ())
    assert result.set_aside["sales"] == 0
    loaded = load_version(model)
    assert loaded.folder == result.folder
    direct = appraiser.with_sales(parts.test.in_fixed_order(), np.random.default_rng(5))
    np.testing.assert_array_equal(values(loaded.appraiser, parts.train), values(direct, parts.train))
    for refreshed in (loaded.appraiser, direct):
        assert refreshed.sale_dates is not None
        assert refreshed.sale_dates[1] == parts.test.date.max()
    known = loaded.appraiser.model.sales
    assert len(known) == sum(len(part) for part in vars(parts).values())
    assert known.sale_id is not None
    assert len(set(zip(known.sale_id.tolist(), known.home.tolist(), strict=True))) == len(
        set(known.sale_id.tolist())
    )


def test_the_order_of_the_sales_in_a_file_changes_nothing(
    model: Path, write: Write, table: pd.DataFrame, parts: Parts
) -> None:
    new, trained = later(table, parts), load_version(model).folder
    refreshed = []
    for file in (new, new.iloc[::-1]):
        result = refresh_model(trained, write(file), seed=5)
        assert result.folder is not None
        refreshed.append(load_version(result.folder).appraiser)
    first, second = (values(each, parts.train) for each in refreshed)
    np.testing.assert_array_equal(first, second)


def test_the_manifest_tells_the_training_from_the_refreshes(
    model: Path, write: Write, table: pd.DataFrame, parts: Parts
) -> None:
    first = load_version(model)
    assert first.appraiser.sale_dates is not None
    new = later(table, parts).sort_values("date")
    refresh_model(model, write(new.iloc[:200]), seed=0)
    second = load_version(model)
    refresh_model(model, write(new), seed=0)
    third = load_version(model)
    entry = third.manifest["refreshed"]
    assert (entry["from"], entry["added"], entry["known"], entry["replaced"]) == (
        second.name,
        len(new) - 200,
        200,
        0,
    )
    assert entry["training"] == second.manifest["refreshed"]["training"]
    assert entry["training"] == {
        "version": first.name,
        "created": first.manifest["created"],
        "newest_sale": str(first.appraiser.sale_dates[1]),
    }
    assert entry["training_age_days"] == 0
    assert entry["newest_sale"] == new["date"].max()
    assert third.manifest["seed"] == 3, "of the training"
    home = third.appraiser.reference_home
    days = np.array([entry["training"]["newest_sale"], entry["newest_sale"]], "datetime64[D]")
    price = [float(third.appraiser.model.predict(home, day[None])[0]) for day in days]
    relative = third.appraiser.model.index.relative(third.appraiser.market, home, days[:1])
    relative_later = third.appraiser.model.index.relative(third.appraiser.market, home, days[1:])
    moved = price[1] - price[0] - float(relative_later[0] - relative[0])
    worth = [float(third.appraiser.model.estimate(home, day[None]).log_worth[0]) for day in days]
    assert entry["level_change"] == pytest.approx(100 * np.expm1(moved - worth[1] + worth[0]), abs=1e-3)


def test_the_teacher_is_kept_and_values_homes_with_the_new_sales(
    model: Path, small_models: Path, write: Write, table: pd.DataFrame, parts: Parts
) -> None:
    taught = load_version(small_models, teacher=True).appraiser
    teacher = {TEACHER: read_version_file(small_models, TEACHER)}
    publish(
        save_version(model, load_version(small_models).appraiser, {"seed": 3, "example": {}}, lambda _: teacher)
    )
    refresh_model(model, write(later(table, parts)), seed=5)
    refreshed = load_version(model, teacher=True).appraiser
    assert not np.allclose(values(refreshed, parts.test), values(taught, parts.test))
    by_student = values(load_version(model).appraiser, parts.test)
    assert not np.allclose(values(refreshed, parts.test), by_student)
    np.testing.assert_allclose(np.median(values(refreshed, parts.test) / by_student), 1, atol=0.03)


def test_nothing_new_saves_nothing(model: Path, write: Write, table: pd.DataFrame, parts: Parts) -> None:
    path = write(table[~table["id"].isin(later(table, parts)["id"])].sample(100, random_state=0))
    before = sorted(file.name for file in model.iterdir())
    result = refresh_model(model, path, seed=0)
    assert (result.folder, result.added, result.known, result.record) == (None, 0, 100, None)
    assert sorted(file.name for file in model.iterdir()) == before


def test_a_corrected_price_replaces_the_wrong_one_and_is_listed(
    model: Path, write: Write, table: pd.DataFrame, appraiser: Appraiser, parts: Parts
) -> None:
    """Afterwards the model is as if it had never known the wrong price."""
    new = later(table, parts)
    wrong = new.copy()
    row = wrong.index[7]
    wrong.loc[row, "price"] = str(int(new.loc[row, "price"]) * 3)
    refresh_model(model, write(wrong), seed=0)
    result = refresh_model(model, write(new), seed=0)
    assert (result.added, result.known) == (0, len(new) - 1)
    (text,) = result.replaced
    old, now = (f"{int(frame.loc[row, 'price']):,}" for frame in (wrong, new))
    assert text == f"row 9, sale of {new.loc[row, 'id']} on {new.loc[row, 'date']}: price {old} → {now}"
    corrected = load_version(model).appraiser
    known = corrected.model.sales
    assert len(known) == sum(len(part) for part in vars(parts).values())
    assert len(corrected.calibration[0].residual) == len(parts.validation) + len(parts.test)
    right = appraiser.with_sales(parts.test.in_fixed_order(), np.random.default_rng(0))
    np.testing.assert_allclose(known.price.sum(), right.model.sales.price.sum())
    moved = np.abs(values(corrected, parts.validation) / values(right, parts.validation) - 1)
    assert np.nanmedian(moved) < 0.002
    assert np.nanmax(np.abs([new_errors.residual for new_errors in corrected.calibration])) < np.log(30)


def test_a_file_that_replaces_most_sales_is_refused_because_the_networks_learned_from_the_others(
    model: Path, write: Write, table: pd.DataFrame, parts: Parts
) -> None:
    known = table[~table["id"].isin(later(table, parts)["id"])].copy()
    known["price"] = [str(int(price) + 1000) for price in known["price"]]
    with pytest.raises(DataError, match=r"of the training have other prices .* row 2, .*; at most 50%"):
        refresh_model(model, write(known), seed=0)


def test_files_that_replace_most_sales_together_are_refused_too(
    appraiser: Appraiser, write: Write, table: pd.DataFrame, parts: Parts, tmp_path: Path
) -> None:
    trained = int(appraiser.model.learned.sum())
    folder = save_version(tmp_path / "models" / "king_county", appraiser, {"sales": {"train": trained}})
    assert parts.train.sale_id is not None
    train = table[table["id"].isin(parts.train.sale_id)].copy()
    train["price"] = [str(int(price) + 1000) for price in train["price"]]
    third = len(train) // 3 + 1
    once = refresh_model(folder, write(train.iloc[:third]), seed=0, publish_anyway=True).folder
    assert once is not None
    with pytest.raises(DataError, match=rf"of the {trained:,} sales of the training have other prices"):
        refresh_model(once, write(train.iloc[third : 2 * third]), seed=0)


def test_new_sales_that_lack_a_usual_fact_are_counted(
    model: Path, write: Write, table: pd.DataFrame, parts: Parts
) -> None:
    new = later(table, parts)
    result = refresh_model(model, write(new.drop(columns="grade")), seed=0, publish_anyway=True)
    assert result.record is not None
    assert result.record["lacking_facts"] == {"grade": len(new)}
    assert result.record["known_under_another_id"] is None


def test_sales_whose_ids_are_written_in_another_way_are_noticed(
    model: Path, write: Write, table: pd.DataFrame, parts: Parts
) -> None:
    assert parts.train.sale_id is not None
    known = table[table["id"].isin(parts.train.sale_id)].head(40)
    again = known.assign(id="0" + known["id"])
    result = refresh_model(model, write(again), seed=0, publish_anyway=True)
    assert result.record is not None
    first = known["id"].iloc[0]
    assert result.record["known_under_another_id"] == {"sales": 40, "id": f"0{first}", "known_id": first}
    assert result.record["lacking_facts"] == {}


def test_prices_that_rise_raise_the_values(appraiser: Appraiser, parts: Parts) -> None:
    known = appraiser.model.sales
    rising = replace(parts.test, price=parts.test.price * 1.1)
    plain, risen = (
        before.with_sales(new, np.random.default_rng(0))
        for before, new in (
            before_and_added(appraiser, match_sales(known, sales, appraiser.areas.facts))
            for sales in (parts.test, rising)
        )
    )
    ratio = values(risen, parts.validation) / values(plain, parts.validation)
    assert np.nanmedian(ratio) == pytest.approx(1.1, abs=0.03)


def test_a_new_sale_with_a_mistyped_date_is_set_aside(
    model: Path, write: Write, table: pd.DataFrame, parts: Parts
) -> None:
    new = later(table, parts).copy()
    new.loc[new.index[[3, 5]], "date"] = ["2051-04-01", "2016-04-01"]
    result = refresh_model(model, write(new), seed=0)
    listed = [(entry["row"], entry["value"]) for entry in result.set_aside["examples"]]
    assert listed == [(5, "2051-04-01"), (7, "2016-04-01")]
    assert result.added == len(new) - 2
    appraiser = load_version(model).appraiser
    assert appraiser.sale_dates is not None
    assert str(appraiser.sale_dates[1]) == later(table, parts)["date"].max()
    assert result.folder is not None
    assert load_version(model).manifest["refreshed"]["set_aside"] == result.set_aside
    assert pd.read_csv(result.folder / SET_ASIDE_FILE)["row"].tolist() == [5, 7]


def test_a_version_published_meanwhile_stays_current(
    model: Path,
    write: Write,
    table: pd.DataFrame,
    appraiser: Appraiser,
    parts: Parts,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another training is published while the refresh computes: at the moment when it saves its version."""
    published = []

    def save_late(*arguments: object, **options: object) -> Path:
        published.append(save_version(model, appraiser, {}))
        publish(published[0])
        return save_version(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("estimator.refresh.save_version", save_late)
    with pytest.raises(SavedVersionError, match=r"is saved, but not published, since .* was published meanwhile"):
        refresh_model(model, write(later(table, parts)), seed=0)
    assert (model / CURRENT).resolve() == published[0]


def test_with_a_key_the_refreshed_version_is_signed(
    tmp_path: Path, write: Write, table: pd.DataFrame, appraiser: Appraiser, parts: Parts
) -> None:
    folder, key = tmp_path / "signed", b"k" * 32
    publish(save_version(folder, appraiser, {}, key=key))
    result = refresh_model(folder, write(later(table, parts)), 0, key)
    assert result.folder is not None
    assert (result.folder / SIGNATURE).exists()
    assert load_version(folder, key).folder == result.folder
    with pytest.raises(SavedVersionError, match="not signed with this key"):
        refresh_model(folder, write(later(table, parts)), 0, b"x" * 32)


@pytest.mark.parametrize(
    ("column", "value", "complaint"),
    [("price", "-1", "row 3, column price: -1 is not above 0"), ("date", "soon", "row 3, column date")],
)
def test_wrong_sales_are_refused(
    model: Path, write: Write, table: pd.DataFrame, parts: Parts, column: str, value: str, complaint: str
) -> None:
    new = later(table, parts).copy()
    new.loc[new.index[1], column] = value
    with pytest.raises(DataError, match=complaint):
        refresh_model(model, write(new), seed=0, checks=SalesChecks(strict=True))


@pytest.fixture(scope="module")
def thin_market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return thin_king_county(tmp_path_factory.mktemp("thin") / "market", every=20)


def test_training_and_report_tell_of_a_mistyped_date_and_of_a_refresh(thin_market: Path, tmp_path: Path) -> None:
    table = pd.read_csv(thin_market / "sales.csv.gz", dtype=str, keep_default_na=False)
    newest = table["date"] >= "2015-05-01"
    wrong = table[~newest].copy()
    wrong.loc[wrong.index[10], "date"] = "2105-03-01"
    wrong.to_csv(tmp_path / "wrong.csv", index=False)
    trained = train_market(thin_market, tmp_path / "wrong.csv", tmp_path / "models", None, 0)
    (aside,) = trained.set_aside["examples"]
    assert (aside["row"], aside["value"]) == (12, "2105-03-01")
    manifest = json.loads((trained.folder / MANIFEST).read_text())
    assert manifest["set_aside"] == trained.set_aside
    assert sum(trained.parts.values()) == len(wrong) - 1
    assert "row 12, date 2105-03-01: it is after today" in " ".join(page_text(trained.folder).split())

    table.to_csv(tmp_path / "all.csv", index=False)
    result = refresh_model(tmp_path / "models" / "king_county", tmp_path / "all.csv", seed=0)
    assert result.folder is not None
    assert (result.added, result.known, result.replaced) == (newest.sum() + 1, len(wrong) - 1, ())
    report = read_report(result.folder)
    assert report["refreshed"] == result.record
    assert report["version"] == result.folder.name
    assert report["error_figures"] == read_report(trained.folder)["error_figures"]
    refreshed = load_version(result.folder).appraiser
    assert report["price_index"] == price_index(refreshed)
    assert report["price_index"] != read_report(trained.folder)["price_index"]
    text = " ".join(page_text(result.folder).split())
    assert f"made from version {trained.folder.name} without training again" in text
    assert f"knows {newest.sum() + 1} more sales" in text
    assert "the network that values homes goes on learning from these sales" in text
    assert set(load_version(result.folder).manifest["files"]) >= {NUMBERS, PAGE}


def page_text(folder: Path) -> str:
    return Page((folder / PAGE).read_text()).text


@pytest.mark.parametrize("mistyped", ["2051", "2105", "2016"])
def test_one_mistyped_date_does_not_change_the_parts_of_the_other_sales(
    thin_market: Path, tmp_path: Path, mistyped: str
) -> None:
    """So that a training with the sale is the training without it, bit for bit."""
    table = pd.read_csv(thin_market / "sales.csv.gz", dtype=str, keep_default_na=False)
    table.drop(index=100).to_csv(tmp_path / "without.csv", index=False)
    table.loc[100, "date"] = mistyped + str(table.loc[100, "date"])[4:]
    table.to_csv(tmp_path / "with.csv", index=False)
    expected, found = (
        read_market_data(thin_market, tmp_path / name, None, np.random.default_rng(0)).parts
        for name in ("without.csv", "with.csv")
    )
    for name, part in vars(expected).items():
        np.testing.assert_array_equal(vars(found)[name].sale_id, part.sale_id)
        np.testing.assert_array_equal(vars(found)[name].price, part.price)
