"""A feature: one fact about a home, as `market.toml` declares it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from estimator.errors import MarketError
from estimator.market.column_units import check_column_unit
from estimator.market.kinds import KINDS, FactKind
from estimator.market.text.names import plain_name

PriceEffect = Literal["increasing", "decreasing"]
Keys = Mapping[str, tuple[type | tuple[type, ...], bool]]
"""Key of a table in the market file → type of its value, and whether the key is required."""

FEATURE_KEYS: Keys = {
    "name": (str, True),
    "kind": (str, True),
    "column": (str, False),
    "unit": (str, False),
    "column_unit": (str, False),
    "required": (bool, False),
    "minimum": ((int, float), False),
    "maximum": ((int, float), False),
    "price_effect": (str, False),
    "changeable": (bool, False),
    "aliases": (list, False),
    "description": (str, False),
}


_MAY_BE_BLANK = {"unit", "column_unit", "description", "separator"}
"""Keys whose value may be blank: a tab separates cells."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One fact about a home.

    Parameters
    ----------
    name
        The fact's name in requests, code and reports.
    kind
        Which values it takes: one of the kinds.
    column
        Its column in files, if it has another name there.
    unit
        Unit of the values, as people write it (`ft²`); empty where there is none.
    column_unit
        Unit of the values in files that have them under `column`, if it is another one: they are converted into
        `unit`. Of coordinates it is the system in which they are projected, as `EPSG:2926`. Empty for none.
    required
        Whether a subject without it is refused.
    minimum, maximum
        Inclusive bounds, in `unit`; without one there is none.
    price_effect
        `increasing`: a larger value never lowers the price; `decreasing`: a larger value never raises it. Without
        one the effect is learned without a constraint.
    changeable
        Whether an owner can change it, as the bathrooms of a home; false for the year it was built. The web page
        asks “What if?” of such facts. Location and figures of the area are never changeable.
    aliases
        Other names accepted for it.
    description
        One sentence for forms and documents.
    """

    name: str
    kind: str
    column: str
    unit: str = ""
    column_unit: str = ""
    required: bool = False
    minimum: float | None = None
    maximum: float | None = None
    price_effect: PriceEffect | None = None
    changeable: bool = True
    aliases: tuple[str, ...] = ()
    description: str = ""

    @property
    def fact_kind(self) -> FactKind:
        """What its kind means."""
        return KINDS[self.kind]

    @property
    def is_label(self) -> bool:
        """Whether its values are labels rather than numbers."""
        return self.fact_kind.is_label

    @property
    def has_bounds(self) -> bool:
        """Whether there is a minimum or a maximum."""
        return self.minimum is not None or self.maximum is not None

    @property
    def names(self) -> tuple[str, ...]:
        """All names that it is found by: its own, its column, its aliases."""
        return tuple(dict.fromkeys((self.name, self.column, *self.aliases)))

    def out_of_bounds(self, value: float) -> str | None:
        """Return a message that names the bound a number is beyond, or None if it is within both."""
        unit = f" {self.unit}" if self.unit else ""
        if self.minimum is not None and value < self.minimum:
            return f"{value:.15g} is below the minimum of {self.minimum:.15g}{unit}"
        if self.maximum is not None and value > self.maximum:
            return f"{value:.15g} is above the maximum of {self.maximum:.15g}{unit}"
        return None


def check_keys(declared: Mapping[str, Any], keys: Keys, where: str) -> dict[str, Any]:
    """Return the values of a table in the market file after checking the name and type of each key.

    Parameters
    ----------
    declared
        The table.
    keys
        The keys that it may have.
    where
        What error messages call the table.

    Raises
    ------
    MarketError
        A key is unknown, missing, empty or of the wrong type.
    """
    for key, value in declared.items():
        if key not in keys:
            raise MarketError(f"{where} has an unknown key '{key}'; the known keys are {', '.join(keys)}")
        expected = keys[key][0]
        # In Python a bool is an int; in the file it is not a number.
        if not isinstance(value, expected) or (isinstance(value, bool) and expected is not bool):
            raise MarketError(
                f"{where}: '{key}' is {value!r}, which has the wrong type; it must be {type_name(expected)}"
            )
        if isinstance(value, str) and not value.strip() and key not in _MAY_BE_BLANK:
            raise MarketError(f"{where}: '{key}' is empty")
    for key, (_, is_required) in keys.items():
        if is_required and key not in declared:
            raise MarketError(f"{where} lacks the key '{key}'")
    values = dict(declared)
    for key in (
        "aliases",
        "ignore",
        "columns",
        "missing",
        *(("sales",) if isinstance(values.get("sales"), list) else ()),
    ):
        if key in values:
            if not all(isinstance(name, str) and name for name in values[key]):
                raise MarketError(f"{where}: '{key}' is {values[key]!r}; it must be a list of names")
            values[key] = tuple(values[key])
    return values


def type_name(expected: type | tuple[type, ...]) -> str:
    """Return what messages and documents call the type of a key's value."""
    names = {str: "text", bool: "true or false", list: "a list", dict: "a table", (int, float): "a number"}
    names[(str, list)] = "text or a list of texts"
    return names[expected]


def parse_feature(entry: object, row: int) -> Feature:
    """Return a feature from its table in the market file; `row` is its number there, from 1.

    Raises
    ------
    MarketError
        A key is unknown, missing or of the wrong type, or does not suit the feature's kind.
    """
    if not isinstance(entry, Mapping):
        raise MarketError(f"feature {row} is {entry!r}; it must be a table")
    where = f"feature {row} ('{entry['name']}')" if "name" in entry else f"feature {row}"
    values = check_keys(entry, FEATURE_KEYS, where)
    name = values["kind"]
    if name not in KINDS:
        raise MarketError(f"{where}: kind '{name}' is not one of {', '.join(KINDS)}")
    kind = KINDS[name]
    effect = values.get("price_effect")
    if effect is not None and effect not in get_args(PriceEffect):
        raise MarketError(f"{where}: price_effect '{effect}' is not one of {', '.join(get_args(PriceEffect))}")
    if effect is not None and not kind.allows_price_effect:
        raise MarketError(f"{where}: kind '{name}' does not allow a price_effect")
    for key, default in zip(("minimum", "maximum"), kind.default_bounds, strict=True):
        if key in values and not kind.allows_bounds:
            raise MarketError(f"{where}: kind '{name}' does not allow a {key}")
        bound = values.get(key, default)
        if bound is not None and not math.isfinite(bound):
            raise MarketError(f"{where}: {key} is {bound}; leave it out if there is no bound")
        values[key] = None if bound is None else float(bound)
    minimum, maximum = values["minimum"], values["maximum"]
    if minimum is not None and maximum is not None and minimum > maximum:
        raise MarketError(f"{where}: minimum {minimum:.15g} is above maximum {maximum:.15g}")
    return _with_checked_unit(Feature(**{"column": values["name"]} | values), where)


def _with_checked_unit(feature: Feature, where: str) -> Feature:
    """Return a feature after checking that its column's unit can be converted into its own."""
    if feature.column_unit:
        has_column = plain_name(feature.column) != plain_name(feature.name)
        try:
            check_column_unit(feature.fact_kind, feature.unit, feature.column_unit, has_column=has_column)
        except ValueError as error:
            raise MarketError(f"{where}: {error}") from error
    return feature
