"""Marshmallow schemas made from the market table of the model that is served.

They know which names a request may hold. Which values a fact may take is decided in `estimator.market.facts`: the
fields here only call it, so that a subject in JSON and a column of a file cannot be judged differently.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, cast

from marshmallow import Schema, ValidationError, fields, post_load, pre_load

from estimator.market.checks import check_value
from estimator.market.market import VALUATION_DATE, Feature, Market
from estimator.market.values import parse_date

_DATE = "date"
MAX_SHOWN_NAME = 60
"""Of a name that is none, this much is told."""
NOT_AN_OBJECT = 'a home is an object of facts, such as {"latitude": 47.6, …}'


def unknown_name_message(market: Market) -> str:
    """Say what is wrong with a name that a subject may not hold."""
    return f"is no fact of the market {market.name}"


def duplicate_name_message(first: str, second: str, fact: str) -> str:
    """Say what is wrong with a fact that a subject names twice."""
    return f"'{first}' and '{second}' both stand for {fact}"


@dataclass(frozen=True, slots=True)
class Subject:
    """One home to be valued: its checked facts by feature name, and the day, None for the newest sale's."""

    facts: Mapping[str, float | str]
    date: dt.date | None


@dataclass(frozen=True, slots=True)
class _TwoNames:
    """Stands for the value of a fact that a request names twice."""

    first: str
    second: str


class FactField(fields.Field[Any]):
    """One fact about a home, under the name of its feature."""

    def __init__(self, feature: Feature) -> None:
        super().__init__(
            data_key=feature.name, required=feature.required, error_messages={"required": "is required"}
        )
        self.feature = feature

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> float | str:
        if isinstance(value, _TwoNames):
            raise ValidationError(duplicate_name_message(value.first, value.second, self.feature.name))
        try:
            return check_value(self.feature, value)
        except ValueError as error:
            raise ValidationError(str(error)) from error


class DateField(fields.Field[dt.date]):
    """The day of valuation."""

    def __init__(self) -> None:
        super().__init__(data_key=VALUATION_DATE)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> dt.date:
        try:
            return parse_date(value)
        except ValueError as error:
            raise ValidationError(str(error)) from error


class SubjectSchema(Schema):
    """One subject of a market, as JSON gives it; made by `of`.

    `load` takes an object and gives a `Subject`. It raises marshmallow's ValidationError, which `faults` reads.
    """

    def __init__(self, market: Market) -> None:
        super().__init__()
        self.market = market
        self.error_messages["unknown"] = unknown_name_message(market)
        self._names = {attribute: str(field.data_key) for attribute, field in self.fields.items()}

    @classmethod
    def of(cls, market: Market, *, has_dates: bool) -> Self:
        """Make the schema of a market's subjects; `has_dates`: they may name the day they are valued at."""
        # A feature may have any name; marshmallow gives a meaning to dots and to names of its own.
        declared: dict[str, fields.Field[Any]] = {
            f"fact_{place}": FactField(feature) for place, feature in enumerate(market.features)
        }
        if has_dates:
            declared[_DATE] = DateField()
        return cast("type[Self]", cls.from_dict(declared, name="Subject"))(market)

    def faults(self, error: ValidationError) -> list[dict[str, str]]:
        """Return `{"field", "message"}` for all that is wrong: the market's facts in order, then unknown names."""
        place = {name: place for place, name in enumerate(self._names.values())}
        messages = error.messages_dict
        return [
            {"field": name[:MAX_SHOWN_NAME], "message": messages[name][0]}
            for name in sorted(messages, key=lambda name: (place.get(name, len(place)), name))
        ]

    @pre_load
    def _by_feature(self, data: Mapping[str, Any], **_: Any) -> dict[str, Any]:
        """Return the values under their features' names, without nulls: what is null is left out."""
        values: dict[str, Any] = {}
        names: dict[str, str] = {}
        for name, value in data.items():
            if value is None:
                continue
            feature = self.market.by_name.get(name)
            key = name if feature is None else feature.name
            values[key] = _TwoNames(names[key], name) if key in values else value
            names[key] = name
        return values

    @post_load
    def _subject(self, data: dict[str, Any], **_: Any) -> Subject:
        date = data.pop(_DATE, None)
        return Subject({self._names[attribute]: value for attribute, value in data.items()}, date)
