"""Columns that no fact of a market may be: they tell the price, the sale, persons, or nothing about the home."""

import re
import tomllib
from importlib.resources import files

import numpy as np

from estimator.drafting.known_facts import words_of
from estimator.drafting.profiles import Profile
from estimator.market.arrays import FloatArray


def _read_reasons() -> tuple[tuple[str, tuple[str, ...]], ...]:
    table = tomllib.loads((files(__package__) / "unused_columns.toml").read_text(encoding="utf-8"))
    return tuple((entry["reason"], tuple(entry["patterns"])) for entry in table["columns"])


KNOWN_AFTER_SALE = "known only after the sale"
_REASONS = _read_reasons()
"""Why a column is not used → regular expressions, one of which is found in the words of its name."""

_MAX_MULTIPLE_DEVIATION = 0.005
"""A column leaks if half of its values are this close to one multiple of the price, as a copy in another unit is.
A larger bound would take living areas for leaks in towns where the size alone predicts the price."""
_MAX_NEAR_DEVIATION = 0.05
"""The same for multiples from ½ to 2, as sales are checked for leaks in a training."""
_MAX_PER_AREA_DEVIATION = 0.02
"""The same for values times the size: prices per area are rounded."""
_MAX_FACTOR_ROWS = 2_000
"""Rows by which pairs of columns are judged, evenly spread: a file may have thousands of pairs."""
_MIN_SALES = 30
"""With fewer sales, a small deviation could be chance."""


def reason_by_name(name: str) -> str | None:
    """Return why a column with this name is not used, or None."""
    words = words_of(name)
    return next(
        (reason for reason, patterns in _REASONS if any(re.search(each, words) for each in patterns)), None
    )


def tells_time_of_sale(name: str) -> bool:
    """Whether the name of a column is that of the year, quarter or month of the sale."""
    return str(reason_by_name(name)).startswith("says when the home sold")


def reason_by_values(profile: Profile, price: FloatArray, size: FloatArray | None) -> str | None:
    """Return why a column of numbers leaks the price, or None.

    Parameters
    ----------
    price
        Sale prices, shape (n,).
    size
        Sizes of the homes, shape (n,); None if no column has them.
    """
    if _multiple(np.ones(len(price)), price)[1] < _MAX_NEAR_DEVIATION:
        return None  # of prices that are nearly all the same, every steady number is a multiple
    multiple, deviation = _multiple(profile.numbers, price)
    limit = _MAX_NEAR_DEVIATION if 0.5 < multiple < 2 else _MAX_MULTIPLE_DEVIATION
    if deviation < limit:
        return f"leaks the price: half of its values are within {100 * deviation:.1f}% of {multiple:.4g} × price"
    if size is not None and _multiple(profile.numbers * size, price)[1] < _MAX_PER_AREA_DEVIATION:
        return "leaks the price: it is the price divided by the size"
    return None


def price_factor_reason(profile: Profile, other: Profile, price: FloatArray) -> str | None:
    """Return that a column of numbers times another one is the price, or None.

    One of the two is the price per area. Which one it is, only names tell; its numbers are mostly the larger ones.
    """
    rows = slice(None, None, -(-len(price) // _MAX_FACTOR_ROWS))
    factors = profile.numbers[rows], other.numbers[rows]
    if np.isnan(factors).all(axis=1).any() or np.nanmedian(factors[0]) < np.nanmedian(factors[1]):
        return None
    if min(_multiple(each, np.ones(len(each)))[1] for each in factors) < _MAX_NEAR_DEVIATION:
        return None  # what is nearly the same everywhere is no size
    if _multiple(factors[0] * factors[1], price[rows])[1] >= _MAX_PER_AREA_DEVIATION:
        return None
    return f"leaks the price: {profile.name} × {other.name} is the price"


def _multiple(values: FloatArray, price: FloatArray) -> tuple[float, float]:
    """Return the typical value ÷ price, and the median deviation from it; the deviation is infinite if unknown."""
    with np.errstate(divide="ignore", invalid="ignore"):
        log_ratio = np.log(values / price)
    log_ratio = log_ratio[np.isfinite(log_ratio)]
    if len(log_ratio) < _MIN_SALES:
        return 1.0, np.inf
    median = float(np.median(log_ratio))
    return float(np.exp(median)), float(np.expm1(np.median(np.abs(log_ratio - median))))
