"""The journal of a file that is being valued: the answers of its first pieces, so that none is valued twice.

If the program is killed, the next run with the same source, model and settings takes the answers from the journal.
A record that was half written is recognised by its checksum and dropped. The journal knows nothing of the format
of the answer: that file is written anew, and becomes the same to the byte.
"""

import fcntl
import glob
import json
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from estimator.atomic_file import UNFINISHED_FILE
from estimator.errors import DataError, EstimatorError, LostProcessError
from estimator.market.columns import Problem

JOURNAL_SUFFIX = ".answers"
"""End of the names of journals; they begin with a point and the name of the answer, and stand beside it."""
_PROBLEMS = b"problems"
_LENGTH_BYTES, _CHECKSUM_BYTES = 8, 4


class Journal:
    """The records of one file: answers of its pieces, in order.

    Parameters
    ----------
    file
        Opened for reading and writing, locked.
    run
        What the answers depend on. Records of another run are dropped.
    """

    def __init__(self, file: IO[bytes], run: Mapping[str, Any]) -> None:
        self._file = file
        header = json.dumps(run, sort_keys=True).encode()
        self.n_saved = 0
        """Pieces whose answers were saved by an earlier run."""
        if self._read_record() == header:
            begin = end = file.tell()
            while self._read_record() is not None:
                self.n_saved, end = self.n_saved + 1, file.tell()
            file.truncate(end)
            file.seek(begin)
        else:
            file.seek(0)
            file.truncate()
            self._append_record(header)

    def read(self) -> tuple[pa.Table, list[Problem]]:
        """Return the answers of the next saved piece, and its problems."""
        content = self._read_record()
        assert content is not None  # noqa: S101  # checked when the journal was opened
        table = pa.ipc.open_stream(content).read_all()
        problems = [Problem(*fields) for fields in json.loads(table.schema.metadata[_PROBLEMS])]
        return table.replace_schema_metadata(None), problems

    def append(self, answers: pa.Table, problems: Sequence[Problem]) -> None:
        """Save the answers of the next piece."""
        metadata = {_PROBLEMS: json.dumps([astuple(problem) for problem in problems]).encode()}
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, answers.schema.with_metadata(metadata)) as stream:
            stream.write_table(answers)
        self._append_record(sink.getvalue())

    def _append_record(self, content: bytes | pa.Buffer) -> None:
        self._file.seek(0, os.SEEK_END)
        length = memoryview(content).nbytes
        self._file.write(length.to_bytes(_LENGTH_BYTES, "big"))
        self._file.write(zlib.crc32(content).to_bytes(_CHECKSUM_BYTES, "big"))
        self._file.write(content)
        self._file.flush()

    def _read_record(self) -> bytes | None:
        """Return the next record; None at the end, or where one was not written completely."""
        length = int.from_bytes(self._file.read(_LENGTH_BYTES), "big")
        checksum = self._file.read(_CHECKSUM_BYTES)
        if len(checksum) < _CHECKSUM_BYTES or length > os.fstat(self._file.fileno()).st_size:
            return None
        content = self._file.read(length)
        return content if zlib.crc32(content).to_bytes(_CHECKSUM_BYTES, "big") == checksum else None


@contextmanager
def open_journal(target: Path, run: Mapping[str, Any]) -> Iterator[Journal]:
    """Open the journal of the file `target`.

    It stays behind only if the program is killed or interrupted, or one of its processes is. What a killed program
    left of the file itself is removed.

    Raises
    ------
    DataError
        It cannot be written, or another process is writing the same file.
    """
    path = target.with_name(f".{target.name}{JOURNAL_SUFFIX}")
    try:
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+b")
    except OSError as error:
        raise DataError(f"{target}: {error}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not os.path.samestat(os.fstat(file.fileno()), path.stat()):
                raise FileNotFoundError  # the other one finished and removed it before it was locked here
        except OSError as error:
            raise DataError(f"{target}: another process is writing this file") from error
        for unfinished in target.parent.glob(f".{glob.escape(target.name)}.*{UNFINISHED_FILE}"):
            unfinished.unlink(missing_ok=True)
        try:
            yield Journal(file, run)
        except LostProcessError:
            raise
        except EstimatorError:
            path.unlink(missing_ok=True)
            raise
        path.unlink(missing_ok=True)
