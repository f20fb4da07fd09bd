"""Many files in one run: which ones, what becomes of each, and which an earlier run has finished."""

import glob
import json
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import joblib

from estimator.bulk.model import ModelSource, load_model
from estimator.bulk.predict import Run, identity, predict_file
from estimator.bulk.workers import Workers, forked_workers
from estimator.errors import DataError
from estimator.market.fault_groups import FaultGroups
from estimator.market.tables import is_table
from estimator.threads import parallel_imap

FINISHED = ".finished"
"""File in the folder of answers that lists the files which are done, until all are."""
_FILES_PER_CORE = 4
"""With so many files or more, each core takes whole files; with fewer, all cores work on one file at a time."""


@dataclass(frozen=True)
class Part:
    """One file of a run, where its answer goes, and whether it has the price index."""

    source: Path
    target: Path
    with_index: bool = False


@dataclass
class Counts:
    """What became of the rows of one or several files.

    Parameters
    ----------
    valued, failed
        Number of rows valued, and with an error.
    faults
        Their faults.
    finished_before
        Number of files that an earlier run had finished; their faults are not known.
    """

    valued: int = 0
    failed: int = 0
    faults: FaultGroups = field(default_factory=FaultGroups)
    finished_before: int = 0

    def add(self, other: "Counts", file: Path) -> None:
        """Add the counts of a file."""
        self.valued, self.failed = self.valued + other.valued, self.failed + other.failed
        self.faults.merge(other.faults, str(file))


Done = Generator[tuple[Part, Counts], None, None]
"""Gives each part with its counts as soon as it is done."""
Distribute = Callable[[Callable[[Part], Counts], Sequence[Part]], Done]
"""Calls a function with each part, somewhere."""


def is_many(source: Path) -> bool:
    """Return whether a source is a folder or a pattern of files."""
    # Not by pathlib, which fails for names that are too long for a file.
    is_folder, exists = os.path.isdir(source), os.path.exists(source)  # noqa: PTH110, PTH112
    return is_folder or (not exists and glob.has_magic(str(source)))


def find_parts(source: Path, folder: Path, *, with_index: bool = False) -> list[Part]:
    """Return the files of a folder, or of a pattern, each with the same place in the folder of answers.

    Files whose names begin with a point or an underscore are left out, as other programs do, and answers of an
    earlier run, if their folder is within that of the source.

    Raises
    ------
    DataError
        There is none, the pattern is none, two answers would have one name, or an answer would replace a source.
    """
    found, start = _found(source)
    own = folder.resolve()
    is_within = start.resolve() in own.parents
    parts: dict[Path, Part] = {}
    for path, place in sorted(found.items()):
        hidden = any(name.startswith((".", "_")) for name in place.parts)
        if hidden or not path.is_file() or not is_table(path) or (is_within and own in path.resolve().parents):
            continue
        target = folder / (place.with_suffix(".csv") if path.suffix.lower() == ".xlsx" else place)
        if target in parts:
            raise DataError(f"{path}: the answer of {parts[target].source} would have the same name, {target}")
        parts[target] = Part(path, target, with_index)
    if not parts:
        raise DataError(f"{source}: there are no files of homes (.csv, .parquet and the like) here")
    sources = {_file_id(part.source) for part in parts.values()}
    for part in parts.values():
        if part.target.exists() and _file_id(part.target) in sources:
            raise DataError(f"{folder}: answers would replace files of homes there, such as {part.target}")
    return list(parts.values())


def _file_id(path: Path) -> tuple[int, int]:
    """Return what two paths to one file have in common, also by links."""
    status = path.stat()
    return status.st_dev, status.st_ino


def _found(source: Path) -> tuple[dict[Path, Path], Path]:
    """Return what a folder or a pattern has, each with its place among the answers, and the folder it is in."""
    if not glob.has_magic(str(source)) or os.path.isdir(source):  # noqa: PTH112  # see is_many
        return {path: path.relative_to(source) for path in source.rglob("*")}, source
    root = Path(source.anchor)
    try:
        found = {path: Path(path.name) for path in root.glob(str(source.relative_to(root)))}
    except ValueError as error:  # such as ** with other characters, before Python 3.13
        raise DataError(f"{source}: {error}") from error
    return found, next(parent for parent in source.parents if not glob.has_magic(str(parent)))


