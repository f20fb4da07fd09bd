"""The rows of one or several files that are read as one table, as messages name them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class FileRows:
    """Where the rows of a table are in its files.

    Parameters
    ----------
    names
        Names of the files, in the order of their rows; all different.
    starts
        Index of the first row of each, from 0, in the table.
    first_numbers
        Number of that row in its file, as a spreadsheet shows it.
    columns
        Columns that each has, by the names that the table gives them; the others are empty in its rows.
    """

    names: tuple[str, ...]
    starts: tuple[int, ...]
    first_numbers: tuple[int, ...]
    columns: tuple[tuple[str, ...], ...]

    @classmethod
    def of_files(
        cls,
        paths: Sequence[Path],
        counts: Sequence[int],
        first_numbers: Sequence[int],
        columns: Sequence[Sequence[str]],
    ) -> Self:
        """Return where the rows of some files are, of which each has so many."""
        short = [path.name for path in paths]
        names = short if len(set(short)) == len(short) else list(map(str, paths))
        starts = np.cumsum([0, *counts[:-1]]).tolist()
        return cls(tuple(names), tuple(starts), tuple(first_numbers), tuple(map(tuple, columns)))

    def spans(self, n: int) -> list[tuple[int, int]]:
        """Return where the rows of each file begin and end in a table that has only the first n rows."""
        ends = np.minimum([*self.starts[1:], n], n)
        return list(zip(np.minimum(self.starts, n).tolist(), ends.tolist(), strict=True))

    def numbers(self, index: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the numbers of some rows, shape (n,), each in its own file."""
        file = np.searchsorted(self.starts, index, side="right") - 1
        offsets = np.array(self.first_numbers, np.int64) - np.array(self.starts, np.int64)
        numbers: NDArray[np.int64] = index + offsets[file]
        return numbers

    def number(self, index: int) -> int:
        """Return the number of a row in its file."""
        return int(self.numbers(np.array([index]))[0])

    def file(self, index: int) -> str:
        """Return the name of the file that a row is in; empty if there is only one."""
        if len(self.names) == 1:
            return ""
        return self.names[int(np.searchsorted(self.starts, index, side="right")) - 1]

    def place(self, index: int) -> str:
        """Return what follows the word `row` in messages: `5`, or `5 of sales_2015.csv` of several files."""
        return place(self.number(index), self.file(index))

    def find(self, number: int, file: str) -> int:
        """Return the index of the row with a number in a file; below 0, or too large, if there is none.

        Raises
        ------
        ValueError
            There is no file of this name, or there are several and none is named.
        """
        names = ", ".join(self.names)
        if not file and len(self.names) > 1:
            raise ValueError(f"the sales are in several files; add a column file with one of {names}")
        if file and file not in self.names:
            raise ValueError(f"there is no file {file}; the sales are in {names}")
        which = self.names.index(file) if file else 0
        index = number - self.first_numbers[which] + self.starts[which]
        ends = (*self.starts[1:], np.iinfo(np.int64).max)
        return index if self.starts[which] <= index < ends[which] else -1


def place(number: int, file: str) -> str:
    """Return what follows the word `row` in messages; the file is empty if there is only one."""
    return f"{number} of {file}" if file else str(number)
