"""`include`: the reasons that a valuation may be asked to come with, what they are and how they look.

`REASONS` is the one table of them: the parameter is read by it, the valuations get their members by it and the
interface's document describes both by it. Knows nothing of requests.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from estimator.appraiser import Appraiser
from estimator.explanation.comparable_sales import HARDLY_ANY, MOST_LEFT_OUT, MOST_USED
from estimator.market.facts import DateArray, Facts
from estimator.market.market import Market
from estimator.what_if import POINTS, what_if
from service.http.json_schema import an_array, an_object, or_null, ref
from service.http.problems import UNKNOWN_PARAMETER, ProblemError

INCLUDE = "include"
"""The parameter's name."""

Included = Mapping[str, tuple[str, ...]]
"""What is asked for: reason → the facts it is asked for, none for a reason that is not of a fact."""
NOTHING: Included = {}

_SHOWN_CHARACTERS = 60
_TOLD = {"type": ["number", "boolean", "string"]}
"""A known fact."""
_DAY = {
    "type": ["string", "null"],
    "format": "date",
    "description": "Day of sale; null in a market without dates.",
}


@dataclass(frozen=True, slots=True)
class Reason:
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

    give: Callable[[Appraiser, Facts, DateArray, tuple[str, ...], float], Sequence[Any]]
    schema: Mapping[str, Any]
    text: str
    of_facts: bool = False


def read_include(text: str, market: Market) -> Included:
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
        reason = REASONS.get(name)
        if reason is None or reason.of_facts != bool(colon):
            raise _unknown(word, f"is nothing to include; known are {', '.join(_forms())}")
        if not reason.of_facts:
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


def how_many(included: Included) -> int:
    """Return how many reasons each home is to get; those of two facts are two."""
    return sum(max(len(facts), 1) for facts in included.values())


def give_reasons(
    appraiser: Appraiser, facts: Facts, dates: DateArray, included: Included, confidence: float
) -> list[dict[str, Any]]:
    """Return the members that n valuations have besides, none of them dependent on the other subjects."""
    columns = {
        name: REASONS[name].give(appraiser, facts, dates, asked, confidence) for name, asked in included.items()
    }
    return [{name: column[row] for name, column in columns.items()} for row in range(len(facts))]


def describe_include() -> dict[str, Any]:
    """Describe the parameter."""
    texts = [f"`{form}`: {reason.text}" for form, reason in zip(_forms(), REASONS.values(), strict=True)]
    return {
        "name": INCLUDE,
        "in": "query",
        "required": False,
        "description": "Reasons that each valuation comes with, with commas between. " + " ".join(texts),
        "style": "form",
        "explode": False,
        "schema": an_array({"type": "string"}, minItems=1, uniqueItems=True),
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
    return [f"{name}:<fact>" if reason.of_facts else name for name, reason in REASONS.items()]


def _unknown(word: str, complaint: str) -> ProblemError:
    return ProblemError(UNKNOWN_PARAMETER, f"{INCLUDE}: {word[:_SHOWN_CHARACTERS]!a} {complaint}")


REASONS: Mapping[str, Reason] = {
    "comparables": Reason(
        _comparables,
        or_null(
            ref("ComparableSales"),
            description="The sold homes behind the value, where asked for; null in a market without places.",
        ),
        "the sold homes behind the value, each adjusted for what sets it apart; null in a market without places.",
    ),
    "contributions": Reason(
        _contributions,
        ref("Contributions") | {"description": "Why this price, where asked for."},
        "what each fact adds to the price of the market's usual home.",
    ),
    "what_if": Reason(
        _what_if,
        {
            "type": "object",
            "additionalProperties": an_array(ref("WhatIfPoint")),
            "description": "Fact asked for → the home's valuations with other values of it, all else held.",
        },
        f"how price and range move along one fact, all else held: {POINTS} values over what sold homes have, or"
        " the commonest labels, and the home's own.",
        of_facts=True,
    ),
}
"""What may be asked for, in the order of an answer's description."""

SCHEMAS: Mapping[str, dict[str, Any]] = {
    "ComparableSales": an_object(
        {
            "used": an_array(
                ref("UsedSale"),
                description=f"The sold homes that carry most weight, the heaviest first, at most {MOST_USED}; none"
                " where the place is unknown or nothing was sold before the day.",
            ),
            "left_out": an_array(
                ref("LeftOutSale"),
                description=f"The nearest sold homes whose weight is less than {HARDLY_ANY:.0%} of the"
                f" greatest, at most {MOST_LEFT_OUT}. What was sold on the day of valuation or later is not known,"
                " and not told.",
            ),
        }
    ),
    "UsedSale": an_object(
        {
            "facts": {
                "type": "object",
                "additionalProperties": _TOLD,
                "description": "What is known of it, the place too.",
            },
            "date": _DAY,
            "price": {"type": "number", "description": "What it sold for."},
            "distance_km": {"type": "number", "description": "From the home that is valued."},
            "weight": {"type": "number", "description": "Its share among all comparables; theirs sum to 1."},
            "adjustments": {
                "type": "object",
                "additionalProperties": {"type": "number"},
                "description": "Fact → the amount for the difference in it; valuation_date: for the time since the"
                " sale. Those that are 0 are left out.",
            },
            "adjusted_price": {
                "type": "number",
                "description": "Price and adjustments, summed to the cent: what the sale suggests for the home.",
            },
        }
    ),
    "LeftOutSale": an_object(
        {
            "distance_km": {"type": "number", "description": "From the home that is valued."},
            "date": _DAY,
            "price": {"type": "number", "description": "What it sold for."},
            "reason": {"type": "string", "description": "The difference that counts most against it."},
        }
    ),
    "Contributions": an_object(
        {
            "reference_price": {"type": "number", "description": "Of the market's usual home, on the newest day."},
            "parts": {
                "type": "object",
                "additionalProperties": {"type": "number"},
                "description": "Fact → what it adds, the greatest first; place: coordinates and postal code;"
                " valuation_date: the day. They and the reference price sum to the price, to the cent."
                " Comparables' effect is that of the facts that chose them. Those that add nothing are left out.",
            },
        }
    ),
    "WhatIfPoint": an_object(
        {
            "value": _TOLD | {"description": "Of the fact; its points are in order of it."},
            "price": {"type": "number", "description": "What the home would be worth."},
            "price_low": {"type": "number", "description": "Lower end of the range."},
            "price_high": {"type": "number", "description": "Upper end of the range."},
        }
    ),
}
"""The members' schemas, by the names they have in the interface's document."""
