"""Facts that no home has: a size of 0, a number below 0, a year long ago or far ahead, a renovation too early."""

import datetime as dt
import re
from collections.abc import Sequence

import numpy as np

from estimator.market.arrays import BoolArray, FloatArray
from estimator.market.feature import Feature
from estimator.market.sales import Sales
from estimator.market.validation.parsed_sales import Finding, ParsedSales
from estimator.market.validation.reasons import IMPOSSIBLE

FIRST_YEAR = 1000
"""The oldest homes that are still sold are from the Middle Ages."""
YEARS_AHEAD = 10
"""Homes are sold before they are built, but seldom longer before."""
MAX_RARE_SHARE = 0.02
"""If a larger share of the values of a fact are 0 in a year, or below 0, they mean something and are not wrong."""

_YEAR_WORDS = {"year", "yr", "years", "yrs"}
_BUILT, _RENOVATED = r"built|constr|erected", r"renov|remod|refurb|modern"


def impossible_facts(parsed: ParsedSales, usable: BoolArray, _known: Sales | None) -> list[Finding]:
    """Return the sales with a fact that no home has; the parameters are those of all rules."""
    facts, market = parsed.sales.facts, parsed.market
    findings: list[Finding] = []

    def find(feature: Feature, wrong: BoolArray, detail: str) -> None:
        column = facts[feature.name]
        findings.extend(
            Finding(int(row), feature.name, IMPOSSIBLE, detail.format(value=f"{column[row]:.15g}"))
            for row in np.flatnonzero(wrong & usable)
        )

    for feature in market.numbers:
        if not feature.fact_kind.allows_price_effect or feature.fact_kind.choices is not None:
            continue
        values = facts[feature.name]
        if feature is market.size:
            find(feature, values == 0, "no home has a size of {value}")
        find(feature, _rare(values, values < 0, usable), "{value} is below 0, as hardly any other value is")
        if is_year(feature):
            last = dt.datetime.now(dt.UTC).year + YEARS_AHEAD
            find(feature, (values > 0) & (values < FIRST_YEAR), f"the year {{value}} is before {FIRST_YEAR}")
            find(feature, values > last, f"the year {{value}} is after {last}")
            find(feature, _rare(values, values == 0, usable), "there was no year {value}")
    return findings + _renovated_too_early(parsed, usable)


def is_year(feature: Feature) -> bool:
    """Return whether a number is a year, as its name or its column says."""
    words = {word for name in (feature.name, feature.column) for word in re.findall("[a-z]+", _split_case(name))}
    return bool(words & _YEAR_WORDS) and feature.unit.casefold() not in {"years", "yrs"}


def _split_case(name: str) -> str:
    """Return a name in lower case, with blanks where its words begin: `YearBuilt` is `year built`."""
    return re.sub(r"([a-z])([A-Z])", r"\1 \2", name).replace("_", " ").lower()


def _rare(values: FloatArray, wrong: BoolArray, usable: BoolArray) -> BoolArray:
    """Return where values are wrong, if hardly any value of the fact is; nowhere otherwise."""
    known = usable & ~np.isnan(values)
    return wrong if known.any() and wrong[known].mean() <= MAX_RARE_SHARE else np.zeros(len(values), np.bool_)


def _renovated_too_early(parsed: ParsedSales, usable: BoolArray) -> list[Finding]:
    years = [feature for feature in parsed.market.numbers if is_year(feature)]
    built, renovated = (_named(years, pattern) for pattern in (_BUILT, _RENOVATED))
    if built is None or renovated is None:
        return []
    facts = parsed.sales.facts
    first, later = facts[built.name], facts[renovated.name]
    return [
        Finding(
            int(row),
            renovated.name,
            IMPOSSIBLE,
            f"it was renovated in {later[row]:.15g}, before it was built in {first[row]:.15g}",
        )
        for row in np.flatnonzero(usable & (later > 0) & (first > 0) & (later < first))
    ]


def _named(features: Sequence[Feature], pattern: str) -> Feature | None:
    """Return the first feature whose name or column matches a pattern."""
    return next(
        (feature for feature in features if re.search(pattern, f"{feature.name} {feature.column}".lower())), None
    )
