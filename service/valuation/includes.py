"""The parameter `include`: reasons that a request may ask for with each valuation.

`INCLUDES` lists them. The parameter is read with it, the members of the valuations are computed with it, and
`service.openapi.includes` describes both. Knows nothing of requests.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from estimator.appraiser import Appraiser
from estimator.market.arrays import DateArray
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.what_if import MAX_POINTS, what_if
from service.http.problems import UNKNOWN_PARAMETER, ProblemError

INCLUDE = "include"
"""Name of the parameter."""

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
    takes_fact
        Whether it is requested for a fact, as in `what_if:grade`.
    """

    compute: Callable[[Appraiser, Facts, DateArray, tuple[str, ...], float], Sequence[Any]]
    description: str
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


def count_includes(requested: Mapping[str, tuple[str, ...]]) -> int:
    """Return the number of reasons per home; an include for two facts counts two."""
    return sum(max(len(facts), 1) for facts in requested.values())


def compute_includes(
    appraiser: Appraiser,
    facts: Facts,
    dates: DateArray,
    requested: Mapping[str, tuple[str, ...]],
    confidence: float,
) -> list[dict[str, Any]]:
    """Return the additional members of n valuations. Those of one subject do not depend on the other subjects."""
    columns = {
        name: INCLUDES[name].compute(appraiser, facts, dates, names, confidence)
        for name, names in requested.items()
    }
    return [{name: column[row] for name, column in columns.items()} for row in range(len(facts))]


def _comparables(
    appraiser: Appraiser, facts: Facts, dates: DateArray, _names: tuple[str, ...], _confidence: float
) -> Sequence[dict[str, Any] | None]:
    comparables = appraiser.comparables(facts, dates)
    return [None] * len(facts) if comparables is None else [sales.as_dict() for sales in comparables]


def _contributions(
    appraiser: Appraiser, facts: Facts, dates: DateArray, _names: tuple[str, ...], _confidence: float
) -> Sequence[dict[str, Any]]:
    return [contributions.as_dict() for contributions in appraiser.contributions(facts, dates)]


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
    ),
    "contributions": Include(_contributions, "what each fact adds to the price of the market's reference home."),
    "what_if": Include(
        _what_if,
        f"price and range for other values of one fact, with everything else unchanged: up to {MAX_POINTS} values"
        " in the range of the sold homes, or the most frequent labels, and the home's own value.",
        takes_fact=True,
    ),
}
"""Name of an include → what it is, in the order in which an answer is described."""
