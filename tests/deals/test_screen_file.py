import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from estimator.appraiser import Appraiser
from estimator.bulk import predict_file
from estimator.deals.list_prices import ListPriceModel
from estimator.deals.readings import PAYS, PAYS_BOTH, PAYS_NOT, PAYS_VALUE_ONLY, READING_FIELDS
from estimator.deals.saved_list_prices import LIST_PRICES_FILE
from estimator.deals.screen_file import READING_COLUMNS, SCREEN_COLUMNS, screen_file
from estimator.deals.screening_counts import ScreeningCounts
from estimator.errors import DataError
from estimator.market.geometry import points_of
from estimator.market.tables import read_table
from tests.conftest import KING_COUNTY, run_command

COSTS = {"buying_cost": 0.0, "selling_cost": 0.0, "rehab": 1_000.0}


def listings(n: int) -> pd.DataFrame:
    """Return n recorded homes as listings: without their price, and with a list price some percent off it."""
    table = pd.read_csv(KING_COUNTY / "sales.csv.gz", dtype=str, keep_default_na=False).tail(n)
    list_price: pd.Series[float] = table.pop("price").astype(float) * np.exp(
        np.random.default_rng(0).normal(0, 0.1, n)
    )
    table["list_price"] = list_price.round().astype(int).astype(str)
    table["listing_id"] = [f"L{row}" for row in range(n)]
    return table


@pytest.fixture(scope="module")
def model(appraiser: Appraiser) -> ListPriceModel:
    return ListPriceModel.prior(appraiser.ranges.scores)


def screened(
    appraiser: Appraiser, model: ListPriceModel, table: pd.DataFrame, folder: Path, **more: Any
) -> tuple[pd.DataFrame, ScreeningCounts]:
    table.to_csv(folder / "listings.csv", index=False)
    counts = screen_file(appraiser, model, folder / "listings.csv", folder / "deals.csv", COSTS, **more)
    return pd.read_csv(folder / "deals.csv", dtype=str, keep_default_na=False), counts


def test_the_answer_has_all_listings_best_first_with_their_own_columns(
    appraiser: Appraiser, model: ListPriceModel, tmp_path: Path
) -> None:
    table = listings(200)
    table["list_price"] = table.list_price.where(table.listing_id != "L3", "0")
    table["sqft_living"] = table.sqft_living.where(table.listing_id != "L5", "")
    table["note"] = 'said "fine",\nthen left'
    answer, counts = screened(appraiser, model, table, tmp_path, probability=0.5)
    assert sorted(answer.listing_id) == sorted(table.listing_id)
    assert list(answer.columns[: len(table.columns)]) == list(table.columns)
    assert [name for name in answer.columns.astype(str) if name.startswith("screen_")] == list(SCREEN_COLUMNS)
    before = table.set_index("listing_id").loc[answer.listing_id].reset_index()
    pd.testing.assert_frame_equal(answer[table.columns], before[table.columns])
    ranked = answer[answer.error == ""]
    assert ranked.screen_rank.astype(int).tolist() == list(range(1, 199))
    ratios = ranked.valuation_price.astype(float) / ranked.list_price.astype(float)
    assert (ratios.diff().dropna() <= 1e-4).all()
    assert answer.error.tolist()[-2:] == [
        "list_price: 0 is below the minimum of 1 USD",
        "square_footage: is required",
    ]
    assert (answer[answer.error != ""][["screen_rank", "screen_margin", "valuation_price"]] == "").all(axis=None)
    both, by_value = (int((answer.screen_pays == label).sum()) for label in (PAYS_BOTH, PAYS_VALUE_ONLY))
    assert counts[:4] == (both, by_value, 198 - both - by_value, 2)
    assert counts.deals == both + by_value
    assert min(counts) > 0
    assert ((ranked.screen_probability.astype(float) >= 0.5) == (ranked.screen_deal == "True")).all()
    by_both = ranked.screen_pays == PAYS_BOTH
    assert ((ranked.screen_if_ask_informed_probability.astype(float) >= 0.5) == by_both).all()
    pays_by_value = by_both | (ranked.screen_pays == PAYS_VALUE_ONLY)
    assert ((ranked.screen_if_value_right_probability.astype(float) >= 0.5) == pays_by_value).all()
    for field in READING_FIELDS:
        assert (ranked[f"screen_if_ask_informed_{field}"] == ranked[f"screen_{field}"]).all()


