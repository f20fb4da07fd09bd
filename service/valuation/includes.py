"""`include`: the reasons that a valuation may be asked to come with, what they are and how they look.

`INCLUDES` is the one table of them: the parameter is read by it, the valuations get their members by it and the
interface's document describes both by it. Knows nothing of requests.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from estimator.appraiser import Appraiser
from estimator.explanation.comparable_sales import HARDLY_ANY, MOST_LEFT_OUT, MOST_USED
from estimator.market.arrays import DateArray
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.what_if import POINTS, what_if
from service.openapi.json_schema import array_schema, nullable, object_schema, ref
from service.http.problems import UNKNOWN_PARAMETER, ProblemError

INCLUDE = "include"
"""The parameter's name."""

RequestedIncludes = Mapping[str, tuple[str, ...]]
"""What is asked for: reason → the facts it is asked for, none for a reason that is not of a fact."""
NO_INCLUDES: RequestedIncludes = {}

_MAX_SHOWN_NAME = 60
_TOLD = {"type": ["number", "boolean", "string"]}
"""A known fact."""
_DAY = {
    "type": ["string", "null"],
    "format": "date",
    "description": "Day of sale; null in a market without dates.",
}


@dataclass(frozen=True, slots=True)
class Include:
    """One reason.

    Parameters
    ----------
    give
        Appraiser, subjects' facts, their days, names of the facts asked for, the ranges' confidence → the member
        of each valuation.
    schema
        The member's JSON schema.
    text
        What the parameter's description says of it.
    of_facts
        Whether it is asked for fact by fact, as `what_if:grade`.
    """

    compute: Callable[[Appraiser, Facts, DateArray, tuple[str, ...], float], Sequence[Any]]
    schema: Mapping[str, Any]
    text: str
    takes_fact: bool = False


def read_include(text: str, market: Market) -> RequestedIncludes:
    """Read the parameter: words with commas between.

    Raises
    ------
    ProblemError
        A word is no reason, names a fact that the market does not have, lacks the fact, has one too many, or
        stands twice (400).
    """
    included: dict[str, tuple[str, ...]] = {}
    for word in text.split(","):
        name, colon, fact = word.partition(":")
        reason = INCLUDES.get(name)
        if reason is None or reason.takes_fact != bool(colon):
            raise _unknown(word, f"is nothing to include; known are {', '.join(_forms())}")
        if not reason.takes_fact:
            if name in included:
                raise _unknown(word, "stands twice")
            included[name] = ()
            continue
        feature = market.by_name.get(fact)
        if feature is None:
            names = ", ".join(feature.name for feature in market.features)
            raise _unknown(word, f"is of no fact of the market {market.name}; known are {names}")
        if feature.name in included.get(name, ()):
            raise _unknown(word, f"stands twice: {feature.name} has been asked for")
        included[name] = (*included.get(name, ()), feature.name)
    return included


def count_includes(included: RequestedIncludes) -> int:
    """Return how many reasons each home is to get; those of two facts are two."""
    return sum(max(len(facts), 1) for facts in included.values())


def compute_includes(
    appraiser: Appraiser, facts: Facts, dates: DateArray, included: RequestedIncludes, confidence: float
) -> list[dict[str, Any]]:
    """Return the members that n valuations have besides, none of them dependent on the other subjects."""
    columns = {
        name: INCLUDES[name].compute(appraiser, facts, dates, asked, confidence) for name, asked in included.items()
    }
    return [{name: column[row] for name, column in columns.items()} for row in range(len(facts))]


def describe_include() -> dict[str, Any]:
    """Describe the parameter."""
    texts = [f"`{form}`: {reason.text}" for form, reason in zip(_forms(), INCLUDES.values(), strict=True)]
    return {
        "name": INCLUDE,
        "in": "query",
        "required": False,
        "description": "Reasons that each valuation comes with, with commas between. " + " ".join(texts),
        "style": "form",
        "explode": False,
        "schema": array_schema({"type": "string"}, minItems=1, uniqueItems=True),
        "example": ["comparables"],
    }


def _comparables(
    appraiser: Appraiser, facts: Facts, dates: DateArray, _asked: tuple[str, ...], _confidence: float
) -> Sequence[dict[str, Any] | None]:
    told = appraiser.comparables(facts, dates)
    return [None] * len(facts) if told is None else [sales.as_dict() for sales in told]


def _contributions(
    appraiser: Appraiser, facts: Facts, dates: DateArray, _asked: tuple[str, ...], _confidence: float
) -> Sequence[dict[str, Any]]:
    return [why.as_dict() for why in appraiser.contributions(facts, dates)]


def _what_if(
    appraiser: Appraiser, facts: Facts, dates: DateArray, asked: tuple[str, ...], confidence: float
) -> Sequence[dict[str, Any]]:
    by_name = appraiser.market.by_name
    curves = {name: what_if(appraiser, facts, by_name[name], dates, confidence) for name in asked}
    return [
        {name: [point.as_dict() for point in curve[row]] for name, curve in curves.items()}
        for row in range(len(facts))
    ]


def _forms() -> list[str]:
    """Return how each reason is asked for."""
    return [f"{name}:<fact>" if reason.takes_fact else name for name, reason in INCLUDES.items()]


def _unknown(word: str, complaint: str) -> ProblemError:
    return ProblemError(UNKNOWN_PARAMETER, f"{INCLUDE}: {word[:_MAX_SHOWN_NAME]!a} {complaint}")


INCLUDES: Mapping[str, Include] = {
    "comparables": Include(
        _comparables,
        nullable(
            ref("ComparableSales"),
            description="The sold homes behind the value, where asked for; null in a market without places.",
        ),
        "the sold homes behind the value, each adjusted for what sets it apart; null in a market without places.",
    ),
    "contributions": Include(
        _contributions,
        ref("Contributions") | {"description": "Why this price, where asked for."},
        "what each fact adds to the price of the market's usual home.",
    ),
    "what_if": Include(
        _what_if,
        {
            "type": "object",
            "additionalProperties": array_schema(ref("WhatIfPoint")),
            "description": "Fact asked for → the home's valuations with other values of it, all else held.",
        },
        f"how price and range move along one fact, all else held: {POINTS} values over what sold homes have, or"
        " the commonest labels, and the home's own.",
        takes_fact=True,
    ),
}
"""What may be asked for, in the order of an answer's description."""
