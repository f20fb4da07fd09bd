"""DataFrames are valued like files: by the function itself, and as the engines call it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from estimator.bulk.frames import value_arrow, value_frame, value_frames
from estimator.bulk.model import ModelSource, load_model, source_of
from estimator.bulk.predict import predict_file
from estimator.errors import DataError, SavedVersionError
from estimator.market.homes_file import PIECE_ROWS
from estimator.registry import load_version
from tests.conftest import KING_COUNTY

pytestmark = pytest.mark.training


@pytest.fixture(scope="module")
def source(small_models: Path) -> ModelSource:
    return source_of(load_version(small_models))


@pytest.fixture(scope="module")
def sold() -> pd.DataFrame:
    """Sold homes, some of which cannot be valued."""
    table = pd.read_csv(KING_COUNTY / "sales.csv.gz").tail(1000).reset_index(drop=True)
    table.loc[::100, "lat"] = np.nan
    return table


@pytest.fixture(scope="module")
def expected(source: ModelSource, sold: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The answers of the same homes in a file."""
    folder = tmp_path_factory.mktemp("frames")
    sold.to_parquet(folder / "homes.parquet", index=False)
    predict_file(load_model(source), folder / "homes.parquet", folder / "valued.parquet")
    return pd.read_parquet(folder / "valued.parquet")


def test_a_frame_and_its_parts_have_the_answers_of_the_file(
    source: ModelSource, sold: pd.DataFrame, expected: pd.DataFrame
) -> None:
    pd.testing.assert_frame_equal(value_frame(sold, source), expected)
    odd = sold.iloc[1::2]
    pd.testing.assert_frame_equal(value_frame(odd, source), expected.iloc[1::2])
    parts = value_frames([sold[:300], sold[300:]], source)
    pd.testing.assert_frame_equal(pd.concat(parts), expected)
    empty = value_frame(sold[:0], source)
    assert (len(empty), list(empty.columns)) == (0, list(expected.columns))
    assert empty.dtypes["valuation_price"] == np.float64


def test_a_table_of_several_pieces_keeps_its_order(source: ModelSource, sold: pd.DataFrame) -> None:
    table = pa.Table.from_pandas(sold[["lat", "long", "sqft_living"]], preserve_index=False)
    long = pa.concat_tables([table] * (PIECE_ROWS // 1000 + 2))
    answered = value_arrow(long, source)
    assert {column.num_chunks for column in answered.columns} == {1}, "Spark refuses text in several chunks"
    price = answered["valuation_price"].to_numpy().reshape(-1, 1000)
    np.testing.assert_array_equal(price, np.tile(price[0], (len(price), 1)))


def test_another_model_than_expected_is_refused(source: ModelSource, sold: pd.DataFrame) -> None:
    with pytest.raises(SavedVersionError, match="the run was started with 0000"):
        value_frame(sold, source._replace(sha256="0" * 64))


def test_a_frame_without_a_required_fact_is_refused(source: ModelSource, sold: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="there is no column for square_footage"):
        value_frame(sold.drop(columns="sqft_living"), source)
