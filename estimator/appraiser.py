"""The waist of the house: subjects in, valuations out. Everything above asks it, everything below serves it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from threadpoolctl import threadpool_limits

from estimator.errors import SavedVersionError
from estimator.explanation.comparable_sales import ComparableSales, comparable_sales
from estimator.explanation.contributions import Contributions, explain, reference_home
from estimator.market.areas import AreaLookup, Areas
from estimator.market.arrays import BoolArray, DateArray, FloatArray
from estimator.market.fact_ranges import FactRanges
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.market.sales import Parts, Sales
from estimator.model.ensemble import Callback
from estimator.model.price_model import PriceModel
from estimator.model.recipe import DEFAULTS, Recipe
from estimator.uncertainty.applicability import ApplicabilityDomain, Refusal
from estimator.uncertainty.conformal import Checked, ConformalRange, check_confidence
from estimator.uncertainty.error_scale import DEVIATION, DOWN, UP, ErrorScale

CONFIDENCE = 0.9
"""Share of prices that a range promises to hold: what the industry publishes, wide enough to be honest."""

AT_THE_EDGE = 1.5
"""By how much ranges are wider where a home is a little beyond what was learned: there are too few
sales to measure it on, so it is a choice, on the side of caution."""

STATE_FORMAT = 6
"""Rises when `state` changes shape, so that an older program refuses a newer file instead of misreading it."""


@dataclass(frozen=True)
class Valuations:
    """What n subjects are worth.

    Parameters
    ----------
    price, low, high
        Shape (n,), in the currency, to the cent.
    fsd
        Forecast standard deviation, shape (n,): the standard deviation to be expected of
        (estimate − price)/price.
    date
        The day each subject is valued at, datetime64[D], shape (n,); None in a market without dates.
    looked_up, unknown
        Feature name → where its value was looked up, or is not known, shape (n,).
    warnings
        Warning → the subjects it is about, shape (n,).
    refusals
        Row → why that subject has no price: its price, low and high are NaN.
    currency
        ISO 4217 code.
    confidence
        Share of prices that lie between low and high.
    """

    price: FloatArray
    low: FloatArray
    high: FloatArray
    fsd: FloatArray
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
        """Which subjects were not refused, shape (n,)."""
        priced: BoolArray = ~np.isnan(self.price)
        return priced

    def take(self, rows: BoolArray) -> "Valuations":
        """Return the valuations of some subjects, none of which was refused."""

        def marked(each: Mapping[str, BoolArray]) -> dict[str, BoolArray]:
            return {name: where[rows] for name, where in each.items()}

        return replace(
            self,
            price=self.price[rows],
            low=self.low[rows],
            high=self.high[rows],
            fsd=self.fsd[rows],
            date=None if self.date is None else self.date[rows],
            looked_up=marked(self.looked_up),
            unknown=marked(self.unknown),
            warnings=marked(self.warnings),
            refusals={},
        )

    def as_dict(self, row: int) -> dict[str, Any]:
        """Return the valuation of one subject, which was not refused, as an answer gives it."""
        return {
            "price": float(self.price[row]),
            "price_low": float(self.low[row]),
            "price_high": float(self.high[row]),
            "confidence": self.confidence,
            "fsd": round(float(self.fsd[row]), 4),
            "currency": self.currency,
            "valuation_date": None if self.date is None else str(self.date[row]),
            "looked_up": [name for name, where in self.looked_up.items() if where[row]],
            "unknown": [name for name, where in self.unknown.items() if where[row]],
            "warnings": [text for text, where in self.warnings.items() if where[row]],
        }


class Appraiser:
    """Values homes of one market; made by `fit` or `from_state`, then never changed.

    Parameters
    ----------
    market
        The market it knows.
    areas
        Completes subjects with their area's figures.
    model
        Facts → log price.
    misses
        Which homes' values may be far off, and how far.
    sale_dates
        The oldest and the newest day of sale in the file, datetime64[D]; None in a market without dates.
    fact_ranges
        What values the facts of the training and validation sales take.
    reach
        Which homes are like none of those.
    usual
        The usual one of those, complete: what reasons start from.
    """

    def __init__(
        self,
        market: Market,
        areas: AreaLookup,
        model: PriceModel,
        misses: tuple[ErrorScale, ConformalRange],
        sale_dates: tuple[np.datetime64, np.datetime64] | None,
        fact_ranges: FactRanges,
        reach: ApplicabilityDomain,
        usual: Facts,
    ) -> None:
        self.market = market
        self.areas = areas
        self.model = model
        self.certainty, self.ranges = misses
        self.sale_dates = sale_dates
        self.fact_ranges = fact_ranges
        self.reach = reach
        self.usual = usual

    @classmethod
    def fit(
        cls,
        market: Market,
        areas: Areas,
        parts: Parts,
        rng: np.random.Generator,
        callbacks: Sequence[Callback] = (),
        recipe: Recipe = DEFAULTS,
    ) -> Self:
        """Train on the training part and calibrate on the validation part; both are then evidence.

        Parameters
        ----------
        areas
            Figures by postal code.
        parts
            Of the test part only the dates are looked at: the newest sale is the day that values hold for.
        rng
            Source of all randomness: the same one gives the same appraiser, bit for bit.
        callbacks
            Called after each epoch of the network.
        recipe
            How the networks are built and trained.
        """
        lookup = AreaLookup(market, areas, parts.train.facts)
        train, validation = (completed(lookup, part) for part in (parts.train, parts.validation))
        model = PriceModel.fit(market, train, validation, rng, callbacks, recipe)
        certainty = _certainty(market, model, parts.train)
        ranges = _calibrate(market, lookup, model, certainty, parts.validation, rng)
        learned_from = train.joined(validation)
        model = model.with_sales(learned_from)
        dates = None
        if train.date is not None:
            every = np.concatenate([part.date for part in (parts.train, parts.validation, parts.test)])
            dates = (every.min(), every.max())
        sold = learned_from.facts
        fact_ranges = FactRanges.fit(market, sold)
        usual = reference_home(market, sold, fact_ranges)
        reach = ApplicabilityDomain.fit(market, sold)
        return cls(market, lookup, model, (certainty, ranges), dates, fact_ranges, reach, usual)

    def with_sales(self, sales: Sales) -> Self:
        """Return the appraiser with these sales as evidence, for whoever values a home after them.

        What was learned and calibrated stays. A sale among these sees its own price: a published appraiser knows
        all sales, and is judged as it was before by one that knows the training and the validation sales.
        """
        completed = replace(sales, facts=self.areas.complete(sales.facts)[0])
        model = self.model.with_sales(completed)
        about = self.sale_dates, self.fact_ranges, self.reach, self.usual
        return type(self)(self.market, self.areas, model, (self.certainty, self.ranges), *about)

    @property
    def sold(self) -> Sales | None:
        """The sold homes of known place that values rest on, the oldest first; None in a market without places."""
        comparables = self.model.comparables
        return None if comparables is None else comparables.sold

    def value(self, facts: Facts, date: DateArray | None = None, confidence: float = CONFIDENCE) -> Valuations:
        """Value n subjects.

        A subject's valuation does not depend on which others are valued with it.

        Parameters
        ----------
        facts
            The subjects, checked.
        date
            The day each is valued at, datetime64[D], shape (n,); NaT or None: the newest sale's. A day outside
            the sales' is valued as of the nearest day inside, with a warning.
        confidence
            Share of prices that the ranges are to hold; see `intervals.check_confidence`.

        Raises
        ------
        ValueError
            The confidence is not within what may be asked for.
        """
        return self.value_by_confidence(facts, date, (confidence,))[0]

    def value_by_confidence(
        self, facts: Facts, date: DateArray | None, confidences: Sequence[float]
    ) -> list[Valuations]:
        """Value n subjects once, with ranges of each confidence; else as `value`."""
        for confidence in confidences:
            check_confidence(confidence)
        completed, looked_up = self.areas.complete(facts)
        refusals, edges = self.reach.judge(completed)
        date, warnings = self._within_sales(date, len(facts))
        warnings |= self.model.unseen_labels(completed) | edges
        unknown = self.model.unknown(completed)
        gaps = _gaps(self.model, unknown, looked_up)
        estimates = self.model.estimate(completed, date)
        scales = self.certainty.scales(facts, estimates.error_features)
        log_price, miss = estimates.log_price, self.ranges.expected_miss(gaps, scales)
        if edges:
            miss[np.logical_or.reduce(list(edges.values()))] *= AT_THE_EDGE
        log_price[list(refusals)] = np.nan

        def within(confidence: float) -> Valuations:
            down, up = self.ranges.reach(confidence)
            return Valuations(
                price=_cents(np.exp(log_price)),
                low=_cents(np.exp(log_price + down * miss[:, DOWN])),
                high=_cents(np.exp(log_price + up * miss[:, UP])),
                fsd=self.ranges.deviation * miss[:, DEVIATION],
                date=date,
                looked_up=looked_up,
                unknown={
                    self.model.facts[place]: unknown[:, place] for place in np.flatnonzero(unknown.any(axis=0))
                },
                warnings=warnings,
                refusals=refusals,
                currency=self.market.currency,
                confidence=confidence,
            )

        return [within(confidence) for confidence in confidences]

    def comparables(self, facts: Facts, date: DateArray | None = None) -> Sequence[ComparableSales] | None:
        """Return the sold homes behind the values of n subjects, as `value` uses them; its arguments.

        Returns
        -------
        sequence or None
            One entry a subject, which does not depend on the others; None in a market without places.
        """
        comparables = self.model.comparables
        if comparables is None:
            return None
        completed, _ = self.areas.complete(facts)
        return comparable_sales(comparables, completed, self._within_sales(date, len(facts))[0])

    def contributions(self, facts: Facts, date: DateArray | None = None) -> list[Contributions]:
        """Return why each of n subjects is worth what `value` says; dates as there. Some milliseconds each."""
        completed, _ = self.areas.complete(facts)
        days, _ = self._within_sales(date, len(facts))

        def price(homes: Facts, on: DateArray | None) -> FloatArray:
            return _cents(np.exp(self.model.predict(homes, on)))

        return [
            explain(
                self.market,
                price,
                self.usual,
                completed.take(slice(row, row + 1)),
                None if days is None or self.sale_dates is None else (self.sale_dates[1], days[row]),
            )
            for row in range(len(facts))
        ]

    def state(self) -> dict[str, Any]:
        """Return everything learned as plain values and arrays; `from_state` takes it back."""
        dates = None if self.sale_dates is None else [str(date) for date in self.sale_dates]
        return {
            "format": STATE_FORMAT,
            "market": self.market.to_dict(),
            "areas": self.areas.state(),
            "model": self.model.state(),
            "certainty": self.certainty.state(),
            "ranges": self.ranges.state(),
            "sale_dates": dates,
            "fact_ranges": self.fact_ranges.state(),
            "reach": self.reach.state(),
            "usual": dict(self.usual.columns),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Build the appraiser again from its state.

        Raises
        ------
        SavedVersionError
            The state is of a format that this program does not know.
        """
        if state.get("format") != STATE_FORMAT:
            raise SavedVersionError(
                f"the saved model has format {state.get('format')!r}; this program reads format {STATE_FORMAT}"
            )
        market = Market.from_dict(state["market"])
        dates = state["sale_dates"]
        return cls(
            market,
            AreaLookup.from_state(market, state["areas"]),
            PriceModel.from_state(market, state["model"]),
            (ErrorScale.from_state(state["certainty"]), ConformalRange.from_state(state["ranges"])),
            None if dates is None else (np.datetime64(dates[0], "D"), np.datetime64(dates[1], "D")),
            FactRanges.from_state(state["fact_ranges"]),
            ApplicabilityDomain.from_state(market, state["reach"]),
            Facts(state["usual"]),
        )

    def _within_sales(self, date: DateArray | None, n: int) -> tuple[DateArray | None, dict[str, BoolArray]]:
        """Return the day each subject is valued at, and warnings where that is not the day asked for."""
        if self.sale_dates is None:
            return None, {}
        oldest, newest = self.sale_dates
        asked = np.full(n, newest) if date is None else np.where(np.isnat(date), newest, date)
        warnings = {
            f"valuation_date is before the oldest sale: valued as of {oldest}": asked < oldest,
            f"valuation_date is after the newest sale: valued as of {newest}": asked > newest,
        }
        return asked.clip(oldest, newest), {text: where for text, where in warnings.items() if where.any()}


