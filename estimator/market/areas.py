"""Areas: figures by postal code, such as crime rate and population, and looking them up for a home.

A request may leave these figures out. They are then looked up by its postal code, or, if that is missing or not in
the table, by the postal code of the nearest sold home.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from estimator.errors import DataError
from estimator.market.arrays import BoolArray, FloatArray, LabelArray
from estimator.market.blank_rows import blank_rows
from estimator.market.checks import IS_REQUIRED, check_table
from estimator.market.columns import text_array, text_column
from estimator.market.facts import Facts, find_labels
from estimator.market.market import Market
from estimator.market.plane import kilometres
from estimator.market.tables import first_row, is_text_file, read_table
from estimator.market.text_forms import TextForms

NAME_COLUMNS = ("name", "city", "town")
"""Columns of the table of areas that may say what people call them; the first one that is there."""

_BEYOND_RADII, _BEYOND_KM = 2.0, 1.0
"""A home is outside its postal code if it is beyond this many radii of the homes sold there, and a kilometre more.
The radius holds 95% of them, so that a few wrong codes do not widen it."""


@dataclass(frozen=True)
class Areas:
    """Figures by postal code.

    Parameters
    ----------
    postal_code
        Shape (m,), sorted.
    figures
        Feature name → its value in each area, shape (m,), NaN where unknown.
    name
        What people call each area, such as its city, shape (m,); empty if the table does not say.
    """

    postal_code: LabelArray
    figures: Mapping[str, FloatArray]
    name: LabelArray = field(default_factory=lambda: np.empty(0, np.str_))

    @classmethod
    def read(cls, market: Market, folder: Path) -> Self:
        """Read the market's table of areas; an empty one if the market declares none.

        A column `name`, `city` or `town` says what people call the areas. Other columns that are not features of
        the market are ignored.

        Raises
        ------
        DataError
            The file cannot be read, lacks the postal codes, contains one twice or has a wrong value.
        """
        if market.areas is None:
            return cls(np.empty(0, np.str_), {})
        path = Path(os.path.normpath(folder / market.areas))
        raw = read_table(path)
        if not raw.num_rows:
            raise DataError(f"{path}: there are no areas, only a header")
        table = TextForms.detect(market, market.features, raw, is_text=is_text_file(path)).plain(raw)
        codes = market.of_kind("postal_code")
        assert codes is not None  # noqa: S101  # a market with areas has it: Market.from_dict
        if not set(codes.names) & set(table.column_names):
            raise DataError(f"{path}: there is no column '{codes.name}' to look areas up by")
        try:
            facts, problems = check_table(market.features, table)
        except ValueError as error:
            raise DataError(f"{path}: {error}") from error
        wrong = [problem for problem in problems if problem.message != IS_REQUIRED]
        if wrong:
            raise DataError(f"{path}: row {wrong[0].row + first_row(path)}, column {wrong[0]}")
        order = np.argsort(facts[codes.name], kind="stable")
        order = order[~blank_rows(raw)[order]]
        sorted_codes = facts[codes.name][order]
        if "" in sorted_codes:
            raise DataError(f"{path}: row {order[0] + first_row(path)} has no {codes.name}")
        duplicates = sorted_codes[1:][sorted_codes[1:] == sorted_codes[:-1]]
        if len(duplicates):
            raise DataError(f"{path}: {codes.name} {duplicates[0]} appears more than once")
        figures = {
            feature.name: facts[feature.name][order]
            for feature in market.numbers
            if facts.known(feature.name).any()
        }
        named = next((name for name in NAME_COLUMNS if name in raw.column_names), None)
        if named is None:
            return cls(sorted_codes, figures)
        names, wrong = text_column(named, raw.column(named))
        if wrong:
            raise DataError(f"{path}: row {wrong[0].row + first_row(path)}, column {wrong[0]}")
        return cls(sorted_codes, figures, text_array(names)[order])

    def check_match(self, market: Market, facts: Facts) -> None:
        """Refuse areas that contain none of the sales: one of the two files is wrong.

        Raises
        ------
        DataError
            The sales have postal codes, and the table has none of them.
        """
        codes = market.of_kind("postal_code")
        if codes is None or not len(self.postal_code) or not facts.known(codes.name).any():
            return
        if not self.find(facts[codes.name])[1].any():
            example = facts[codes.name][facts.known(codes.name)][0]
            raise DataError(
                f"no sale is in any of the areas: a {codes.name} of the sales is '{example}', one of the areas is "
                f"'{self.postal_code[0]}'; write them alike in both files"
            )

    def find(self, postal_code: LabelArray) -> tuple[NDArray[np.intp], BoolArray]:
        """Return the index of each postal code in the table, shape (n,), and whether the table has it."""
        return find_labels(postal_code, self.postal_code)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a fact was looked up.

    Parameters
    ----------
    postal_code
        The area whose figure it is.
    by_place
        Whether the area is that of the nearest sold home; if not, the subject named it.
    """

    postal_code: str
    by_place: bool