def test_a_value_does_not_depend_on_the_list_price(
    appraiser: Appraiser, model: ListPriceModel, tmp_path: Path
) -> None:
    table = listings(100)
    tripled = table.assign(list_price=[str(3 * int(price)) for price in table.list_price])
    columns = ["listing_id", "valuation_price", "valuation_low", "valuation_high", "valuation_fsd"]
    one, _ = screened(appraiser, model, table, tmp_path)
    other, _ = screened(appraiser, model, tripled, tmp_path)
    pd.testing.assert_frame_equal(
        one[columns].sort_values("listing_id", ignore_index=True),
        other[columns].sort_values("listing_id", ignore_index=True),
    )
    predict_file(appraiser, tmp_path / "listings.csv", tmp_path / "predicted.csv")
    predicted = pd.read_csv(tmp_path / "predicted.csv", dtype=str, keep_default_na=False)
    pd.testing.assert_frame_equal(
        one[columns].sort_values("listing_id", ignore_index=True),
        predicted[columns].sort_values("listing_id", ignore_index=True),
    )


def test_pieces_are_screened_like_the_whole_file(
    appraiser: Appraiser, model: ListPriceModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = listings(300)
    table["listing_id"] = table.listing_id.where(table.listing_id != "L250", "L3")
    whole, _ = screened(appraiser, model, table, tmp_path)
    monkeypatch.setattr("estimator.market.homes_file.PIECE_ROWS", 50)
    monkeypatch.setattr("estimator.deals.screen_file.BATCH_ROWS", 7)
    piece_sizes: list[int] = []
    pieces, _ = screened(appraiser, model, table, tmp_path, progress=piece_sizes.append)
    assert len(piece_sizes) > 5
    assert sum(piece_sizes) == 300
    pd.testing.assert_frame_equal(whole, pieces)
    assert whole.error.tolist()[-1] == "listing_id: 'L3' is already used in row 5"


def test_closed_listings_rank_by_margin_and_leave_the_readings_empty(
    appraiser: Appraiser, model: ListPriceModel, tmp_path: Path
) -> None:
    answer, counts = screened(appraiser, replace(model, listings=150), listings(50), tmp_path, probability=0.5)
    assert answer.screen_margin_percent.astype(float).is_monotonic_decreasing
    assert (answer[list(READING_COLUMNS)] == "").all(axis=None)
    assert counts[:4] == ((answer.screen_pays == PAYS).sum(), 0, (answer.screen_pays == PAYS_NOT).sum(), 0)


def test_parquet_is_screened_like_csv(appraiser: Appraiser, model: ListPriceModel, tmp_path: Path) -> None:
    table = listings(50)
    expected, _ = screened(appraiser, model, table, tmp_path)
    pq.write_table(pa.Table.from_pandas(table, preserve_index=False), tmp_path / "listings.parquet")
    screen_file(appraiser, model, tmp_path / "listings.parquet", tmp_path / "deals.parquet", COSTS)
    found = pd.read_parquet(tmp_path / "deals.parquet")
    assert found.screen_margin.tolist() == expected.screen_margin.astype(float).tolist()
    assert found.listing_id.tolist() == expected.listing_id.tolist()


@pytest.mark.parametrize("ending", ["geojson", "geoparquet"])
def test_a_map_of_deals_shows_the_listings_where_they_are(
    appraiser: Appraiser, model: ListPriceModel, tmp_path: Path, ending: str
) -> None:
    """Whether the listings have coordinates, or are a map themselves."""
    table = listings(20)
    expected, _ = screened(appraiser, model, table, tmp_path)
    features = [
        {"type": "Feature", "geometry": {"type": "Point", "coordinates": [x, y]}, "properties": properties}
        for x, y, properties in zip(
            table.long.astype(float),
            table.lat.astype(float),
            table.drop(columns=["long", "lat"]).to_dict("records"),
            strict=True,
        )
    ]
    source, target = tmp_path / "listings.geojson", tmp_path / f"deals.{ending}"
    source.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    for listed in (tmp_path / "listings.csv", source):
        screen_file(appraiser, model, listed, target, COSTS)
        deals = read_table(target)
        assert deals.column("listing_id").to_pylist() == expected.listing_id.tolist()
        longitude, latitude = points_of(deals)
        assert longitude.tolist() == expected.long.astype(float).tolist()
        assert latitude.tolist() == expected.lat.astype(float).tolist()
        if ending == "geoparquet":
            geo = json.loads(pq.read_schema(target).metadata[b"geo"])
            assert geo["columns"]["geometry"]["encoding"] == "WKB"
    screen_file(appraiser, model, _without_rows(tmp_path / "listings.csv"), target, COSTS)
    assert read_table(target).num_rows == 0


def _without_rows(path: Path) -> Path:
    """Leave only the header of a file of CSV."""
    path.write_text(path.read_text().splitlines()[0] + "\n")
    return path


@pytest.mark.parametrize(
    ("rename", "complaint"),
    [
        ({"list_price": "asked"}, "there is no column for list_price, which is required; .*ListPrice"),
        ({"sqft_living": "size"}, "there is no column for square_footage"),
        ({"listing_id": "screen_rank"}, "column 'screen_rank' has the name of a column of the answer"),
        ({"listing_id": "ListPrice"}, "'list_price' and 'ListPrice' both stand for list_price"),
    ],
)
def test_an_invalid_header_is_reported_and_nothing_is_written(
    appraiser: Appraiser, model: ListPriceModel, tmp_path: Path, rename: dict[str, str], complaint: str
) -> None:
    with pytest.raises(DataError, match=complaint):
        screened(appraiser, model, listings(5).rename(columns=rename), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["listings.csv"]


def test_a_file_without_listings_gives_an_answer_without_rows(
    appraiser: Appraiser, model: ListPriceModel, tmp_path: Path
) -> None:
    answer, counts = screened(appraiser, model, listings(5).head(0), tmp_path)
    assert len(answer) == 0
    assert set(SCREEN_COLUMNS) <= set(answer)
    assert counts[:4] == (0, 0, 0, 0)


def test_the_command_prints_its_counts_and_a_warning_without_a_fit(small_models: Path, tmp_path: Path) -> None:
    listings(30).to_csv(tmp_path / "in.csv", index=False)
    run = run_command("screen", "--model", small_models, "--rehab", "0", tmp_path / "in.csv", tmp_path / "out.csv")
    assert run.exit_code == 0, run.stderr
    assert "with an error: 0;" in run.stdout
    assert "fit-list-prices" in run.stderr
    assert "ranked by value ÷ list price" in run.stderr
    pays = pd.read_csv(tmp_path / "out.csv").screen_pays
    both, by_value = ((pays == label).sum() for label in (PAYS_BOTH, PAYS_VALUE_ONLY))
    told_apart = f"({both} under both readings, {by_value} only if our value is right)"
    assert f"deals: {both + by_value} {told_apart}, " in run.stdout
    assert len(pd.read_csv(tmp_path / "out.csv")) == 30


@pytest.mark.parametrize("option", [("--selling-cost", "0.51"), ("--probability", "0.4"), ("--rehab", "-1")])
def test_the_command_refuses_costs_out_of_bounds(
    small_models: Path, tmp_path: Path, option: tuple[str, str]
) -> None:
    listings(3).to_csv(tmp_path / "in.csv", index=False)
    run = run_command("screen", "--model", small_models, *option, tmp_path / "in.csv", tmp_path / "out.csv")
    assert run.exit_code == 2
    assert option[0] in run.stderr
    assert not (tmp_path / "out.csv").exists()


def test_the_command_refuses_damaged_list_prices_and_says_how_to_go_on(small_models: Path, tmp_path: Path) -> None:
    shutil.copytree(small_models, tmp_path / "market", symlinks=True)
    (tmp_path / "market" / LIST_PRICES_FILE).write_text("{")
    listings(3).to_csv(tmp_path / "in.csv", index=False)
    run = run_command("screen", "--model", tmp_path / "market", tmp_path / "in.csv", tmp_path / "out.csv")
    assert run.exit_code == 2
    assert f"{tmp_path / 'market' / LIST_PRICES_FILE}: cannot be used: " in run.stderr
    assert "or remove it to use the default" in run.stderr
    assert not (tmp_path / "out.csv").exists()


def test_the_command_says_that_list_prices_are_in_another_unit(small_models: Path, tmp_path: Path) -> None:
    table = listings(10)
    table["list_price"] += "000"
    table.to_csv(tmp_path / "in.csv", index=False)
    run = run_command("screen", "--model", small_models, tmp_path / "in.csv", tmp_path / "out.csv")
    assert run.exit_code == 0
    assert "LOOK AT THIS FIRST: half of the list prices are " in run.stderr
    assert "unit of the prices of the sales, USD, or in thousands?" in run.stderr
