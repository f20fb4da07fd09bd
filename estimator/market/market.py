"""The market: one body of sales and the facts known about each home, declared in `market.toml`.

This one table drives the reading of sales, the encoding, the service's schemas and its documents. It knows
what a fact is called and which values it may take; it knows no file but its own and no home.
"""

import dataclasses
import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self, get_args

from estimator.errors import MarketError
from estimator.market.kinds import KINDS, FactKind

PriceEffect = Literal["increasing", "decreasing"]

VALUATION_DATE = "valuation_date"
"""The one field of a request that every market knows."""
ANSWER_COLUMNS = (
    *("valuation_price", "valuation_low", "valuation_high", "valuation_fsd"),
    *(VALUATION_DATE, "looked_up", "unknown", "warnings", "error"),
)
"""The columns that a valued file has besides its own, in their order. No feature may take such a name."""
LIST_PRICES = ("list_price", "ListPrice")
"""What is asked for a home, and its RESO name: words of listings, never facts about a home."""

_LIST_PRICES = frozenset({"listprice", "originallistprice", "askingprice", "ask"})
"""Names of a list price, in small letters without what stands between words."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One fact about a home.

    Parameters
    ----------
    name
        The fact's name in requests, code and reports.
    kind
        Which values it takes: a key of `KINDS`.
    column
        Its column in the sales file.
    unit
        Unit of the values, as people write it (`ft²`); empty where there is none.
    required
        Whether a subject without it is refused.
    minimum, maximum
        Inclusive bounds; None where any value goes.
    price_effect
        `increasing`: more of it never lowers the price; `decreasing`: more of it never raises it.
    aliases
        Other names accepted for it.
    description
        One sentence for forms and documents.
    """

    name: str
    kind: str
    column: str
    unit: str = ""
    required: bool = False
    minimum: float | None = None
    maximum: float | None = None
    price_effect: PriceEffect | None = None
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
        """Every name it answers to, its own first."""
        return tuple(dict.fromkeys((self.name, self.column, *self.aliases)))

    def out_of_bounds(self, value: float) -> str | None:
        """Say which bound a number breaks, or None if it keeps both."""
        unit = f" {self.unit}" if self.unit else ""
        if self.minimum is not None and value < self.minimum:
            return f"{value:.15g} is below the minimum of {self.minimum:.15g}{unit}"
        if self.maximum is not None and value > self.maximum:
            return f"{value:.15g} is above the maximum of {self.maximum:.15g}{unit}"
        return None


@dataclass(frozen=True)
class Market:
    """One market, as its file declares it.

    Parameters
    ----------
    name
        The market's name; its saved versions lie in a folder of this name.
    currency
        ISO 4217 code of every price.
    sales
        The file of sales, relative to the market file.
    price
        Column of the sale price.
    features
        The facts, in the order of the file.
    areas
        File of figures by postal code, relative to the market file.
    sale_date
        Column of the sale's date.
    sale_id
        Column that names the home: its repeat sales share it.
    ignore
        Columns of the sales file that are read past.
    """

    name: str
    currency: str
    sales: str
    price: str
    features: tuple[Feature, ...]
    areas: str | None = None
    sale_date: str | None = None
    sale_id: str | None = None
    ignore: tuple[str, ...] = ()

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a market file, or the `market.toml` of a folder.

        Raises
        ------
        MarketError
            There is no such file, it is not TOML, or what it declares does not hold together.
        """
        file = path / "market.toml" if path.is_dir() else path
        try:
            declared = tomllib.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise MarketError(f"{file}: there is no such market file") from error
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise MarketError(f"{file}: {error}") from error
        try:
            return cls.from_dict(declared)
        except MarketError as error:
            raise MarketError(f"{file}: {error}") from error

    @classmethod
    def from_dict(cls, declared: Mapping[str, Any]) -> Self:
        """Build a market from what its file declares.

        Raises
        ------
        MarketError
            A key is unknown, missing or of the wrong type, or two declarations contradict each other.
        """
        values = _checked(declared, _MARKET_KEYS, where="the market")
        features = tuple(_feature(entry, row) for row, entry in enumerate(values.pop("features"), start=1))
        market = cls(features=features, **values)
        _check_consistency(market)
        return market

    def to_dict(self) -> dict[str, Any]:
        """Return the declaration as plain values; `from_dict` takes it back."""
        declared: dict[str, Any] = _plain(dataclasses.asdict(self))
        return declared

    @cached_property
    def by_name(self) -> Mapping[str, Feature]:
        """Every name, column and alias of a feature → that feature."""
        return {name: feature for feature in self.features for name in feature.names}

    @cached_property
    def numbers(self) -> tuple[Feature, ...]:
        """The features whose values are numbers."""
        return tuple(feature for feature in self.features if not feature.is_label)

    @cached_property
    def monotone(self) -> tuple[Feature, ...]:
        """The features that declare a `price_effect`; all are numbers."""
        return tuple(feature for feature in self.features if feature.price_effect is not None)

    @cached_property
    def labels(self) -> tuple[Feature, ...]:
        """The features whose values are labels."""
        return tuple(feature for feature in self.features if feature.is_label)

    @cached_property
    def size(self) -> Feature | None:
        """The fact that measures how large a home is: the first required one whose kind can, or None."""
        return next(
            (feature for feature in self.features if feature.fact_kind.can_be_size and feature.required), None
        )

    @cached_property
    def location(self) -> tuple[str, ...]:
        """Names of the facts that say where a home is: latitude, longitude, postal code."""
        return tuple(feature.name for feature in self.features if feature.fact_kind.is_location)

    def of_kind(self, kind: str) -> Feature | None:
        """Return the feature of a kind that a market has at most once, or None if it has none."""
        assert KINDS[kind].is_unique, f"a market may have several features of kind {kind}"  # noqa: S101
        return next((feature for feature in self.features if feature.kind == kind), None)

    @cached_property
    def coordinates(self) -> tuple[str, str] | None:
        """Names of the latitude and the longitude, or None in a market without them."""
        latitude, longitude = self.of_kind("latitude"), self.of_kind("longitude")
        return (latitude.name, longitude.name) if latitude and longitude else None


_MARKET_KEYS: Mapping[str, tuple[type | tuple[type, ...], bool]] = {
    "name": (str, True),
    "currency": (str, True),
    "sales": (str, True),
    "price": (str, True),
    "features": (list, True),
    "areas": (str, False),
    "sale_date": (str, False),
    "sale_id": (str, False),
    "ignore": (list, False),
}
_FEATURE_KEYS: Mapping[str, tuple[type | tuple[type, ...], bool]] = {
    "name": (str, True),
    "kind": (str, True),
    "column": (str, False),
    "unit": (str, False),
    "required": (bool, False),
    "minimum": ((int, float), False),
    "maximum": ((int, float), False),
    "price_effect": (str, False),
    "aliases": (list, False),
    "description": (str, False),
}


def _checked(
    declared: Mapping[str, Any], keys: Mapping[str, tuple[type | tuple[type, ...], bool]], where: str
) -> dict[str, Any]:
    """Return the declared values after checking every key's name and type."""
    for key, value in declared.items():
        if key not in keys:
            raise MarketError(f"{where} has an unknown key '{key}'; known are {', '.join(keys)}")
        expected = keys[key][0]
        # bool is an int to Python, not to a reader of the file.
        if not isinstance(value, expected) or (isinstance(value, bool) and expected is not bool):
            raise MarketError(f"{where}: '{key}' is {value!r}, which is of the wrong type")
        if isinstance(value, str) and not value.strip() and key not in {"unit", "description"}:
            raise MarketError(f"{where}: '{key}' is empty")
    for key, (_, needed) in keys.items():
        if needed and key not in declared:
            raise MarketError(f"{where} lacks the key '{key}'")
    values = dict(declared)
    for key in ("aliases", "ignore"):
        if key in values:
            if not all(isinstance(name, str) and name for name in values[key]):
                raise MarketError(f"{where}: '{key}' is {values[key]!r}; it takes a list of names")
            values[key] = tuple(values[key])
    return values


