"""A new market needs a new folder and no code."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from estimator.assessment.evaluation import ALL_FACTS, REQUIRED_FACTS
from estimator.bulk import predict_file
from estimator.errors import DataError
from estimator.market.facts import Facts
from estimator.registry import SavedVersion, load_version
from estimator.training import TrainingResult, train_market
from tests.conftest import train_small
from tests.town import QUARTERS, make_town

pytestmark = pytest.mark.training


@pytest.fixture(scope="module", params=[False, True], ids=["without places", "with places"])
def trained(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, TrainingResult]:
    folder = tmp_path_factory.mktemp("cities")
    make_town(folder / "data", places=request.param)
    return folder, train_small(folder / "data", folder / "models")


@pytest.fixture(scope="module")
def saved(trained: tuple[Path, TrainingResult]) -> SavedVersion:
    return load_version(trained[0] / "models" / "town")


def test_five_hundred_sales_are_enough_to_learn_the_quarters(trained: tuple[Path, TrainingResult]) -> None:
    _, training = trained
    assert training.parts == {"train": 320, "validation": 80, "test": 100}
    known, bare = training.figures[ALL_FACTS], training.figures[REQUIRED_FACTS]
    # The quarters' factors alone spread by about 40%, and a fifth of the sales have no quarter.
    assert known.mdape < 20
    assert bare.mdape > known.mdape
    assert bare.median_width is not None
    assert known.median_width is not None
    assert bare.median_width > known.median_width
    assert known.coverage is not None
    assert bare.coverage is not None
    # One calibration for any number of known facts: 90% on average, with 200 values calibrated on 80 sales.
    assert (known.coverage + bare.coverage) / 2 == pytest.approx(90, abs=8)


def test_the_manifest_records_the_split_of_sales_without_dates(saved: SavedVersion) -> None:
    assert saved.manifest["split"] == "random"
    assert saved.manifest["market"] == "town"
    assert set(saved.manifest["example"]) >= {"size", "always_seven"}


def test_a_city_without_postal_codes_has_a_ratio_study_without_areas(saved: SavedVersion) -> None:
    study = saved.manifest["ratio_study"]["all_facts"]
    assert study["overall"]["cod"] > 0
    assert len(study["price_bands"]) == 4
    assert study["areas"] is None
    assert study["reasons"] == {"areas": "no sale's postal code is known"}


def test_an_answer_has_the_markets_currency_and_no_date(saved: SavedVersion) -> None:
    appraiser = saved.appraiser
    answer = appraiser.value(Facts.of(appraiser.market, [{"size": 100.0, "quarter": 'the "hill"'}])).as_dict(0)
    assert answer["currency"] == "SEK"
    assert answer["valuation_date"] is None
    assert answer["looked_up"] == []
    assert set(answer["unknown"]) >= {"rooms", "garden", "renovated", "never_recorded", "always_seven"}
    assert "size" not in answer["unknown"]
    assert "quarter" not in answer["unknown"]
    assert answer["price_low"] < answer["price"] < answer["price_high"]


def test_prices_of_the_quarters_are_ranked_correctly(saved: SavedVersion) -> None:
    appraiser = saved.appraiser
    homes: list[dict[str, float | str]] = [{"size": 100.0, "quarter": quarter} for quarter in QUARTERS]
    price = dict(zip(QUARTERS, appraiser.value(Facts.of(appraiser.market, homes)).price, strict=True))
    assert price["Öland"] < price["harbour, east"] < price["old town"] < price['the "hill"']


def test_a_quarter_without_sales_gets_a_warning_and_is_treated_as_unknown(saved: SavedVersion) -> None:
    appraiser = saved.appraiser
    unseen = "a quarter whose name is longer than any other's"
    homes: list[dict[str, float | str]] = [{"size": 100.0, "quarter": unseen}, {"size": 100.0}]
    values = appraiser.value(Facts.of(appraiser.market, homes))
    assert values.price[0] == values.price[1]
    assert values.unknown["quarter"].all()
    assert values.as_dict(0)["warnings"] == ["No training sale has this quarter, so it is treated as unknown"]
    assert values.as_dict(1)["warnings"] == []


def test_a_file_of_the_citys_homes_is_valued(trained: tuple[Path, TrainingResult], saved: SavedVersion) -> None:
    folder, _ = trained
    homes = make_town(folder / "other", 50, places=saved.appraiser.market.coordinates is not None, seed=1)
    target = folder / "valued.csv"
    assert predict_file(saved.appraiser, folder / "other" / "sales.csv", target) == (50, 0)
    valued = pd.read_csv(target, keep_default_na=False)
    given = pd.read_csv(folder / "other" / "sales.csv", keep_default_na=False)
    pd.testing.assert_frame_equal(valued[list(given.columns)], given)
    assert (valued["valuation_date"] == "").all()
    error = (valued["valuation_price"] / homes["paid"] - 1).abs()
    assert error[homes["quarter"].notna()].median() < 0.15


def test_the_same_folder_and_seed_give_the_same_model(
    trained: tuple[Path, TrainingResult], tmp_path: Path
) -> None:
    folder, training = trained
    again = train_market(folder / "data" / "market.toml", None, tmp_path, split=None, seed=0)
    other = train_market(folder / "data", None, tmp_path, split="random", seed=1)
    bytes_of = [(run.folder / "appraiser.joblib").read_bytes() for run in (training, again, other)]
    assert bytes_of[0] == bytes_of[1] != bytes_of[2]


def test_sales_without_dates_cannot_be_split_by_time(trained: tuple[Path, TrainingResult], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no dates"):
        train_market(trained[0] / "data", None, tmp_path, split="time", seed=0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("n", [5, 12])
def test_a_few_sales_are_enough_for_prices_but_not_for_ranges(tmp_path: Path, n: int) -> None:
    make_town(tmp_path, n)
    train_small(tmp_path, tmp_path / "models")
    appraiser = load_version(tmp_path / "models" / "town").appraiser
    values = appraiser.value(Facts.of(appraiser.market, [{"size": 100.0}]))
    assert np.isfinite(values.price).all()
    assert np.isnan([values.low, values.high, values.fsd, values.probability_within_10]).all()
    manifest = load_version(tmp_path / "models" / "town").manifest
    assert manifest["ratio_study"]["all_facts"]["overall"]["n"] == manifest["sales"]["test"] < 5


@pytest.mark.parametrize("n", [1, 2])
def test_too_few_sales_are_an_error(tmp_path: Path, n: int) -> None:
    make_town(tmp_path, n)
    with pytest.raises(DataError, match="too few"):
        train_market(tmp_path, None, tmp_path / "models", split=None, seed=0)


def test_a_market_with_only_unique_labels_is_an_error(tmp_path: Path) -> None:
    features = '[[features]]\nname = "kind"\nkind = "category"\n'
    market = f'name = "odd"\ncurrency = "EUR"\nsales = "sales.csv"\nprice = "price"\n{features}'
    (tmp_path / "market.toml").write_text(market)
    (tmp_path / "sales.csv").write_text("price,kind\n" + "".join(f"{100 + row},home {row}\n" for row in range(60)))
    with pytest.raises(DataError, match="market 'odd' has nothing to learn from"):
        train_market(tmp_path, None, tmp_path, None, seed=0)


def test_a_model_with_infinite_error_figures_is_not_published(tmp_path: Path) -> None:
    make_town(tmp_path / "town", 60)
    sales = pd.read_csv(tmp_path / "town" / "sales.csv", dtype=str, keep_default_na=False)
    sales["paid"] = np.where(np.arange(60) % 2, "1e-300", "1e300")
    sales.to_csv(tmp_path / "town" / "sales.csv", index=False)
    with np.errstate(all="ignore"), pytest.raises(DataError, match="prices are too far apart"):
        train_market(tmp_path / "town", None, tmp_path / "models", None, seed=0)
    assert [path.name for path in (tmp_path / "models").glob("*/*")] == [".lock"]