class AreaLookup:
    """Fills in the figures of the area that a subject is in.

    Parameters
    ----------
    market
        The market.
    areas
        Its areas.
    sold
        Sold homes: a subject without a postal code is taken to be in the area of the nearest one.
    """

    def __init__(self, market: Market, areas: Areas, sold: Facts) -> None:
        self.areas = areas
        feature = market.of_kind("postal_code")
        self._code_name = feature.name if feature else None
        self._coordinates = market.coordinates
        self._sold = sold
        self._tree: KDTree | None = None
        if self._code_name is None or self._coordinates is None:
            return
        usable = sold.known(self._code_name)
        for name in self._coordinates:
            usable &= sold.known(name)
        if usable.any():
            located = sold.take(usable)
            self._nearest_code = located[self._code_name]
            self._mean_latitude = float(located[self._coordinates[0]].mean())
            places = self._kilometres(located)
            self._tree = KDTree(places)
            self._extents = _Extents.of(self._nearest_code, places)

    def complete(self, facts: Facts) -> tuple[Facts, dict[str, BoolArray]]:
        """Fill in the facts that the subjects left out and their area has.

        Returns
        -------
        facts
            The n subjects, completed.
        looked_up
            Feature name → where its value was looked up, shape (n,); only features that were looked up somewhere.
        """
        if self._code_name is None:
            return facts, {}
        codes, given = facts[self._code_name], facts.known(self._code_name)
        if not given.all():
            codes = np.where(given, codes, self._nearest_codes(facts, ~given))
        index, found = self.areas.find(codes)
        if not found.all() and len(self.areas.postal_code):
            # A code that is not in the table, such as a new one: use the figures around the location.
            nearest_index, nearest_found = self.areas.find(self._nearest_codes(facts, ~found))
            index, found = np.where(found, index, nearest_index), found | nearest_found
        looked_up = {self._code_name: (codes != "") & ~given}
        filled = {self._code_name: codes}
        for name, figures in self.areas.figures.items():
            unknown = np.isnan(facts[name])
            if unknown.any():
                figure = figures[index]
                looked_up[name] = found & ~np.isnan(figure) & unknown
                filled[name] = np.where(looked_up[name], figure, facts[name])
        looked_up = {name: where for name, where in looked_up.items() if where.any()}
        return facts.replace({name: filled[name] for name in looked_up}), looked_up

    def origins(self, facts: Facts) -> list[dict[str, Origin]]:
        """Return for each of n subjects which facts were looked up, and where; see `complete`."""
        completed, looked_up = self.complete(facts)
        if self._code_name is None:
            return [{} for _ in range(len(facts))]
        given = facts.known(self._code_name)
        in_table = self.areas.find(completed[self._code_name])[1]
        nearest = self._nearest_codes(facts, ~given | ~in_table)
        code = np.where(in_table, completed[self._code_name], np.where(nearest != "", nearest, ""))
        by_place = nearest != ""
        return [
            {
                name: Origin(
                    str(completed[name][row] if name == self._code_name else code[row]), bool(by_place[row])
                )
                for name, where in looked_up.items()
                if where[row]
            }
            for row in range(len(facts))
        ]

    def warnings(self, facts: Facts) -> dict[str, BoolArray]:
        """Return where a postal code is not that of the place: text → where, shape (n,); empty if nowhere.

        Parameters
        ----------
        facts
            The n subjects, as they were given.
        """
        if self._tree is None or self._coordinates is None or self._code_name is None:
            return {}
        name = self._code_name
        elsewhere = self._extents.are_beyond(facts[name], self._kilometres(facts))
        if elsewhere.any():
            elsewhere &= self._nearest_codes(facts, elsewhere) != facts[name]
        if not elsewhere.any():
            return {}
        text = f"{name} does not fit the place: homes sold with it are elsewhere; check {name} and coordinates"
        return {text: elsewhere}

    @property
    def facts(self) -> frozenset[str]:
        """Names of the facts that it can fill in."""
        return frozenset() if self._code_name is None else frozenset((self._code_name, *self.areas.figures))

    def state(self) -> dict[str, Any]:
        """Return the lookup as plain values and arrays, which `from_state` accepts."""
        names = [name for name in (self._code_name, *(self._coordinates or ())) if name is not None]
        return {
            "postal_code": self.areas.postal_code,
            "figures": dict(self.areas.figures),
            "name": self.areas.name,
            "sold": {name: self._sold[name] for name in names},
        }

    @classmethod
    def from_state(cls, market: Market, state: Mapping[str, Any]) -> Self:
        """Return the lookup with this state."""
        areas = Areas(state["postal_code"], state["figures"], state.get("name", np.empty(0, np.str_)))
        return cls(market, areas, Facts(state["sold"]))

    def _nearest_codes(self, facts: Facts, wanted: BoolArray) -> LabelArray:
        """Return the nearest sold home's postal code, shape (n,); '' if not wanted or the location is unknown."""
        if self._tree is None or self._coordinates is None:
            return np.full(len(facts), "", np.str_)
        located = wanted & facts.known(self._coordinates[0]) & facts.known(self._coordinates[1])
        codes = np.full(len(facts), "", self._nearest_code.dtype)
        if located.any():
            _, nearest = self._tree.query(self._kilometres(facts.take(located)))
            codes[located] = self._nearest_code[nearest]
        return codes

    def _kilometres(self, facts: Facts) -> FloatArray:
        assert self._coordinates is not None  # noqa: S101  # callers have checked
        return kilometres(facts, self._coordinates, self._mean_latitude)


