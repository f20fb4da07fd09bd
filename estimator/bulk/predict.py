"""Values a file: piece by piece on all cores, and its answer appears complete or not at all."""

from collections.abc import Callable
from contextlib import closing
from functools import partial
from itertools import chain
from pathlib import Path

from estimator.appraiser import Appraiser
from estimator.bulk.answers import AnsweredTable, value_table
from estimator.bulk.header import check_header, validated_pieces
from estimator.errors import DataError
from estimator.market.fault_groups import FaultGroups
from estimator.market.homes_file import HomesTable
from estimator.market.market import INDEX_COLUMN
from estimator.market.tables import Rows, encoder_for, first_row, write_atomically
from estimator.threads import parallel_imap


def predict_file(
    appraiser: Appraiser,
    source: Path,
    target: Path,
    progress: Callable[[int], object] = lambda _: None,
    faults: FaultGroups | None = None,
    *,
    with_index: bool = False,
) -> tuple[int, int]:
    """Value every row of a file.

    The target has the source's columns unchanged, then the valuation's. A row that cannot be valued has an empty
    valuation and the reason in `error`. The target is written completely or not at all.

    Parameters
    ----------
    source, target
        CSV or Parquet, by the ending of the file name.
    progress
        Called with the number of rows of each finished piece.
    faults
        Collects the faults of the rows.
    with_index
        Whether to add the column `INDEX_COLUMN`.

    Returns
    -------
    tuple of int
        Number of rows valued, and number of rows with an error.

    Raises
    ------
    DataError
        The source cannot be read, lacks a required column, or has a column of the answer; or the target cannot be
        written; or the index is asked for in a market without sale dates.
    """
    if with_index and appraiser.sale_dates is None:
        raise DataError(
            f"{INDEX_COLUMN}: the sales of '{appraiser.market.name}' have no dates, so it has no price index"
        )
    requested = (INDEX_COLUMN,) if with_index else ()
    market = appraiser.market
    pieces = validated_pieces(market, market.features, source, partial(check_header, market, requested=requested))
    valued, failed = 0, 0

    encode = encoder_for(target)

    def answer(piece: HomesTable) -> tuple[AnsweredTable, Rows]:
        answered = value_table(appraiser, piece, with_index=with_index)
        return answered, encode(answered.table)

    with closing(parallel_imap(answer, pieces)) as tables:
        first = next(tables)
        with write_atomically(target, first[0].table.schema) as writer:
            for answered, encoded in chain([first], tables):
                writer.write_rows(encoded)
                if faults is not None:
                    faults.add(answered.problems, first_row(source) + valued + failed)
                rows, errors = answered.table.num_rows, answered.table.column("valuation_price").null_count
                valued, failed = valued + rows - errors, failed + errors
                progress(rows)
    return valued, failed