def _feature(entry: object, row: int) -> Feature:
    """Build one feature from its table in the file."""
    if not isinstance(entry, Mapping):
        raise MarketError(f"feature {row} is {entry!r}; it takes a table")
    where = f"feature {row} ('{entry['name']}')" if "name" in entry else f"feature {row}"
    values = _checked(entry, _FEATURE_KEYS, where)
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
            raise MarketError(f"{where}: {key} is {bound}; leave it out where any value goes")
        values[key] = None if bound is None else float(bound)
    minimum, maximum = values["minimum"], values["maximum"]
    if minimum is not None and maximum is not None and minimum > maximum:
        raise MarketError(f"{where}: minimum {minimum:.15g} is above maximum {maximum:.15g}")
    return Feature(**{"column": values["name"]} | values)


def _check_consistency(market: Market) -> None:
    """Refuse declarations that contradict each other.

    Raises
    ------
    MarketError
        Two facts share a name or column, a kind stands twice that a home has once, or a piece is missing.
    """
    _check_names(market)
    for name, kind in KINDS.items():
        same = [feature.name for feature in market.features if feature.kind == name]
        if kind.is_unique and len(same) > 1:
            raise MarketError(f"features {', '.join(same)} are all of kind '{name}'; a market has at most one")
    if (market.of_kind("latitude") is None) != (market.of_kind("longitude") is None):
        raise MarketError("latitude and longitude go together; one of them is not declared")
    if market.areas is not None and market.of_kind("postal_code") is None:
        raise MarketError("areas needs a feature of kind 'postal_code' to look them up by")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", market.name):
        raise MarketError(f"name '{market.name}' names a folder: letters, digits, '_', '.' and '-' alone")


def _check_names(market: Market) -> None:
    """Refuse a name that stands for two things."""
    if not market.features:
        raise MarketError("the market declares no features")
    own = {"price": market.price, "sale_date": market.sale_date, "sale_id": market.sale_id}
    taken: dict[str, str] = {}
    for key, column in own.items():
        if column is not None:
            _claim(taken, column, key)
    for name in market.ignore:
        _claim(taken, name, "ignore")
    for feature in market.features:
        for name in set(feature.names) & set(ANSWER_COLUMNS):
            raise MarketError(f"feature '{feature.name}' takes the name '{name}', which is reserved")
        asks = [name for name in feature.names if re.sub(r"[\W_]", "", name.lower()) in _LIST_PRICES]
        if asks:
            raise MarketError(
                f"feature '{feature.name}' takes the name '{asks[0]}': a list price is never a fact about a home,"
                " since sellers ask what they expect to get; list its column under ignore"
            )
        for name in feature.names:
            _claim(taken, name, f"feature '{feature.name}'")


def _claim(taken: dict[str, str], name: str, claimant: str) -> None:
    if name in taken:
        raise MarketError(f"'{name}' stands for both {taken[name]} and {claimant}")
    taken[name] = claimant


def _plain(value: Any) -> Any:
    """Return the value with its tuples as lists and its unset keys left out."""
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items() if entry is not None}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    return value
