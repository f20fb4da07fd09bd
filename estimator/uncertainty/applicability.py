"""Whether a home is similar enough to the sold ones to be valued, and if not, because of which fact.

A price for a home unlike any sold one would be a guess that looks like a valuation. Three things are compared with
the sold homes: each number by itself, each number given the home's size (`number_domain`), and the location
(`place_domain`). A home just outside gets a price with a warning and a wider range; one farther outside gets none.
A home equal to a sold one is never refused. Knows no prices.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from estimator.market.arrays import BoolArray
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.uncertainty.domain_check import Check
from estimator.uncertainty.number_domain import NumberDomain
from estimator.uncertainty.place_domain import PlaceDomain


class Refusal(NamedTuple):
    """Why a home gets no price: the fact, and a sentence with its value and the range of the sold homes."""

    field: str
    message: str


@dataclass(frozen=True)
class ApplicabilityDomain:
    """The homes that can be valued; made by `fit` or `from_state`, then never changed.

    Parameters
    ----------
    market
        The market.
    numbers
        Ranges of the numbers of the sold homes.
    places
        Where they are; None in a market without locations, or with too few.
    """

    market: Market
    numbers: NumberDomain
    places: PlaceDomain | None

    @classmethod
    def fit(cls, market: Market, facts: Facts) -> Self:
        """Measure n sold homes."""
        return cls(market, NumberDomain.fit(market, facts), PlaceDomain.fit(market, facts))

    def check(self, facts: Facts) -> tuple[dict[int, list[Refusal]], dict[str, BoolArray]]:
        """Compare n homes with the sold ones.

        Returns
        -------
        refusals
            Row → why that home gets no price; only rows that get none.
        near_boundary
            Warning → which homes, shape (n,), lie just outside the range of the sold homes. They have the order of
            the market's features, the location's last, whichever homes are checked together.
        """
        refusals: dict[int, list[Refusal]] = {}
        near: dict[str, BoolArray] = {}
        for check in self.numbers.checks(facts):
            _add_refusals(refusals, check)
            just_outside = check.outside & ~check.far_outside
            near[check.feature] = near[check.feature] | just_outside if check.feature in near else just_outside
        near_boundary = {
            f"Few sold homes have {_with_article(feature.name)} like this, so the range is wider": near[
                feature.name
            ]
            for feature in self.market.features
            if feature.name in near and near[feature.name].any()
        }
        if self.places is not None:
            of_places, warnings = self.places.check(self.market, facts)
            if of_places is not None:
                _add_refusals(refusals, of_places)
            near_boundary |= warnings
        return refusals, near_boundary

    def state(self) -> dict[str, Any]:
        """Return the fitted values as plain values and arrays, for `from_state`."""
        places = None if self.places is None else self.places.state()
        return {"numbers": self.numbers.state(), "places": places}

    @classmethod
    def from_state(cls, market: Market, state: Mapping[str, Any]) -> Self:
        """Restore it from its state."""
        places = None if state["places"] is None else PlaceDomain.from_state(state["places"])
        return cls(market, NumberDomain.from_state(market, state["numbers"]), places)


def _add_refusals(refusals: dict[int, list[Refusal]], check: Check) -> None:
    for row in check.far_outside.nonzero()[0]:
        refusals.setdefault(int(row), []).append(Refusal(check.feature, check.message(int(row))))


def _with_article(name: str) -> str:
    """Return a feature's name with its indefinite article, or alone where it is a plural."""
    if name.endswith("s") and not name.endswith("ss"):
        return name
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"
