"""Values a file: piece by piece on all cores, and its answer appears complete or not at all."""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing, nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import pyarrow as pa

from estimator import __version__
from estimator.appraiser import CONFIDENCE, Appraiser
from estimator.bulk.answers import value_table
from estimator.bulk.header import check_header, validated_pieces
from estimator.bulk.journal import Journal, open_journal
from estimator.bulk.model import ModelSource, load_model
from estimator.bulk.places import for_target
from estimator.bulk.rest import with_rests
from estimator.bulk.workers import Workers
from estimator.errors import DataError
from estimator.market.columns import Problem
from estimator.market.fault_groups import FaultGroups
from estimator.market.homes_file import PIECE_ROWS, HomesTable
from estimator.market.input_files import refuse_replacing
from estimator.market.market import INDEX_COLUMN
from estimator.market.tables import Rows, encoder_for, first_row, write_atomically
from estimator.threads import parallel_imap


@dataclass(frozen=True)
class Run:
    """How files are valued.

    Parameters
    ----------
    confidence
        Of the ranges, as `Appraiser.value` takes it.
    include
        Names in `REASONS`; each is a column.
    model
        Names the model, so that another one has another name. With it, a run that was killed is continued by the
        next run: see `journal`.
    threads
        Threads that value homes, where no processes do; None for one on each core.
    rests
        Whether these threads rest while other processes want the cores.
    """

    confidence: float = CONFIDENCE
    include: tuple[str, ...] = ()
    model: str | None = None
    threads: int | None = None
    rests: bool = False


_Unanswered: TypeAlias = tuple[HomesTable, tuple[pa.Table, list[Problem]] | None]
"""A piece of a file, with the answers that an earlier run saved, if it did."""


class _Piece(NamedTuple):
    """A valued piece: its answers alone, the rows to write, its schema, its problems, and whether it is new."""

    answers: pa.Table
    rows: Rows
    schema: pa.Schema
    problems: list[Problem]
    is_new: bool


def predict_file(
    appraiser: Appraiser,
    source: Path,
    target: Path,
    progress: Callable[[int], object] = lambda _: None,
    faults: FaultGroups | None = None,
    *,
    with_index: bool = False,
    run: Run = Run(),  # immutable
    workers: Workers | None = None,
) -> tuple[int, int]:
    """Value every row of a file.

    The target has the source's columns unchanged, then the valuation's. A row that cannot be valued has an empty
    valuation and the reason in `error`. The target is written completely or not at all.

    Parameters
    ----------
    source, target
        CSV, Parquet, GeoJSON or GeoParquet, by the ending of the file name.
    progress
        Called with the number of rows of each finished piece.
    faults
        Collects the faults of the rows.
    with_index
        Whether to add the column `INDEX_COLUMN`.
    workers
        Processes that value the pieces; None for threads.

    Returns
    -------
    tuple of int
        Number of rows valued, and number of rows with an error.

    Raises
    ------
    DataError
        The source cannot be read, lacks a required column, or has a column of the answer; or the target is the
        source or cannot be written; or the market lacks what a requested column needs.
    """
    refuse_replacing(source, target)
    requested = _requested_columns(appraiser, run, with_index=with_index)
    market = appraiser.market
    pieces = validated_pieces(market, market.features, source, partial(check_header, market, requested=requested))
    answer = partial(_answer, target, encoder_for(target), run, with_index)
    valued, failed = 0, 0
    journal_of = nullcontext() if run.model is None else open_journal(target, identity(source, run, requested))
    with (
        journal_of as journal,
        closing(_imap(appraiser, answer, _with_saved(pieces, journal), run, workers)) as answered,
    ):
        first = next(answered)
        with write_atomically(target, first.schema) as writer:
            for piece in chain([first], answered):
                writer.write_rows(piece.rows)
                if journal is not None and piece.is_new:
                    journal.append(piece.answers, piece.problems)
                if faults is not None:
                    faults.add(piece.problems, first_row(source) + valued + failed)
                rows, errors = len(piece.answers), piece.answers.column("valuation_price").null_count
                valued, failed = valued + rows - errors, failed + errors
                progress(rows)
    return valued, failed


def _requested_columns(appraiser: Appraiser, run: Run, *, with_index: bool) -> tuple[str, ...]:
    """Return the columns of the answer besides the usual ones.

    Raises
    ------
    DataError
        The market lacks what one of them needs.
    """
    if with_index and appraiser.sale_dates is None:
        raise DataError(
            f"{INDEX_COLUMN}: the sales of '{appraiser.market.name}' have no dates, so it has no price index"
        )
    if "comparables" in run.include and appraiser.sold is None:
        raise DataError(
            f"comparables: the sales of '{appraiser.market.name}' have no locations, so it has no comparables"
        )
    return ((INDEX_COLUMN,) if with_index else ()) + run.include


def identity(source: Path, run: Run, requested: tuple[str, ...]) -> dict[str, Any]:
    """Return what the answers of a file depend on."""
    try:
        status = source.stat()
    except FileNotFoundError as error:
        raise DataError(f"{source}: there is no such file") from error
    except OSError as error:
        raise DataError(f"{source}: {error.strerror}") from error
    return {
        "program": __version__,
        "piece_rows": PIECE_ROWS,
        "model": run.model,
        "confidence": run.confidence,
        "requested": requested,
        "source": [str(source.resolve()), status.st_size, status.st_mtime_ns],
    }


def _with_saved(pieces: Iterator[HomesTable], journal: Journal | None) -> Iterator[_Unanswered]:
    """Give each piece of a file with the answers that an earlier run saved, None where it saved none."""
    for index, piece in enumerate(pieces):
        yield piece, journal.read() if journal is not None and index < journal.n_saved else None


def _imap(
    appraiser: Appraiser,
    answer: Callable[[Appraiser, _Unanswered], _Piece],
    pieces: Iterator[_Unanswered],
    run: Run,
    workers: Workers | None,
) -> Generator[_Piece, None, None]:
    """Value pieces side by side, in processes or in threads."""
    if workers is None:
        value = partial(answer, appraiser)
        return parallel_imap(with_rests(value) if run.rests else value, pieces, run.threads)
    return workers.imap(partial(_answer_in_process, workers.source, answer), pieces)


def _answer_in_process(
    source: ModelSource, answer: Callable[[Appraiser, _Unanswered], _Piece], piece: _Unanswered
) -> _Piece:
    return answer(load_model(source), piece)


def _answer(
    target: Path,
    encode: Callable[[pa.Table], Rows],
    run: Run,
    with_index: bool,  # noqa: FBT001
    appraiser: Appraiser,
    piece: _Unanswered,
) -> _Piece:
    """Value one piece, unless its answers were saved."""
    homes, saved = piece
    if saved is None:
        answered = value_table(appraiser, homes, run.confidence, with_index=with_index, include=run.include)
        names = answered.table.column_names[homes.table.num_columns :]
        table, answers, problems = answered.table, answered.table.select(names), list(answered.problems)
    else:
        table, (answers, problems) = homes.table, saved
        for name in answers.column_names:
            table = table.append_column(name, answers.column(name))
    table = for_target(table, homes, target)
    return _Piece(answers, encode(table), table.schema, problems, saved is None)