def value_part(source: ModelSource, run: Run, part: Part, workers: Workers | None = None) -> Counts:
    """Value one file: what every process of a run does, here and on other machines."""
    counts = Counts()
    counts.valued, counts.failed = predict_file(
        load_model(source),
        part.source,
        part.target,
        faults=counts.faults,
        with_index=part.with_index,
        run=run,
        workers=workers,
    )
    return counts


def value_parts(
    source: ModelSource,
    run: Run,
    parts: Sequence[Part],
    folder: Path,
    distribute: Distribute | None = None,
    progress: Callable[[int], object] = lambda _: None,
) -> Counts:
    """Value many files, except those that an earlier run with the same settings has finished.

    Parameters
    ----------
    folder
        Of the answers.
    distribute
        Where the files are valued, if not in this process.
    progress
        Called with the number of rows of each finished file.

    Raises
    ------
    DataError
        As `predict_file`.
    """
    finished = _Finished(folder, run)
    total = Counts()
    open_parts = []
    for part in parts:
        counts = finished.counts(part)
        if counts is None:
            _make(part.target.parent)
            open_parts.append(part)
        else:
            total.finished_before += 1
            total.add(counts, part.source)
    done: Done
    if distribute is None:
        done = _on_this_machine(source, run, open_parts)
    else:
        done = distribute(partial(value_part, source, replace(run, threads=1)), open_parts)
    with closing(done):  # where an error ends the loop, processes do not work on
        for part, counts in done:
            finished.add(part, counts)
            total.add(counts, part.source)
            progress(counts.valued + counts.failed)
    finished.forget()
    return total


def _on_this_machine(source: ModelSource, run: Run, parts: Sequence[Part]) -> Done:
    """Value files on this machine: several at a time if there are many, the largest first."""
    with forked_workers(source, [part.source for part in parts]) as workers:
        if len(parts) < _FILES_PER_CORE * joblib.cpu_count():
            for part in parts:
                yield part, value_part(source, run, part, workers)
            return
        ordered = sorted(parts, key=lambda part: -part.source.stat().st_size)
        alone = partial(_value_alone, source, run)
        with closing(workers.imap(alone, ordered) if workers else parallel_imap(alone, ordered)) as done:
            yield from done


def _value_alone(source: ModelSource, run: Run, part: Part) -> tuple[Part, Counts]:
    """Value one file on one core."""
    return part, value_part(source, replace(run, threads=1), part)


class _Finished:
    """The files of a run that are done, with what their answers depend on and what they are."""

    def __init__(self, folder: Path, run: Run) -> None:
        _make(folder)
        self._path, self._run = folder / FINISHED, run
        with _usable(folder):
            self._known = dict(self._read())

    def counts(self, part: Part) -> Counts | None:
        """Return the counts of a file that is done and unchanged; None if it is to be valued."""
        state, counts = self._known.get(json.dumps(self._key(part)), (None, None))
        return counts if part.target.exists() and state == _state(part.target) else None

    def add(self, part: Part, counts: Counts) -> None:
        """Note that a file is done."""
        rows = [counts.valued, counts.failed]
        entry = {"part": self._key(part), "target": _state(part.target), "rows": rows}
        with _usable(self._path.parent), self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")

    def forget(self) -> None:
        """Note that all files are done."""
        self._path.unlink(missing_ok=True)

    def _key(self, part: Part) -> dict[str, Any]:
        return identity(part.source, self._run, (str(part.with_index), *self._run.include)) | {
            "target": str(part.target)
        }

    def _read(self) -> Iterator[tuple[str, tuple[list[int], Counts]]]:
        if not self._path.exists():
            return
        for line in self._path.read_bytes().splitlines():
            try:
                entry = json.loads(line)
                valued, failed = map(int, entry["rows"])
                yield json.dumps(entry["part"]), (entry["target"], Counts(valued, failed))
            except (ValueError, TypeError, KeyError):
                continue  # the line was half written when the program was killed


def _make(folder: Path) -> None:
    with _usable(folder):
        folder.mkdir(parents=True, exist_ok=True)


@contextmanager
def _usable(folder: Path) -> Iterator[None]:
    """Use a folder of answers.

    Raises
    ------
    DataError
        It cannot be used.
    """
    try:
        yield
    except OSError as error:
        raise DataError(f"{folder}: the answers cannot be written here: {error.strerror}") from error


def _state(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]
