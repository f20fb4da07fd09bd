"""The row filter of a market file, such as `type == 'house' and price > 10000`: a small, safe grammar.

    condition  = all { "or" all }
    all        = one { "and" one }
    one        = "not" one | "(" condition ")" | column test
    test       = ("==" | "=" | "!=" | "<" | "<=" | ">" | ">=") value
               | ["not"] "in" "(" value { "," value } ")"
               | "is" ["not"] "missing"
    column     = a name of letters, digits and underscores, or any name in backquotes
    value      = a number, or text in single or double quotes

Nothing else can be written, so that a market file from elsewhere can run no code. Numbers, dates and words for
missing are read as in the columns of facts; text is compared without blanks around it. A comparison with a missing
value is false, also under "not".
"""

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from estimator.errors import MarketError
from estimator.market.arrays import BoolArray
from estimator.market.columns import Problem, date_column, is_text, number_column, text_column
from estimator.market.text.missing import drop_missing, strip
from estimator.market.text.names import plain_name, resembling

Value = float | str
_Parse = Callable[[str, pa.ChunkedArray], tuple[Any, list[Problem]]]
"""Parses a column, as `number_column` does."""
_TOKEN = re.compile(
    r"""\s*(?:(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?![\w.])"""
    r"""|(?P<text>'[^']*'|"[^"]*")|(?P<quoted>`[^`]+`)|(?P<word>[^\W\d]\w*)|(?P<sign>==|!=|<=|>=|[=<>(),]))"""
)
_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": pc.equal,
    "=": pc.equal,
    "!=": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class _Token:
    group: str
    text: str
    position: int


def matching_rows(condition: str, table: pa.Table) -> BoolArray:
    """Return which rows of a table a condition holds for, shape (n,).

    Raises
    ------
    MarketError
        The condition cannot be understood, or names a column that the table lacks, or compares text by size.
    """
    parser = _Parser(condition, table)
    found = parser.condition()
    parser.expect_end()
    return np.asarray(pc.fill_null(found, fill_value=False).to_numpy(zero_copy_only=False), np.bool_)


def named_columns(condition: str) -> frozenset[str]:
    """Return the names of columns in a condition, and the words of its grammar; raises as `check_condition`."""
    return frozenset(token.text.strip("`") for token in _tokens(condition) if token.group in {"word", "quoted"})


def check_condition(condition: str) -> None:
    """Check that a condition can be understood, without a table.

    Raises
    ------
    MarketError
        It cannot.
    """
    parser = _Parser(condition, None)
    parser.condition()
    parser.expect_end()


