"""The marshmallow schema of a subject (a home to value), built from the market of the served model.

The schema knows which names a request may contain. Which values a fact may take is decided in
`estimator.market.checks`. The fields here only call it, so that JSON and columns of a file follow the same rules.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, cast

from marshmallow import Schema, ValidationError, fields, post_load, pre_load

from estimator.market.checks import check_value
from estimator.market.feature import Feature
from estimator.market.market import VALUATION_DATE, Market
from estimator.market.text.names import LooseNames, resembling
from estimator.market.values import parse_date

FieldError = dict[str, str]
"""`field` and `message`: one error in a subject."""

MAX_SHOWN_NAME = 60
"""Characters of an unknown name that an error shows."""
MAX_NAMES = 1000
"""Names in one home, as many as columns in a table. Without a limit, one home with half a million unknown names
keeps a worker busy for seconds."""
MAX_ERRORS = 100
"""Errors listed in one answer, in addition to the first of each row. Without a limit, a small body with many
unknown names would get a huge answer."""
NOT_AN_OBJECT = 'a home must be an object of facts, such as {"latitude": 47.6, …}'

_DATE = "date"


def fact_by_name(market: Market, *, has_dates: bool) -> LooseNames[str]:
    """Return each name that a subject may contain → the fact it is a name of."""
    names = {name: feature.name for name, feature in market.request_names.items()}
    return LooseNames(names | {VALUATION_DATE: VALUATION_DATE} if has_dates else names)


def unknown_name_message(market: Market, name: str, *, suggest: bool = True) -> str:
    """Return the error of a name that a subject may not contain, with the fact that was probably meant."""
    meant = resembling(name[:MAX_SHOWN_NAME], market.request_names) if suggest else None
    hint = "" if meant is None else f"; did you mean {market.request_names[meant].name}?"
    return f"is not a fact of the market {market.name}{hint}"


def duplicate_name_message(first: str, second: str, fact: str) -> str:
    """Return the error of a fact that a subject contains under two names."""
    return f"'{first}' and '{second}' are both names of {fact}; send one of them"


def why_unreadable(value: object) -> str | None:
    """Return why a JSON value cannot be read as a subject at all, or None."""
    if not isinstance(value, dict):
        return NOT_AN_OBJECT
    if len(value) > MAX_NAMES:
        return f"the home has {len(value)} facts; the maximum is {MAX_NAMES}"
    return None


@dataclass(frozen=True, slots=True)
class Subject:
    """One home to value: its checked facts by feature name, and the valuation date, None for the newest sale's."""

    facts: Mapping[str, float | str]
    date: dt.date | None


@dataclass(frozen=True, slots=True)
class _DuplicateNames:
    """Takes the place of the value of a fact that a request contains under two names."""

    first: str
    second: str


class FactField(fields.Field[Any]):
    """One fact, under the name of its feature."""

    def __init__(self, feature: Feature) -> None:
        super().__init__(
            data_key=feature.name, required=feature.required, error_messages={"required": "is required"}
        )
        self.feature = feature

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> float | str:
        if isinstance(value, _DuplicateNames):
            raise ValidationError(duplicate_name_message(value.first, value.second, self.feature.name))
        try:
            return check_value(self.feature, value)
        except ValueError as error:
            raise ValidationError(str(error)) from error


class DateField(fields.Field[dt.date]):
    """The valuation date."""

    def __init__(self) -> None:
        super().__init__(data_key=VALUATION_DATE)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> dt.date:
        try:
            return parse_date(value)
        except ValueError as error:
            raise ValidationError(str(error)) from error


class SubjectSchema(Schema):
    """One subject of a market as JSON; created by `of`.

    `load` turns an object into a `Subject`. It raises marshmallow's ValidationError, which `field_errors` reads.
    """

    def __init__(self, market: Market) -> None:
        super().__init__()
        self.market = market
        self._fact_by_name = fact_by_name(market, has_dates=_DATE in self.fields)
        self._required = {feature.name for feature in market.features if feature.required}
        self._names = {attribute: str(field.data_key) for attribute, field in self.fields.items()}

    @classmethod
    def of(cls, market: Market, *, has_dates: bool) -> Self:
        """Create the schema of a market's subjects; `has_dates`: whether they may have a valuation date."""
        # The fields have names of their own, because marshmallow gives a meaning to dots and to some feature
        # names.
        declared: dict[str, fields.Field[Any]] = {
            f"fact_{index}": FactField(feature) for index, feature in enumerate(market.features)
        }
        if has_dates:
            declared[_DATE] = DateField()
        return cast("type[Self]", cls.from_dict(declared, name="Subject"))(market)

    def read_valid(self, value: Mapping[str, Any]) -> Subject | None:
        """Return the subject of a valid object, as `load` does; None if anything is wrong, which `load` tells.

        It takes a third of the time, because nothing is prepared for messages.
        """
        facts: dict[str, float | str] = {}
        date: dt.date | None = None
        try:
            for name, stated in value.items():
                if stated is None:
                    continue
                fact = self._fact_by_name[name]
                if fact in facts or (fact == VALUATION_DATE and date is not None):
                    return None
                if fact == VALUATION_DATE:
                    date = parse_date(stated)
                else:
                    facts[fact] = check_value(self.market.by_name[fact], stated)
        except (KeyError, ValueError):
            return None
        return Subject(facts, date) if self._required <= facts.keys() else None

    def field_errors(self, error: ValidationError) -> list[FieldError]:
        """Return all errors: those of the market's facts in the market's order, then those of unknown names."""
        order = {name: index for index, name in enumerate(self._names.values())}
        messages = error.messages_dict
        return [
            {
                "field": name[:MAX_SHOWN_NAME],
                "message": messages[name][0] if name in order else unknown_name_message(self.market, name),
            }
            for name in sorted(messages, key=lambda name: (order.get(name, len(order)), name))
        ]

    @pre_load
    def _by_feature(self, data: Mapping[str, Any], **_: Any) -> dict[str, Any]:
        """Return the values under the names of their features. A null is a missing fact."""
        values: dict[str, Any] = {}
        names: dict[str, str] = {}
        for name, value in data.items():
            if value is None:
                continue
            key = self._fact_by_name.get(name, name)
            values[key] = _DuplicateNames(names[key], name) if key in values else value
            names[key] = name
        return values

    @post_load
    def _subject(self, data: dict[str, Any], **_: Any) -> Subject:
        date = data.pop(_DATE, None)
        return Subject({self._names[attribute]: value for attribute, value in data.items()}, date)