def completed(lookup: AreaLookup, sales: Sales) -> Sales:
    """Return the sales with their area's figures filled in."""
    return replace(sales, facts=lookup.complete(sales.facts)[0])


def _cents(amount: FloatArray) -> FloatArray:
    rounded: FloatArray = amount.round(2)
    return rounded


def _gaps(model: PriceModel, unknown: BoolArray, looked_up: Mapping[str, BoolArray]) -> BoolArray:
    """Return what each of n subjects did not say: the facts unknown, then the facts looked up, shape (n, 2f)."""
    gaps = np.zeros((len(unknown), 2 * len(model.facts)), np.bool_)
    gaps[:, : len(model.facts)] = unknown
    for name, where in looked_up.items():
        gaps[:, len(model.facts) + model.facts.index(name)] = where
    return gaps


def _certainty(market: Market, model: PriceModel, sales: Sales) -> ErrorScale:
    """Learn which homes' values may be far off, from what the model was told of its training sales."""
    assert model.left_out is not None  # noqa: S101  # it was just made
    residual = np.log(sales.price) - model.left_out.log_price
    with threadpool_limits(1, user_api="blas"):  # other threads would be other last bits
        return ErrorScale.fit(market, sales.facts, model.left_out.error_features, residual)


def _calibrate(
    market: Market,
    lookup: AreaLookup,
    model: PriceModel,
    certainty: ErrorScale,
    sales: Sales,
    rng: np.random.Generator,
) -> ConformalRange:
    """Measure the misses on sales the network did not learn from, at every state of knowledge.

    Each sale is valued three times: with all its facts, with a random share of the optional ones withheld, and
    with the required ones alone. What is then looked up or unknown is so in the way of a real request.
    """
    optional = [feature.name for feature in market.features if not feature.required]
    share = rng.random((len(sales), 1))
    some = rng.random((len(sales), len(optional))) < share
    states = []
    for hidden in (np.zeros_like(some), some, np.ones_like(some)):
        facts = sales.facts.without(dict(zip(optional, hidden.T, strict=True)))
        completed, looked_up = lookup.complete(facts)
        estimates = model.estimate(completed, sales.date, sales.home)
        gaps = _gaps(model, model.unknown(completed), looked_up)
        scales = certainty.scales(facts, estimates.error_features)
        states.append(Checked(np.log(sales.price) - estimates.log_price, gaps, scales))
    return ConformalRange.fit(states, certainty.tail, lesser=len(model.facts))