class _Parser:
    """Reads a condition from left to right and evaluates it on a table; on no rows if there is no table."""

    def __init__(self, condition: str, table: pa.Table | None) -> None:
        self._condition, self._table = condition, table
        self._tokens = _tokens(condition)
        self._next = 0

    def condition(self) -> pa.ChunkedArray:
        found = self._all()
        while self._take_word("or"):
            found = pc.or_kleene(found, self._all())
        return found

    def expect_end(self) -> None:
        if self._next < len(self._tokens):
            self._fail("the end")

    def _all(self) -> pa.ChunkedArray:
        found = self._one()
        while self._take_word("and"):
            found = pc.and_kleene(found, self._one())
        return found

    def _one(self) -> pa.ChunkedArray:
        if self._take_word("not"):
            return pc.invert(self._one())
        if self._take_sign("("):
            found = self.condition()
            self._expect_sign(")")
            return found
        return self._test(self._column())

    def _test(self, name: str) -> pa.ChunkedArray:
        if self._take_word("is"):
            known = self._take_word("not")
            if not self._take_word("missing"):
                self._fail("'missing'")
            missing = self._missing(name)
            return pc.invert(missing) if known else missing
        inverted = self._take_word("not")
        if self._take_word("in"):
            found = self._is_in(name)
            return pc.invert(found) if inverted else found
        sign = self._take()
        if inverted or sign is None or sign.text not in _COMPARE:
            self._next -= sign is not None
            self._fail("a comparison such as == or in")
        return self._compare(name, sign.text, self._value())

    def _is_in(self, name: str) -> pa.ChunkedArray:
        self._expect_sign("(")
        found = self._compare(name, "==", self._value())
        while self._take_sign(","):
            found = pc.or_kleene(found, self._compare(name, "==", self._value()))
        self._expect_sign(")")
        return found

    def _compare(self, name: str, sign: str, value: Value) -> pa.ChunkedArray:
        """Return where a column compares with a value; null where it is missing or cannot be read."""
        compare = _COMPARE[sign]
        if isinstance(value, float):
            numbers = self._parsed(name, number_column, "numbers")
            return compare(pa.chunked_array([pa.array(numbers, from_pandas=True)]), value)
        if _DATE.fullmatch(value) and sign not in {"==", "=", "!="}:
            days = self._parsed(name, date_column, "dates")
            return compare(pa.chunked_array([pa.array(days)]), pa.scalar(_day(value)))
        if sign not in {"==", "=", "!="}:
            raise MarketError(
                f"where: {name} {sign} '{value}' compares text by size; only numbers and dates such as"
                " '2015-05-27' can be"
            )
        return compare(self._text(name), value.strip())

    def _cells(self, name: str) -> pa.ChunkedArray:
        if self._table is None:
            return pa.chunked_array([pa.array([], pa.string())])
        names = self._table.column_names
        if name not in names:
            plain = {plain_name(each): each for each in names}
            if plain_name(name) not in plain:
                close = resembling(name, names)
                hint = f"; did you mean {close}?" if close else f"; the columns are {', '.join(names)}"
                raise MarketError(f"where names the column '{name}', which the sales lack{hint}")
            name = plain[plain_name(name)]
        return self._table.column(name)

    def _text(self, name: str) -> pa.ChunkedArray:
        return drop_missing(strip(self._parsed(name, text_column, "text")))

    def _missing(self, name: str) -> pa.ChunkedArray:
        cells = self._cells(name)
        _, problems = text_column(name, cells)
        return pc.is_null(cells if problems else self._text(name))

    def _parsed(self, name: str, parse: _Parse, kind: str) -> Any:
        """Return the values of a column; those that cannot be read are missing.

        A column of a type that cannot be compared at all, as Parquet's lists, is an error: no row would be found.
        """
        cells = self._cells(name)
        values, problems = parse(name, cells)
        if problems and len(problems) == len(cells) - cells.null_count and not is_text(cells):
            raise MarketError(
                f"where compares column '{name}' with {kind}, but it has none: its values are of the type"
                f" {cells.type}, such as {problems[0].value}"
            )
        return values

    def _column(self) -> str:
        token = self._take()
        if token is None or token.group not in {"word", "quoted"}:
            self._next -= token is not None
            self._fail("the name of a column")
        return token.text.strip("`")

    def _value(self) -> Value:
        token = self._take()
        if token is None or token.group not in {"number", "text"}:
            self._next -= token is not None
            self._fail("a number, or text in quotes")
        return float(token.text) if token.group == "number" else token.text[1:-1]

    def _take(self) -> _Token | None:
        if self._next == len(self._tokens):
            return None
        self._next += 1
        return self._tokens[self._next - 1]

    def _take_word(self, word: str) -> bool:
        return self._take_if("word", word)

    def _take_sign(self, sign: str) -> bool:
        return self._take_if("sign", sign)

    def _take_if(self, kind: str, text: str) -> bool:
        if self._next < len(self._tokens):
            token = self._tokens[self._next]
            if token.group == kind and token.text.casefold() == text:
                self._next += 1
                return True
        return False

    def _expect_sign(self, sign: str) -> None:
        if not self._take_sign(sign):
            self._fail(f"'{sign}'")

    def _fail(self, expected: str) -> NoReturn:
        at_end = self._next == len(self._tokens)
        place = "at its end" if at_end else f"at '{self._condition[self._tokens[self._next].position :]}'"
        raise MarketError(f"where: '{self._condition}' cannot be understood {place}: expected {expected}")


def _day(value: str) -> dt.date:
    try:
        return dt.date.fromisoformat(value)
    except ValueError as error:
        raise MarketError(f"where: '{value}' is no day of the calendar") from error


def _tokens(condition: str) -> list[_Token]:
    tokens, position = [], 0
    while condition[position:].strip():
        match = _TOKEN.match(condition, position)
        if match is None or match.lastgroup is None:
            raise MarketError(f"where: '{condition}' cannot be understood at '{condition[position:].strip()}'")
        start = match.start(match.lastgroup)
        tokens.append(_Token(match.lastgroup, match.group(match.lastgroup), start))
        position = match.end()
    return tokens
