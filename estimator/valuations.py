"""The valuations of n subjects: prices, ranges, and what they are based on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from graphlib import TopologicalSorter
from itertools import pairwise
from typing import Any

import numpy as np

from estimator.market.arrays import BoolArray, DateArray, FloatArray
from estimator.subjects import Subjects
from estimator.uncertainty.applicability import Refusal
from estimator.uncertainty.price_distribution import PriceDistribution


@dataclass(frozen=True)
class Valuations:
    """The values of n subjects.

    Parameters
    ----------
    price, low, high
        Shape (n,), in the currency, rounded to cents; NaN where the subject was refused. Low, high, FSD and
        probabilities are NaN where there are too few sales for ranges.
    fsd
        Forecast standard deviation, shape (n,): the standard deviation to expect of (estimate − price)/price.
    probability_within_10
        Probability that |estimate/price − 1| ≤ .1, shape (n,): the MISMO common confidence score.
    probability_above
        Probability that the price is above a given one, shape (n,); None if none was given.
    date
        Valuation dates, datetime64[D], shape (n,); None in a market without dates.
    looked_up, unknown
        Feature name → where its value was looked up, or is unknown, shape (n,).
    warnings
        Warning → the subjects it applies to, shape (n,).
    refusals
        Row → why that subject has no price.
    currency
        ISO 4217 code.
    confidence
        Share of prices to expect between low and high.
    """

    price: FloatArray
    low: FloatArray
    high: FloatArray
    fsd: FloatArray
    probability_within_10: FloatArray
    probability_above: FloatArray | None
    date: DateArray | None
    looked_up: Mapping[str, BoolArray]
    unknown: Mapping[str, BoolArray]
    warnings: Mapping[str, BoolArray]
    refusals: Mapping[int, Sequence[Refusal]]
    currency: str
    confidence: float

    def __len__(self) -> int:
        return len(self.price)

    @property
    def priced(self) -> BoolArray:
        """Which subjects have a price, shape (n,)."""
        priced: BoolArray = ~np.isnan(self.price)
        return priced

    def take(self, rows: BoolArray) -> "Valuations":
        """Return the valuations of some subjects, none of which was refused."""

        def take_flags(flags: Mapping[str, BoolArray]) -> dict[str, BoolArray]:
            return {name: where[rows] for name, where in flags.items()}

        return replace(
            self,
            price=self.price[rows],
            low=self.low[rows],
            high=self.high[rows],
            fsd=self.fsd[rows],
            probability_within_10=self.probability_within_10[rows],
            probability_above=None if self.probability_above is None else self.probability_above[rows],
            date=None if self.date is None else self.date[rows],
            looked_up=take_flags(self.looked_up),
            unknown=take_flags(self.unknown),
            warnings=take_flags(self.warnings),
            refusals={},
        )

    @staticmethod
    def joined(parts: Sequence["Valuations"]) -> "Valuations":
        """Return the valuations of all subjects of several parts, at least one, with one confidence level."""
        if len(parts) == 1:
            return parts[0]
        starts = np.cumsum([0, *(len(part) for part in parts)]).tolist()
        dates = [part.date for part in parts if part.date is not None]
        above = [part.probability_above for part in parts if part.probability_above is not None]
        return replace(
            parts[0],
            price=np.concatenate([part.price for part in parts]),
            low=np.concatenate([part.low for part in parts]),
            high=np.concatenate([part.high for part in parts]),
            fsd=np.concatenate([part.fsd for part in parts]),
            probability_within_10=np.concatenate([part.probability_within_10 for part in parts]),
            probability_above=np.concatenate(above) if above else None,
            date=np.concatenate(dates) if dates else None,
            looked_up=_joined_flags([part.looked_up for part in parts], starts),
            unknown=_joined_flags([part.unknown for part in parts], starts),
            warnings=_joined_flags([part.warnings for part in parts], starts),
            refusals={
                start + row: refusals
                for start, part in zip(starts, parts, strict=False)
                for row, refusals in part.refusals.items()
            },
        )

    def as_dict(self, row: int) -> dict[str, Any]:
        """Return the valuation of one subject, which was not refused, in the form of a JSON answer."""
        above = self.probability_above
        return {
            "price": float(self.price[row]),
            "price_low": known_number(self.low[row]),
            "price_high": known_number(self.high[row]),
            "confidence": self.confidence,
            "fsd": known_number(self.fsd[row].round(4)),
            "probability_within_10": known_number(self.probability_within_10[row].round(4)),
            **({} if above is None else {"probability_above": known_number(above[row].round(4))}),
            "currency": self.currency,
            "valuation_date": None if self.date is None else str(self.date[row]),
            "looked_up": [name for name, where in self.looked_up.items() if where[row]],
            "unknown": [name for name, where in self.unknown.items() if where[row]],
            "warnings": [text for text, where in self.warnings.items() if where[row]],
        }


def valuations_by_confidence(
    subjects: Subjects,
    prices: PriceDistribution,
    fact_names: Sequence[str],
    currency: str,
    confidences: Sequence[float],
    price_above: float | None,
) -> list[Valuations]:
    """Return the valuations of n subjects at each confidence level.

    Parameters
    ----------
    prices
        What the subjects may sell for.
    fact_names
        Of the columns of `subjects.unknown`.
    price_above
        Positive price, for `Valuations.probability_above`.
    """
    fsd, within = prices.fsd, prices.probability_within(0.1)
    above = None if price_above is None else prices.probability_above(price_above)
    unknown = subjects.unknown_by_name(fact_names)

    def with_range(confidence: float) -> Valuations:
        price, low, high = round_to_cents(prices.price_low_high(confidence))
        caveat = prices.ranges.caveat(confidence)
        for_all = {} if caveat is None else {caveat: np.ones(len(subjects), np.bool_)}
        return Valuations(
            price=price,
            low=low,
            high=high,
            fsd=fsd,
            probability_within_10=within,
            probability_above=above,
            date=subjects.date,
            looked_up=subjects.looked_up,
            unknown=unknown,
            warnings={**subjects.warnings, **for_all},
            refusals=subjects.refusals,
            currency=currency,
            confidence=confidence,
        )

    return [with_range(confidence) for confidence in confidences]


def round_to_cents(amount: FloatArray) -> FloatArray:
    """Return amounts as answers have them."""
    rounded: FloatArray = amount.round(2)
    return rounded


def known_number(value: float) -> float | None:
    """Return a number for JSON; None for NaN."""
    return None if np.isnan(value) else float(value)


def _joined_flags(parts: Sequence[Mapping[str, BoolArray]], starts: Sequence[int]) -> dict[str, BoolArray]:
    """Return name → flags of all rows. Parts may lack names; the order of their names is kept, for messages."""
    order: TopologicalSorter[str] = TopologicalSorter()
    for part in parts:
        for name in part:
            order.add(name)
        for earlier, later in pairwise(part):
            order.add(later, earlier)
    joined = {name: np.zeros(starts[-1], np.bool_) for name in order.static_order()}
    for start, part in zip(starts, parts, strict=False):
        for name, flags in part.items():
            joined[name][start : start + len(flags)] = flags
    return joined
