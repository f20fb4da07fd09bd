"""DataFrames of homes → the same rows with their answers: for Dask, Spark, Ray and MLflow (see docs/clusters.md).

Each process loads the model once. A home has the same values in a frame as in a file.
"""

from collections.abc import Iterable, Iterator
from functools import partial

import pandas as pd
import pyarrow as pa

from estimator.appraiser import CONFIDENCE
from estimator.bulk.answers import value_table
from estimator.bulk.header import check_header
from estimator.bulk.model import ModelSource, load_model
from estimator.market.homes_file import PIECE_ROWS, HomesTable
from estimator.market.text_forms import TextForms
from estimator.threads import parallel_imap


def value_arrow(
    homes: pa.Table, source: ModelSource, confidence: float = CONFIDENCE, threads: int | None = None
) -> pa.Table:
    """Value the homes of an Arrow table, such as a batch of Ray's.

    Parameters
    ----------
    homes
        n homes; columns are found by a fact's name, its column or an alias, and keep their types.
    source
        The model.
    confidence
        As `Appraiser.value` takes it.
    threads
        To use; None for as many as there are cores. On a cluster whose engine gives each core its own work, 1.

    Raises
    ------
    DataError
        A required fact has no column, or a column has the name of one of the answer.
    """
    appraiser = load_model(source)
    market = appraiser.market
    check_header(market, homes.column_names)
    forms = TextForms.detect(market, market.features, homes, is_text=False)
    pieces = (
        HomesTable(homes.slice(start, PIECE_ROWS), forms, {})
        for start in range(0, max(homes.num_rows, 1), PIECE_ROWS)
    )
    answered = parallel_imap(partial(value_table, appraiser, confidence=confidence), pieces, threads)
    # In one chunk: Spark refuses columns of text in several.
    return pa.concat_tables([piece.table for piece in answered]).combine_chunks()


def value_frame(
    homes: pd.DataFrame, source: ModelSource, confidence: float = CONFIDENCE, threads: int | None = 1
) -> pd.DataFrame:
    """Value the homes of a DataFrame, such as a partition of Dask's; otherwise as `value_arrow`."""
    table = pa.Table.from_pandas(homes, preserve_index=False)
    answered: pd.DataFrame = value_arrow(table, source, confidence, threads).to_pandas()
    return answered.set_axis(homes.index, axis="index")


def value_frames(
    frames: Iterable[pd.DataFrame], source: ModelSource, confidence: float = CONFIDENCE
) -> Iterator[pd.DataFrame]:
    """Value frame after frame, as Spark's `mapInPandas` gives them."""
    for frame in frames:
        yield value_frame(frame, source, confidence)
