"""The parameter `include`: reasons that a request may ask for with each valuation.

`INCLUDES` lists them. The parameter is read with it, the members of the valuations are computed with it, and
`service.openapi.includes` describes both. Knows nothing of requests.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import ceil
from statistics import median
from typing import Any

from estimator.appraiser import Appraiser
from estimator.explanation.contributions import count_valued_homes
from estimator.market.arrays import DateArray
from estimator.market.facts import Facts, json_value
from estimator.market.market import Market
from estimator.similar_sales import own_sales
from estimator.what_if import MAX_POINTS, what_if
from service.http.problems import UNKNOWN_PARAMETER, ProblemError
from service.valuation.chunks import Check, compute_in_chunks

INCLUDE = "include"
"""Name of the parameter."""

VALUATIONS_PER_REASON = MAX_POINTS + 1
"""Homes valued for one reason as `max_reasons` counts them: those of a `what_if` of a number."""

_COMPARABLES_COST = 6
"""The comparables of a home take as long as this many valuations; `benchmarks/request_costs.py` measures it."""
_OWN_SALES_COST = 6
"""Looking through all sold homes takes no longer than their comparables."""
_MAX_SHOWN_ENTRY = 60
"""Characters of an invalid entry that an error shows."""


@dataclass(frozen=True, slots=True)
class Include:
    """One kind of reason.

    Parameters
    ----------
    compute
        Appraiser, subjects' facts, valuation dates, names of the requested facts, confidence level → the member of
        each valuation.
    description
        For the description of the parameter.
    valuations
        Market → how many homes can be valued in the time that one such reason takes.
    takes_fact
        Whether it is requested for a fact, as in `what_if:grade`.
    """

    compute: Callable[[Appraiser, Facts, DateArray, tuple[str, ...], float], Sequence[Any]]
    description: str
    valuations: Callable[[Market], int]
    takes_fact: bool = False


def read_include(text: str, market: Market) -> dict[str, tuple[str, ...]]:
    """Read the parameter: entries separated by commas.

    Returns
    -------
    dict
        Requested include → the facts it is requested for; none if it takes no fact.

    Raises
    ------
    ProblemError
        An entry is unknown, names a fact that the market does not have, has a fact where it takes none or the
        other way round, or is repeated (400).
    """
    requested: dict[str, tuple[str, ...]] = {}
    for entry in text.split(","):
        name, colon, fact = entry.partition(":")
        include = INCLUDES.get(name)
        if include is None or include.takes_fact != bool(colon):
            raise _invalid(entry, f"unknown value; expected one of {', '.join(include_forms())}")
        if not include.takes_fact:
            if name in requested:
                raise _invalid(entry, "is given twice")
            requested[name] = ()
            continue
        feature = market.by_name.get(fact)
        if feature is None:
            names = ", ".join(feature.name for feature in market.features)
            raise _invalid(entry, f"unknown fact of the market {market.name}; expected one of {names}")
        if feature.name in requested.get(name, ()):
            raise _invalid(entry, f"{feature.name} is given twice")
        requested[name] = (*requested.get(name, ()), feature.name)
    return requested


def include_forms() -> list[str]:
    """Return how each include is written in the parameter."""
    return [f"{name}:<fact>" if include.takes_fact else name for name, include in INCLUDES.items()]


def count_reasons(requested: Mapping[str, tuple[str, ...]], market: Market) -> int:
    """Return the number of reasons per home. An include for two facts counts two, and a costly one several."""
    return sum(
        max(len(facts), 1) * ceil(INCLUDES[name].valuations(market) / VALUATIONS_PER_REASON)
        for name, facts in requested.items()
    )


def compute_includes(
    appraiser: Appraiser,
    facts: Facts,
    dates: DateArray,
    requested: Mapping[str, tuple[str, ...]],
    confidence: float,
    check: Check = lambda: None,
) -> list[dict[str, Any]]:
    """Return the additional members of n valuations. Those of one subject do not depend on the other subjects.

    Parameters
    ----------
    check
        Called between subjects, as `compute_in_chunks` calls it.
    """
    if not requested:
        return [{} for _ in range(len(facts))]
    cost = sum(
        max(len(names), 1) * INCLUDES[name].valuations(appraiser.market) for name, names in requested.items()
    )

    def compute(rows: slice) -> list[dict[str, Any]]:
        some, days = facts.take(rows), dates[rows]
        columns = {
            name: INCLUDES[name].compute(appraiser, some, days, names, confidence)
            for name, names in requested.items()
        }
        return [{name: column[row] for name, column in columns.items()} for row in range(len(some))]

    return list(chain.from_iterable(compute_in_chunks(compute, len(facts), check, valuations_per_home=cost)))


def _comparables(
    appraiser: Appraiser, facts: Facts, dates: DateArray, _names: tuple[str, ...], _confidence: float
) -> Sequence[dict[str, Any] | None]:
    comparables = appraiser.comparables(facts, dates)
    return [None] * len(facts) if comparables is None else [sales.as_dict() for sales in comparables]


def _comparables_median(
    appraiser: Appraiser, facts: Facts, dates: DateArray, _names: tuple[str, ...], _confidence: float
) -> Sequence[float | None]:
    comparables = appraiser.comparables(facts, dates)
    if comparables is None:
        return [None] * len(facts)
    return [
        round(median(sale.adjusted_price for sale in sales.used), 2) if sales.used else None
        for sales in comparables
    ]


def _contributions(
    appraiser: Appraiser, facts: Facts, dates: DateArray, _names: tuple[str, ...], _confidence: float
) -> Sequence[dict[str, Any]]:
    return [contributions.as_dict() for contributions in appraiser.contributions(facts, dates)]


def _own_sales(
    appraiser: Appraiser, facts: Facts, dates: DateArray, _names: tuple[str, ...], _confidence: float
) -> Sequence[list[dict[str, Any]]]:
    return [[sale.as_dict() for sale in sales] for sales in own_sales(appraiser, facts, dates)]


def _looked_up_values(
    appraiser: Appraiser, facts: Facts, _dates: DateArray, _names: tuple[str, ...], _confidence: float
) -> Sequence[dict[str, Any]]:
    market, completed = appraiser.market, appraiser.areas.complete(facts)[0]
    return [
        {
            name: {
                "value": json_value(market.by_name[name], completed[name][row]),
                "postal_code": origin.postal_code,
                "by_place": origin.by_place,
            }
            for name, origin in origins.items()
        }
        for row, origins in enumerate(appraiser.areas.origins(facts))
    ]


def _what_if(
    appraiser: Appraiser, facts: Facts, dates: DateArray, names: tuple[str, ...], confidence: float
) -> Sequence[dict[str, Any]]:
    by_name = appraiser.market.by_name
    curves = {name: what_if(appraiser, facts, by_name[name], dates, confidence) for name in names}
    return [
        {name: [point.as_dict() for point in curve[row]] for name, curve in curves.items()}
        for row in range(len(facts))
    ]


def _invalid(entry: str, message: str) -> ProblemError:
    return ProblemError(UNKNOWN_PARAMETER, f"{INCLUDE}={entry[:_MAX_SHOWN_ENTRY]!a}: {message}")


INCLUDES: Mapping[str, Include] = {
    "comparables": Include(
        _comparables,
        "the sold homes behind the value, adjusted for their differences; null if the market has no locations.",
        lambda _: _COMPARABLES_COST,
    ),
    "comparables_median": Include(
        _comparables_median,
        "the median of what these sold homes suggest, their adjusted prices; null if there are none.",
        lambda _: _COMPARABLES_COST,
    ),
    "contributions": Include(
        _contributions, "what each fact adds to the price of the market's reference home.", count_valued_homes
    ),
    "own_sales": Include(
        _own_sales,
        "the earlier sales of the home itself, newest first: of the one sold home at its place whose facts do not"
        " differ; empty if there is none.",
        lambda _: _OWN_SALES_COST,
    ),
    "looked_up_values": Include(
        _looked_up_values, "the facts that were looked up, each with its value and its area.", lambda _: 1
    ),
    "what_if": Include(
        _what_if,
        f"price and range for other values of one fact, with everything else unchanged: up to {MAX_POINTS} values"
        " in the range of the sold homes, or the most frequent labels, and the home's own value.",
        lambda _: MAX_POINTS + 1,
        takes_fact=True,
    ),
}
"""Name of an include → what it is, in the order in which an answer is described."""
