"""How the text of one file is read: which column is which, where values are missing, and the forms of its values.

A file is brought into the form that all checks expect: columns under names that the market knows, missing values
empty, numbers as `1180.5` or as floats, dates as `2015-05-27`. Text that is in no known form stays as it is, so
that messages quote it. Typed columns (Parquet) keep their values.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from estimator.market.feature import Feature
from estimator.market.market import Market
from estimator.market.text.dates import DateForm, detect_date_form, parse_dates
from estimator.market.text.distinct import per_distinct
from estimator.market.text.missing import drop_missing, strip
from estimator.market.text.names import plain_name, resembling
from estimator.market.text.numbers import DecimalMark, detect_decimal_mark, plain_numbers, read_clean_numbers
from estimator.market.values import DATE_PATTERN


@dataclass(frozen=True)
class TextForms:
    """The forms of one file.

    Parameters
    ----------
    market
        Whose file it is.
    features
        What its columns are read as: the market's facts, and those of a listing.
    names
        Column of the file → the name under which the market knows it; only where the two differ.
    decimal_mark
        What separates the decimals of numbers.
    date_forms
        Name of a column of dates → their form.
    is_text
        Whether it is a file of text; a typed file keeps its values.
    """

    market: Market
    features: tuple[Feature, ...]
    names: Mapping[str, str]
    decimal_mark: DecimalMark
    date_forms: Mapping[str, DateForm]
    is_text: bool = True

    @classmethod
    def detect(cls, market: Market, features: Sequence[Feature], table: pa.Table, *, is_text: bool = True) -> Self:
        """Return the forms of a file, as some of its rows show them.

        Raises
        ------
        ValueError
            Two columns have names of one fact.
        """
        names = known_names(market, features, table.column_names)
        undecided = cls(market, tuple(features), names, ".", {}, is_text)
        if not is_text:
            return undecided
        known = table.rename_columns(undecided.plain_names(table.column_names))
        texts = {name: strip(known[name]) for name in known.column_names if undecided._form_of(name) is not None}
        mark: DecimalMark = "," if market.decimal_comma or undecided._proves_comma(texts) else "."
        dates = {
            name: detect_date_form(text, market.date_format)
            for name, text in texts.items()
            if undecided._form_of(name) == "date"
        }
        return replace(undecided, decimal_mark=mark, date_forms=dates)

    def plain_names(self, names: Sequence[str]) -> list[str]:
        """Return the names under which the market knows some columns of the file."""
        return [self.names.get(name, name) for name in names]

    def plain(self, table: pa.Table, typed: Collection[str] = ()) -> pa.Table:
        """Return rows of the file in the form that all checks expect.

        Parameters
        ----------
        typed
            Columns that are in this form already, because they were not text.
        """
        columns = table.column_names
        table = table.rename_columns(self.plain_names(columns))
        if not self.is_text:
            return table
        for index, name in enumerate(table.column_names):
            form = self._form_of(name)
            if form is not None and columns[index] not in typed:
                table = table.set_column(index, name, self._plain_column(name, form, table.column(index)))
        return table

    def not_read(self, names: Sequence[str]) -> dict[str, str]:
        """Return the columns that resemble a fact or a date which the file lacks: column → what it resembles."""
        present = set(self.plain_names(names))
        found = {feature.name for feature in self.features if set(feature.names) & present}
        lacking = {
            name: feature.name for feature in self.features if feature.name not in found for name in feature.names
        }
        date = self.market.sale_date
        if date is not None and date not in present:
            lacking[date] = date
        own = {self.market.price, date, self.market.sale_id, self.market.address, *self.market.ignore}
        alike = {}
        for name in names:
            known = self.names.get(name, name)
            if known in own or self._feature(known) is not None:
                continue
            meant = resembling(name, lacking)
            if meant is not None:
                alike[name] = lacking[meant]
        return alike

    def _plain_column(self, name: str, form: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
        if form == "number":
            return self._plain_numbers(name, column)
        if form == "date":
            return self._plain_dates(name, column)
        return per_distinct(lambda text: drop_missing(strip(text), self.market.missing), column)

    def _plain_numbers(self, name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
        # Most files are clean: then nothing but this is done.
        if self.decimal_mark == "." and not self.market.missing:
            numbers = read_clean_numbers(column)
            if numbers is not None:
                return numbers
        text = drop_missing(strip(column), self.market.missing)
        feature = self._feature(name)
        unit = (
            ""
            if feature is None
            else feature.unit
            if name != feature.column
            else feature.column_unit or feature.unit
        )
        return pc.coalesce(plain_numbers(text, self.decimal_mark, unit), text)

    def _plain_dates(self, name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
        if not self.market.missing and pc.all(pc.match_substring_regex(column, DATE_PATTERN)).as_py():
            return column
        text = drop_missing(strip(column), self.market.missing)
        days = parse_dates(text, self.date_forms[name])
        written = pa.array(days.astype(str), pa.string(), mask=np.isnat(days))
        return pc.coalesce(pa.chunked_array([written]), text)

    def _proves_comma(self, texts: Mapping[str, pa.ChunkedArray]) -> bool:
        """Return whether some number of the file has a decimal comma, and none has a decimal point."""
        marks = {detect_decimal_mark(text) for name, text in texts.items() if self._form_of(name) == "number"} - {
            None
        }
        return marks == {","}

    def _form_of(self, name: str) -> str | None:
        """Return whether a column has numbers, dates or labels; None if nothing is read from it."""
        if name == self.market.price:
            return "number"
        if name == self.market.sale_date:
            return "date"
        if name in {self.market.sale_id, self.market.address}:
            return "label"
        feature = self._feature(name)
        return None if feature is None else feature.fact_kind.text_form

    def _feature(self, name: str) -> Feature | None:
        return next((feature for feature in self.features if name in feature.names), None)


def known_names(market: Market, features: Sequence[Feature], names: Sequence[str]) -> dict[str, str]:
    """Return column of a file → the name that the market knows it by, where case, blanks or underscores differ.

    Raises
    ------
    ValueError
        Two columns have names of one fact.
    """
    own = (market.price, market.sale_date, market.sale_id, market.address, *market.ignore)
    target = {name: name for name in own if name is not None}
    target |= {name: feature.name for feature in features for name in feature.names}
    by_plain: dict[str, list[str]] = {}
    for name in target:
        by_plain.setdefault(plain_name(name), []).append(name)
    found: dict[str, str] = {}
    for name in names:
        candidates = by_plain.get(plain_name(name), [])
        # A name that two facts have, but for case or blanks, is that of neither.
        if name in target or len({target[candidate] for candidate in candidates}) != 1:
            continue
        known = candidates[0]
        if known in market.ignore:
            continue
        other = next((each for each in names if each == known or found.get(each) == known), None)
        if other is not None:
            raise ValueError(
                f"'{other}' and '{name}' both stand for {target[known]}; remove or rename one of them"
            )
        found[name] = known
    return found
