"""The command that values files of homes: one, a stream, or many on one machine or several."""

import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import click
from tqdm import tqdm

from estimator.appraiser import CONFIDENCE
from estimator.bulk.answers import REASONS
from estimator.bulk.cluster import on_cluster
from estimator.bulk.model import ModelSource, load_model, source_of
from estimator.bulk.parts import Counts, find_parts, is_many, value_parts
from estimator.bulk.predict import Run, predict_file
from estimator.bulk.row_count import expected_rows
from estimator.bulk.workers import forked_workers
from estimator.cli.faults import report_faults
from estimator.cli.group import main
from estimator.cli.options import FILE, KEY, MODEL, TEACHER
from estimator.errors import DataError
from estimator.market.input_files import is_pipe
from estimator.registry import load_version
from estimator.uncertainty.conformal import MAX_CONFIDENCE, MIN_CONFIDENCE
from estimator.wording import plural

STREAM = Path("-")
"""Stands for standard input and output."""
_NAMES = {
    re.compile(rb"PAR1"): "input.parquet",
    re.compile(rb"\x1f\x8b"): "input.csv.gz",
    re.compile(rb"PK\x03\x04"): "input.xlsx",
    re.compile(rb"(?:\xef\xbb\xbf)?\s*\{"): "input.geojson",
}
"""Starts of standard input, or of a pipe → a name by which it is read; everything else is read as CSV."""
_START_BYTES = 64
"""Enough to tell them apart, even behind some blank lines."""


def _read_include(_context: click.Context, _option: click.Parameter, text: str) -> tuple[str, ...]:
    names = tuple(filter(None, text.split(",")))
    for name in names:
        if name not in REASONS:
            raise click.BadParameter(f"unknown value '{name}'; expected one of {', '.join(REASONS)}")
    return tuple(dict.fromkeys(names))


@main.command(short_help="Value the homes in a file, or in many.")
@MODEL
@KEY
@TEACHER
@click.option(
    "--confidence",
    type=click.FloatRange(MIN_CONFIDENCE, MAX_CONFIDENCE),
    default=CONFIDENCE,
    show_default=True,
    help="Share of sale prices that the ranges are to contain.",
)
@click.option(
    "--include",
    default="",
    callback=_read_include,
    help=f"Add reasons as columns of JSON: {', '.join(REASONS)}, separated by commas. They take some milliseconds"
    " a home.",
)
@click.option(
    "--index",
    "with_index",
    is_flag=True,
    help="Add the column valuation_index: the factor from prices in the newest month with sales to those on the"
    " valuation date.",
)
@click.option(
    "--cluster",
    metavar="ADDRESS",
    help="Value the files of a folder on the Dask cluster whose scheduler is at this address, such as"
    " tcp://10.0.0.1:8786 (see docs/clusters.md).",
)
@click.argument("source", type=FILE)
@click.argument("target", type=FILE)
def predict(  # noqa: PLR0913  # an option each
    model: Path,
    key: bytes | None,
    confidence: float,
    include: tuple[str, ...],
    cluster: str | None,
    source: Path,
    target: Path,
    *,
    teacher: bool,
    with_index: bool,
) -> None:
    """Value every home in the file SOURCE and write the file TARGET.

    SOURCE is a CSV (.csv, .tsv, .txt, .csv.gz, .tsv.gz), Parquet (.parquet, .geoparquet), GeoJSON (.geojson) or
    Excel file (.xlsx), TARGET any of these but Excel. TARGET has the columns of SOURCE, then the price, its range
    and its uncertainty. A row that cannot be valued has the reason in the column `error`.

    SOURCE may be a folder or a pattern in quotes such as 'parcels/*.parquet'; TARGET is then a folder. A - stands
    for standard input and output; SOURCE may also be a pipe, such as <(unzip -p homes.zip). A run that was
    killed continues where it stopped when it is started again.
    """
    version = source_of(load_version(model, key, teacher=teacher), teacher=teacher)
    run = Run(confidence, include, version.sha256)
    if is_many(source):
        counts = _value_many(version, run, source, target, cluster, with_index=with_index)
    elif cluster is not None:
        raise DataError(f"{source}: a cluster values the files of a folder or of a pattern, each on one worker")
    else:
        counts = _value_one(version, run, source, target, with_index=with_index)
    report_faults(counts.faults)
    before = f", {plural(counts.finished_before, 'file')} by an earlier run" if counts.finished_before else ""
    click.echo(
        f"valued {plural(counts.valued, 'home')}, {counts.failed:,} with an error{before}:"
        f" {'standard output' if target == STREAM else target}",
        err=target == STREAM,
    )


def _value_one(version: ModelSource, run: Run, source: Path, target: Path, *, with_index: bool) -> Counts:
    """Value one file or stream."""
    counts = Counts()
    appraiser = load_model(version)
    with (
        _readable(source) as file,
        _writable(target) as answer,
        forked_workers(version, [file]) as workers,
        _bar(expected_rows(file)) as progress,
    ):
        counts.valued, counts.failed = predict_file(
            appraiser, file, answer, progress, counts.faults, with_index=with_index, run=run, workers=workers
        )
    return counts


def _value_many(
    version: ModelSource, run: Run, source: Path, target: Path, cluster: str | None, *, with_index: bool
) -> Counts:
    """Value the files of a folder or a pattern, here or on a cluster."""
    if target == STREAM:
        raise DataError(f"{source}: the answers of several files need a folder, not standard output")
    parts = find_parts(source, target, with_index=with_index)
    sizes = [expected_rows(part.source) for part in parts]
    total = sum(size for size in sizes if size is not None) if None not in sizes else None
    with nullcontext() if cluster is None else on_cluster(cluster) as distribute, _bar(total) as progress:
        return value_parts(version, run, parts, target, distribute, progress)


@contextmanager
def _bar(total: int | None) -> Iterator[Callable[[int], object]]:
    """Show the homes done, their rate and the time left on stderr, if that is a terminal."""
    tqdm.monitor_interval = 0  # it would be a thread, and `forked_workers` forks no program that has threads
    with tqdm(desc="valuing", unit=" homes", unit_scale=True, total=total, disable=None) as bar:
        yield bar.update


@contextmanager
def _readable(source: Path) -> Iterator[Path]:
    """Give a file; what comes from standard input or a pipe is saved first: a file is looked at more than once."""
    if source != STREAM and not is_pipe(source):
        yield source
        return
    with (
        tempfile.TemporaryDirectory() as folder,
        nullcontext(sys.stdin.buffer) if source == STREAM else source.open("rb") as stream,
    ):
        start = stream.read(_START_BYTES)
        name = next((name for pattern, name in _NAMES.items() if pattern.match(start)), "input.csv")
        with (Path(folder) / name).open("wb") as file:
            file.write(start)
            shutil.copyfileobj(stream, file)
        shown = "standard input" if source == STREAM else str(source)
        try:
            yield Path(folder) / name
        except DataError as error:
            raise DataError(str(error).replace(str(Path(folder) / name), shown)) from error


@contextmanager
def _writable(target: Path) -> Iterator[Path]:
    """Give a file to write; what is for standard output is written as CSV once it is complete."""
    if target != STREAM:
        yield target
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "output.csv"
        yield path
        try:
            with path.open("rb") as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()
        except BrokenPipeError:  # the reader has enough: no fault to tell
            raise
        except OSError as error:
            raise DataError(f"standard output cannot be written: {error.strerror}") from error
