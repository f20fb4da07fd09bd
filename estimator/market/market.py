"""A market: a set of sales and the facts known about each home, declared in `market.toml`.

Reading sales, encoding them, the service's schemas and its documents all follow this declaration.
"""

import dataclasses
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from estimator.errors import MarketError
from estimator.market.feature import Feature, Keys, check_keys, parse_feature
from estimator.market.gate_limits import DEFAULT_LIMITS, GateLimits, parse_gate_limits
from estimator.market.kinds import KINDS
from estimator.market.row_filter import check_condition
from estimator.market.text.dates import check_date_format
from estimator.market.text.separators import SEPARATORS

VALUATION_DATE = "valuation_date"
"""Field of a request: the date for which the home is valued. No feature may have this name."""
ANSWER_COLUMNS = (
    *("valuation_price", "valuation_low", "valuation_high", "valuation_fsd", "valuation_probability_within_10"),
    *(VALUATION_DATE, "looked_up", "unknown", "warnings", "error"),
)
"""Columns that are added to a valued file, in this order. No feature may have such a name."""
INDEX_COLUMN = "valuation_index"
"""Column that is added on request: the factor from prices in the newest month with sales to those on the valuation
date. No feature may have this name."""
ABOVE_COLUMN = "valuation_probability_above"
"""Column that is added if a price is given: the probability that the home's is above it. No feature may have this
name."""
RESERVED_NAMES = frozenset((*ANSWER_COLUMNS, INDEX_COLUMN, ABOVE_COLUMN))
"""Names that no feature may have."""
LIST_PRICES = ("list_price", "ListPrice")
"""Columns of a list price; the second is its RESO name. A list price is never a fact about a home."""

_LIST_PRICE_WORDS = frozenset({"listprice", "originallistprice", "askingprice", "ask"})
"""Names that mean a list price, in lower case and without separators."""


