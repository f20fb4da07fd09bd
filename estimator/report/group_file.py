"""Reads the file of `--groups`: each area's shares of groups, its band, or an amount such as its median income.

The file is for checking a model, never for training it, so none of its columns may be one of the model's facts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from estimator.errors import DataError
from estimator.market.arrays import FloatArray, LabelArray
from estimator.market.kinds import KINDS
from estimator.market.market import Market
from estimator.market.tables import first_row, read_table
from estimator.market.text.missing import drop_missing, strip
from estimator.market.text.names import plain_name
from estimator.market.text.numbers import detect_decimal_mark, plain_numbers
from estimator.report.chart import money

MAX_BANDS = 12
"""Different labels of a column that can be groups; a column with more is a name or a remark."""

_AMOUNT_BANDS = 4
"""Amounts, such as incomes, are divided into quarters of the areas."""


@dataclass(frozen=True)
class Group:
    """A group and its share in each of m areas, 0 to 1, shape (m,), NaN where unknown."""

    name: str
    share: FloatArray


@dataclass(frozen=True)
class GroupFile:
    """The areas of a file, shape (m,), and the groups."""

    area: LabelArray
    groups: tuple[Group, ...]


def read_groups(path: Path, market: Market, area_name: str) -> GroupFile:
    """Read the shares of groups by area.

    A column of numbers up to 1, or up to 100, is the share of a group. A column with larger numbers is an amount;
    its quarters are groups. A column of labels has a group for each label.

    Parameters
    ----------
    area_name
        The fact that names the area of a home, such as `postal_code`.

    Raises
    ------
    DataError
        The file cannot be read, lacks the areas, names one twice, has no group, has a column that is one of the
        model's facts, or a value that is no share.
    """
    table = read_table(path)
    feature = next(feature for feature in market.features if feature.name == area_name)
    names = {plain_name(name) for name in (*feature.names, "area")}
    found = [name for name in table.column_names if plain_name(name) in names]
    if len(found) != 1:
        raise DataError(
            f"{path}: needs one column with the areas, named '{area_name}' or 'area'; it has"
            f" {', '.join(table.column_names)}"
        )
    _refuse_facts(path, market, [name for name in table.column_names if name not in found])
    area, problems = KINDS[feature.kind].parse_column(found[0], table[found[0]])
    if problems:
        raise DataError(f"{path}: row {problems[0].row + first_row(path)}, column {problems[0]}")
    _refuse_repeats(path, area_name, area)
    groups = [
        group for name in table.column_names if name not in found for group in _groups(name, table[name], path)
    ]
    if not groups:
        raise DataError(f"{path}: has no column of groups beside '{found[0]}'")
    return GroupFile(area, tuple(groups))


def _refuse_facts(path: Path, market: Market, columns: list[str]) -> None:
    facts = {plain_name(name): feature.name for feature in market.features for name in feature.names}
    for name in columns:
        if plain_name(name) in facts:
            raise DataError(
                f"{path}: column '{name}' is the fact '{facts[plain_name(name)]}' of the model; groups must be"
                " something that the model never sees. Leave the column out"
            )


def _refuse_repeats(path: Path, area_name: str, area: LabelArray) -> None:
    if "" in area:
        raise DataError(f"{path}: row {int(np.flatnonzero(area == '')[0]) + first_row(path)} has no {area_name}")
    labels, count = np.unique(area, return_counts=True)
    if len(area) > len(labels):
        raise DataError(f"{path}: {area_name} {labels[np.argmax(count)]} appears more than once")


def _groups(name: str, column: pa.ChunkedArray, path: Path) -> Iterator[Group]:
    """Give the groups of a column."""
    text, values = drop_missing(strip(column)), number_cells(column)
    if values is None:
        yield from _bands(name, text, path)
        return
    if np.nanmin(values) < 0:
        row = int(np.nanargmin(values))
        raise DataError(
            f"{path}: row {row + first_row(path)}, column '{name}' is {text[row]}; a share is from 0 to 1, or from"
            " 0 to 100 in percent"
        )
    largest = float(np.nanmax(values))
    if largest > 100:
        yield from _quarters(name, values)
        return
    yield Group(name, values if largest <= 1 else values / 100)


def number_cells(column: pa.ChunkedArray) -> FloatArray | None:
    """Return cells as numbers, a percent sign left out, NaN where missing; None unless all are numbers."""
    text = drop_missing(strip(column))
    bare = pc.replace_substring_regex(text, r"\s*%$", "")
    plain = plain_numbers(bare, detect_decimal_mark(bare) or ".")
    if text.null_count == len(text) or plain.null_count > text.null_count:
        return None
    values: FloatArray = plain.cast(pa.float64()).to_numpy()
    return values


def _bands(name: str, text: pa.ChunkedArray, path: Path) -> Iterator[Group]:
    """Give a group for each label of a column."""
    labels = sorted({label for label in text.to_pylist() if label})
    if len(labels) > MAX_BANDS:
        raise DataError(
            f"{path}: column '{name}' has {len(labels)} different labels, more than {MAX_BANDS}; leave out names"
            " and remarks"
        )
    for label in labels:
        share = [np.nan if cell is None else float(cell == label) for cell in text.to_pylist()]
        yield Group(f"{name}: {label}", np.array(share))


def _quarters(name: str, values: FloatArray) -> Iterator[Group]:
    """Give a group for each quarter of the areas by an amount."""
    limits = np.nanquantile(values, np.linspace(0, 1, _AMOUNT_BANDS + 1))
    band = np.searchsorted(limits[1:-1], values, side="left")
    for index in range(_AMOUNT_BANDS):
        share = np.where(np.isnan(values), np.nan, band == index)
        if np.nansum(share):
            yield Group(f"{name}: {money(limits[index])} to {money(limits[index + 1])}", share)


def shares_by_sale(file: GroupFile, area: LabelArray) -> dict[str, FloatArray]:
    """Return each group's share in the area of each of n sales, shape (n,), NaN where unknown."""
    order = np.argsort(file.area)
    index = np.searchsorted(file.area[order], area).clip(max=len(order) - 1)
    rows = order[index]
    found = file.area[rows] == area
    return {group.name: np.where(found, group.share[rows], np.nan) for group in file.groups}
