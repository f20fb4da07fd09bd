"""The appraiser: values homes of one market, from checked facts to prices with ranges, warnings and reasons.

It combines the price model, the uncertainty and the explanations. The command line, the files and the service use
it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from threadpoolctl import threadpool_limits

from estimator.errors import SavedVersionError
from estimator.explanation.comparable_sales import ComparableSales, comparable_sales
from estimator.explanation.contributions import Contributions, build_reference_home, explain
from estimator.market.areas import AreaLookup, Areas
from estimator.market.arrays import BoolArray, DateArray, FloatArray
from estimator.market.fact_ranges import FactRanges
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.market.sales import Parts, Sales
from estimator.model.ensemble import Callback
from estimator.model.price_model import PriceModel
from estimator.model.recipe import DEFAULTS, Recipe
from estimator.uncertainty.applicability import ApplicabilityDomain
from estimator.uncertainty.conformal import CalibrationResiduals, ConformalRange, check_confidence
from estimator.uncertainty.error_scale import DOWNWARD, FSD, UPWARD, ErrorScale
from estimator.valuations import Valuations

CONFIDENCE = 0.9
"""Default share of prices that a range is to contain: the level that the industry publishes."""

NEAR_BOUNDARY_FACTOR = 1.5
"""How much wider ranges are for homes just outside the sold ones. There are too few sales to measure it, so it is
a cautious choice."""

STATE_FORMAT = 6
"""Increased when the layout of `state` changes, so that a program refuses files that it would misread."""


@dataclass(frozen=True, eq=False)
class Appraiser:
    """Values homes of one market; made by `fit` or `from_state`, then never changed.

    Parameters
    ----------
    market
        The market.
    areas
        Fills in the figures of a subject's area.
    model
        Facts → log price.
    error_scale
        How large the error is for some homes relative to others.
    ranges
        How large the error is, from the validation sales.
    sale_dates
        Oldest and newest date of sale in the file, datetime64[D]; None in a market without dates.
    fact_ranges
        Typical values of each fact among the training and validation sales.
    domain
        Which homes are similar enough to those to be valued.
    reference_home
        A typical home among those, with all facts; contributions start from it.
    """

    market: Market
    areas: AreaLookup
    model: PriceModel
    error_scale: ErrorScale
    ranges: ConformalRange
    sale_dates: tuple[np.datetime64, np.datetime64] | None
    fact_ranges: FactRanges
    domain: ApplicabilityDomain
    reference_home: Facts

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
        """Train on the training part and calibrate on the validation part.

        Afterwards the sales of both are used as comparables and by kriging.

        Parameters
        ----------
        areas
            Figures by postal code.
        parts
            Of the test part only the dates are used: the newest sale's is the default valuation date.
        rng
            Source of all randomness: the same one gives the same appraiser, bit for bit.
        callbacks
            Called after each epoch of each network.
        recipe
            How the networks are built and trained.
        """
        lookup = AreaLookup(market, areas, parts.train.facts)
        train, validation = (complete_sales(lookup, part) for part in (parts.train, parts.validation))
        model = PriceModel.fit(market, train, validation, rng, callbacks, recipe)
        error_scale = _fit_error_scale(market, model, parts.train)
        ranges = _calibrate(lookup, model, error_scale, parts.validation, rng)
        sales = train.joined(validation)
        sale_dates = None
        if train.date is not None:
            dates = np.concatenate([part.date for part in (parts.train, parts.validation, parts.test)])
            sale_dates = (dates.min(), dates.max())
        fact_ranges = FactRanges.fit(market, sales.facts)
        return cls(
            market,
            lookup,
            model.with_sales(sales),
            error_scale,
            ranges,
            sale_dates,
            fact_ranges,
            ApplicabilityDomain.fit(market, sales.facts),
            build_reference_home(market, sales.facts, fact_ranges),
        )

    def with_sales(self, sales: Sales) -> Self:
        """Return the same appraiser with newer sales for kriging and the comparables to use.

        Nothing is trained or calibrated again. The value of a home among these sales uses its own price: a
        published appraiser has all sales, and is evaluated beforehand with the training and validation sales
        alone.
        """
        return replace(self, model=self.model.with_sales(complete_sales(self.areas, sales)))

    @property
    def sold(self) -> Sales | None:
        """The sold homes with a known location that values are based on, oldest first; None without locations."""
        comparables = self.model.comparables
        return None if comparables is None else comparables.sold

    def value(self, facts: Facts, date: DateArray | None = None, confidence: float = CONFIDENCE) -> Valuations:
        """Value n subjects.

        A subject's valuation does not depend on the other subjects.

        Parameters
        ----------
        facts
            The subjects, checked.
        date
            Valuation dates, datetime64[D], shape (n,); NaT or None: the newest sale's date. A date outside the
            sales' is replaced by the nearest one inside, with a warning.
        confidence
            Share of prices that the ranges are to contain; see `check_confidence`.

        Raises
        ------
        ValueError
            The confidence is out of bounds.
        """
        return self.value_by_confidence(facts, date, (confidence,))[0]

    def value_by_confidence(
        self, facts: Facts, date: DateArray | None, confidences: Sequence[float]
    ) -> list[Valuations]:
        """Value n subjects once, with ranges for each confidence level; otherwise as `value`."""
        for confidence in confidences:
            check_confidence(confidence)
        completed, looked_up = self.areas.complete(facts)
        refusals, near_boundary = self.domain.check(completed)
        date, warnings = self._clip_to_sale_dates(date, len(facts))
        warnings |= self.model.label_warnings(completed) | near_boundary
        unknown = self.model.unknown(completed)
        estimates = self.model.estimate(completed, date)
        log_price = estimates.log_price
        error = self.ranges.expected_error(
            _missing(self.model, unknown, looked_up), self.error_scale.scales(facts, estimates.error_features)
        )
        if near_boundary:
            error[np.logical_or.reduce(list(near_boundary.values()))] *= NEAR_BOUNDARY_FACTOR
        log_price[list(refusals)] = np.nan

        def with_range(confidence: float) -> Valuations:
            lower, upper = self.ranges.quantiles(confidence)
            return Valuations(
                price=_round_to_cents(np.exp(log_price)),
                low=_round_to_cents(np.exp(log_price + lower * error[:, DOWNWARD])),
                high=_round_to_cents(np.exp(log_price + upper * error[:, UPWARD])),
                fsd=self.ranges.fsd_factor * error[:, FSD],
                date=date,
                looked_up=looked_up,
                unknown={
                    self.model.facts[index]: unknown[:, index] for index in np.flatnonzero(unknown.any(axis=0))
                },
                warnings=warnings,
                refusals=refusals,
                currency=self.market.currency,
                confidence=confidence,
            )

        return [with_range(confidence) for confidence in confidences]

    def comparables(self, facts: Facts, date: DateArray | None = None) -> Sequence[ComparableSales] | None:
        """Return the sold homes behind the values of n subjects; the arguments are those of `value`.

        Returns
        -------
        sequence or None
            One entry per subject, independent of the other subjects; None in a market without locations.
        """
        comparables = self.model.comparables
        if comparables is None:
            return None
        completed, _ = self.areas.complete(facts)
        return comparable_sales(comparables, completed, self._clip_to_sale_dates(date, len(facts))[0])

    def contributions(self, facts: Facts, date: DateArray | None = None) -> list[Contributions]:
        """Return what each fact of n subjects adds to its price; dates as in `value`. Some milliseconds each."""
        completed, _ = self.areas.complete(facts)
        days, _ = self._clip_to_sale_dates(date, len(facts))

        def price(homes: Facts, on: DateArray | None) -> FloatArray:
            return _round_to_cents(np.exp(self.model.predict(homes, on)))

        return [
            explain(
                self.market,
                price,
                self.reference_home,
                completed.take(slice(row, row + 1)),
                None if days is None or self.sale_dates is None else (self.sale_dates[1], days[row]),
            )
            for row in range(len(facts))
        ]

    def state(self) -> dict[str, Any]:
        """Return everything fitted as plain values and arrays, for `from_state`."""
        return {
            "format": STATE_FORMAT,
            "market": self.market.to_dict(),
            "areas": self.areas.state(),
            "model": self.model.state(),
            "error_scale": self.error_scale.state(),
            "ranges": self.ranges.state(),
            "sale_dates": None if self.sale_dates is None else [str(date) for date in self.sale_dates],
            "fact_ranges": self.fact_ranges.state(),
            "domain": self.domain.state(),
            "reference_home": dict(self.reference_home.columns),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Restore the appraiser from its state.

        Raises
        ------
        SavedVersionError
            The state has a format that this program does not read.
        """
        if state.get("format") != STATE_FORMAT:
            raise SavedVersionError(
                f"the saved model has format {state.get('format')!r} and this program reads format "
                f"{STATE_FORMAT}: train it again with `house-price train`"
            )
        market = Market.from_dict(state["market"])
        dates = state["sale_dates"]
        return cls(
            market,
            AreaLookup.from_state(market, state["areas"]),
            PriceModel.from_state(market, state["model"]),
            ErrorScale.from_state(state["error_scale"]),
            ConformalRange.from_state(state["ranges"]),
            None if dates is None else (np.datetime64(dates[0], "D"), np.datetime64(dates[1], "D")),
            FactRanges.from_state(state["fact_ranges"]),
            ApplicabilityDomain.from_state(market, state["domain"]),
            Facts(state["reference_home"]),
        )

    def _clip_to_sale_dates(self, date: DateArray | None, n: int) -> tuple[DateArray | None, dict[str, BoolArray]]:
        """Return the valuation dates used, and warnings where they are not those requested."""
        if self.sale_dates is None:
            return None, {}
        oldest, newest = self.sale_dates
        requested = np.full(n, newest) if date is None else np.where(np.isnat(date), newest, date)
        warnings = {
            f"valuation_date is before the oldest sale, so the home is valued as of {oldest}": requested < oldest,
            f"valuation_date is after the newest sale, so the home is valued as of {newest}": requested > newest,
        }
        return requested.clip(oldest, newest), {text: where for text, where in warnings.items() if where.any()}