@dataclass(frozen=True)
class _Extents:
    """How far the homes sold in each of m postal codes reach.

    Parameters
    ----------
    code
        Shape (m,), sorted.
    middle, radius
        In km, shape (m, 2) and (m,).
    """

    code: LabelArray
    middle: FloatArray
    radius: FloatArray

    @classmethod
    def of(cls, code: LabelArray, places: FloatArray) -> Self:
        """Measure the extents of n sold homes with postal codes, at places of shape (n, 2)."""
        codes, group = np.unique(code, return_inverse=True)
        middle = np.column_stack([group_quantiles(axis, group, 0.5) for axis in places.T])
        away = np.hypot(*(places - middle[group]).T)
        return cls(codes, middle, group_quantiles(away, group, 0.95))

    def are_beyond(self, code: LabelArray, places: FloatArray) -> BoolArray:
        """Return which of n homes are far outside the postal code that they are said to be in, shape (n,).

        Homes without a postal code or without a location are not.
        """
        index, found = find_labels(code, self.code)
        north, east = (places - self.middle[index]).T
        away = np.hypot(north, east)
        beyond: BoolArray = (away > _BEYOND_RADII * self.radius[index] + _BEYOND_KM) & found
        return beyond


def group_quantiles(values: FloatArray, group: NDArray[np.intp], share: float) -> FloatArray:
    """Return a quantile of the values in each of g groups, shape (g,), linear between two values.

    Parameters
    ----------
    values, group
        n values, and the group of each, from 0 to g - 1; no group is empty.
    share
        From 0 to 1.
    """
    in_order = values[np.lexsort((values, group))]
    size = np.bincount(group)
    position = share * (size - 1)
    below = np.cumsum(size) - size + position.astype(np.intp)
    above = np.minimum(below + 1, np.cumsum(size) - 1)
    quantiles: FloatArray = in_order[below] + (in_order[above] - in_order[below]) * (position % 1)
    return quantiles