@dataclass(frozen=True)
class Market:
    """A market, as its file declares it.

    Parameters
    ----------
    name
        The market's name, and the name of the folder of its saved versions.
    currency
        ISO 4217 code of every price.
    sales
        The file of sales, relative to the market file; a pattern such as `sales_*.csv`, or several of them.
    price
        Column of the sale price.
    features
        The facts, in the order of the file.
    areas
        File of figures by postal code, relative to the market file.
    sale_date
        Column of the sale's date.
    sale_id
        Column that identifies the home; repeat sales of a home have the same value.
    address
        Column of the home's address. The web page finds homes by it; the model does not use it.
    ignore
        Columns of the sales file that are not used.
    columns
        Names of the columns of sales files that have no header line; empty if they have one.
    where
        Condition for the rows of the sales files that are used, such as `type == 'house'`. Without one all are.
    gate
        What a model of the market must show before it is published.
    missing
        Words in files that stand for a missing value, besides the usual ones: `-1`, `Unspecified`.
    date_format
        Form of dates in files, as `strptime` has it, such as `%d/%m/%Y`: needed where day and month are in doubt.
    decimal_comma
        Whether numbers in files have a decimal comma. Without it, the numbers of each file show it.
    separator
        What separates the cells of text files. Without it, their first line shows it.
    overrides
        File of the user's decisions about single sales, relative to the market file.
    max_unreadable_share
        The largest share of the sales that may be unreadable. With more, the file is not as the market file says.
    """

    name: str
    currency: str
    sales: str | tuple[str, ...]
    price: str
    features: tuple[Feature, ...]
    areas: str | None = None
    sale_date: str | None = None
    sale_id: str | None = None
    address: str | None = None
    ignore: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    where: str | None = None
    gate: GateLimits = DEFAULT_LIMITS
    missing: tuple[str, ...] = ()
    date_format: str | None = None
    decimal_comma: bool = False
    separator: str | None = None
    overrides: str | None = None
    max_unreadable_share: float = 0.1

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a market file, or the `market.toml` of a folder.

        Raises
        ------
        MarketError
            There is no such file, it is not TOML, or its declarations are wrong or contradict each other.
        """
        file = path / "market.toml" if path.is_dir() else path
        try:
            declared = tomllib.loads(file.read_text(encoding="utf-8-sig"))
        except FileNotFoundError as error:
            raise MarketError(
                f"{file}: there is no such market file; draft one from your sales with `house-price new-market`"
            ) from error
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise MarketError(f"{file}: it is no market file, because it is not valid TOML: {error}") from error
        except OSError as error:
            raise MarketError(f"{file}: {error}") from error
        try:
            return cls.from_dict(declared)
        except MarketError as error:
            raise MarketError(f"{file}: {error}") from error

    @classmethod
    def from_dict(cls, declared: Mapping[str, Any]) -> Self:
        """Return a market from the content of its file.

        Raises
        ------
        MarketError
            A key is unknown, missing or of the wrong type, or two declarations contradict each other.
        """
        values = check_keys(declared, MARKET_KEYS, where="the market")
        features = tuple(parse_feature(entry, row) for row, entry in enumerate(values.pop("features"), start=1))
        gate = parse_gate_limits(values.pop("gate", {}))
        market = cls(features=features, gate=gate, **values)
        _check_consistency(market)
        return market

    def to_dict(self) -> dict[str, Any]:
        """Return the declaration as plain values, which `from_dict` accepts."""
        declared: dict[str, Any] = _plain(dataclasses.asdict(self))
        return declared

    @cached_property
    def by_name(self) -> Mapping[str, Feature]:
        """Every name, column and alias of a feature → that feature."""
        return {name: feature for feature in self.features for name in feature.names}

    @cached_property
    def request_names(self) -> Mapping[str, Feature]:
        """Every name under which a request may give a fact, without columns that have another unit than it."""
        return {
            name: feature
            for name, feature in self.by_name.items()
            if not (feature.column_unit and name == feature.column)
        }

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


MARKET_KEYS: Keys = {
    "name": (str, True),
    "currency": (str, True),
    "sales": ((str, list), True),
    "price": (str, True),
    "features": (list, True),
    "areas": (str, False),
    "sale_date": (str, False),
    "sale_id": (str, False),
    "address": (str, False),
    "ignore": (list, False),
    "columns": (list, False),
    "where": (str, False),
    "gate": (dict, False),
    "missing": (list, False),
    "date_format": (str, False),
    "decimal_comma": (bool, False),
    "separator": (str, False),
    "overrides": (str, False),
    "max_unreadable_share": ((int, float), False),
}


def _check_consistency(market: Market) -> None:
    """Refuse declarations that contradict each other.

    Raises
    ------
    MarketError
        Two facts share a name or column, two are of a kind that a market has at most once, or one of a pair is
        missing.
    """
    _check_names(market)
    for name, kind in KINDS.items():
        same = [feature.name for feature in market.features if feature.kind == name]
        if kind.is_unique and len(same) > 1:
            raise MarketError(f"features {', '.join(same)} are all of kind '{name}'; a market has at most one")
    if (market.of_kind("latitude") is None) != (market.of_kind("longitude") is None):
        missing = "longitude" if market.of_kind("longitude") is None else "latitude"
        raise MarketError(f"latitude and longitude go together; declare a feature of kind '{missing}' too")
    if market.areas is not None and market.of_kind("postal_code") is None:
        raise MarketError("areas needs a feature of kind 'postal_code' to look areas up by")
    if market.where is not None:
        check_condition(market.where)
    _check_share("max_unreadable_share", market.max_unreadable_share)
    _check_file_forms(market)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", market.name):
        raise MarketError(
            f"name '{market.name}' cannot be the name of a folder; use only letters, digits, '_', '.' and '-'"
        )


def _check_file_forms(market: Market) -> None:
    """Refuse a form of dates that names no day, and a separator that cannot separate cells."""
    if market.date_format is not None:
        try:
            check_date_format(market.date_format)
        except ValueError as error:
            raise MarketError(f"date_format: {error}") from error
    if market.separator is not None and market.separator not in SEPARATORS:
        raise MarketError(
            f"separator is {market.separator!r}; it must be one of {', '.join(map(repr, SEPARATORS))}"
        )


def _check_share(key: str, share: float) -> None:
    """Refuse a share that is not from 0 to 1.

    Raises
    ------
    MarketError
        It is not.
    """
    if not 0 <= share <= 1:
        raise MarketError(f"{key} is {share}; it must be a share from 0 to 1, such as 0.1")


def _check_names(market: Market) -> None:
    """Refuse a name that is used twice, is reserved, or means a list price."""
    if not market.features:
        raise MarketError("the market declares no features")
    own = {"price": market.price, "sale_date": market.sale_date, "sale_id": market.sale_id}
    own["address"] = market.address
    users: dict[str, str] = {}
    for key, column in own.items():
        if column is not None:
            _add_name(users, column, key)
    for name in market.ignore:
        _add_name(users, name, "ignore")
    for feature in market.features:
        for name in set(feature.names) & RESERVED_NAMES:
            raise MarketError(f"feature '{feature.name}' has the name '{name}', which is reserved")
        list_prices = [name for name in feature.names if re.sub(r"[\W_]", "", name.lower()) in _LIST_PRICE_WORDS]
        if list_prices:
            raise MarketError(
                f"feature '{feature.name}' has the name '{list_prices[0]}': a list price is never a fact about a"
                " home, because sellers ask what they expect to get; list its column under ignore"
            )
        for name in feature.names:
            _add_name(users, name, f"feature '{feature.name}'")


def _add_name(users: dict[str, str], name: str, user: str) -> None:
    """Add a name and what uses it; refuse a name that is used already."""
    if name in users:
        raise MarketError(f"'{name}' stands for both {users[name]} and {user}")
    users[name] = user


def _plain(value: Any) -> Any:
    """Return the value with tuples as lists and without keys that are None."""
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items() if entry is not None}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    return value