def complete_sales(lookup: AreaLookup, sales: Sales) -> Sales:
    """Return the sales with their areas' figures filled in."""
    return replace(sales, facts=lookup.complete(sales.facts)[0])


def _round_to_cents(amount: FloatArray) -> FloatArray:
    rounded: FloatArray = amount.round(2)
    return rounded


def _missing(model: PriceModel, unknown: BoolArray, looked_up: Mapping[str, BoolArray]) -> BoolArray:
    """Return which facts of n subjects are unknown, then which were looked up, shape (n, 2f)."""
    missing = np.zeros((len(unknown), 2 * len(model.facts)), np.bool_)
    missing[:, : len(model.facts)] = unknown
    for name, where in looked_up.items():
        missing[:, len(model.facts) + model.facts.index(name)] = where
    return missing


def _fit_error_scale(market: Market, model: PriceModel, sales: Sales) -> ErrorScale:
    """Fit the error scale to the model's estimates of its training sales."""
    estimates = model.training_estimates
    assert estimates is not None  # noqa: S101  # `PriceModel.fit` has just made it
    residual = np.log(sales.price) - estimates.log_price
    with threadpool_limits(1, user_api="blas"):  # more threads would change the last bits
        return ErrorScale.fit(market, sales.facts, estimates.error_features, residual)


def _calibrate(
    lookup: AreaLookup, model: PriceModel, error_scale: ErrorScale, sales: Sales, rng: np.random.Generator
) -> ConformalRange:
    """Calibrate the ranges on sales that the networks were not trained on, with more and with fewer facts.

    Each sale is valued three times: with all its facts, with a random part of the optional ones withheld, and with
    the required ones alone. Withheld facts are looked up or unknown as in a real request.
    """
    optional = [feature.name for feature in model.market.features if not feature.required]
    share = rng.random((len(sales), 1))
    random_part = rng.random((len(sales), len(optional))) < share
    calibration = []
    for hidden in (np.zeros_like(random_part), random_part, np.ones_like(random_part)):
        facts = sales.facts.without(dict(zip(optional, hidden.T, strict=True)))
        completed, looked_up = lookup.complete(facts)
        estimates = model.estimate(completed, sales.date, sales.home)
        missing = _missing(model, model.unknown(completed), looked_up)
        scales = error_scale.scales(facts, estimates.error_features)
        calibration.append(CalibrationResiduals(np.log(sales.price) - estimates.log_price, missing, scales))
    return ConformalRange.fit(calibration, error_scale.tail, n_imputed=len(model.facts))
