"""The appraiser: values homes of one market, from checked facts to prices with ranges, warnings and reasons.

It combines the price model, the uncertainty and the explanations. The command line, the files and the service use
it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from estimator.calibration import calibrate, fit_calibrated, join_residuals, missing_facts
from estimator.errors import SavedVersionError
from estimator.explanation.comparable_sales import ComparableSales, comparable_sales
from estimator.explanation.contributions import Contributions, build_reference_home, explain
from estimator.market.areas import AreaLookup, Areas
from estimator.market.arrays import DateArray, FloatArray
from estimator.market.fact_ranges import FactRanges
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.market.sales import Parts, Sales
from estimator.model.ensemble import Callback
from estimator.model.price_model import PriceModel
from estimator.model.price_networks import PriceNetworks
from estimator.model.recipe import DEFAULTS, Recipe
from estimator.subjects import Subjects, prepare_subjects
from estimator.uncertainty.applicability import ApplicabilityDomain
from estimator.uncertainty.conformal import CalibrationResiduals, ConformalRange, check_confidence
from estimator.uncertainty.error_scale import ErrorScale
from estimator.uncertainty.price_distribution import PriceDistribution, distribute_prices
from estimator.valuation_dates import last_valuation_date, valuation_dates
from estimator.valuations import Valuations, round_to_cents, valuations_by_confidence

CONFIDENCE = 0.9
"""Default share of prices that a range is to contain: the level that the industry publishes."""

STATE_FORMAT = 11
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
        How large the error is, from the calibration sales.
    calibration
        The residuals that the ranges were calibrated on: of the newest sales, each valued by a model that did not
        know it, with all facts, with some, and with the required ones alone.
    sale_dates
        Oldest and newest date of the sales it knows, datetime64[D]; None in a market without dates.
    fact_ranges
        Typical values of each fact among those sales.
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
    calibration: tuple[CalibrationResiduals, ...]
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
        """Train on the training part and calibrate on the validation part, or across both where it is small.

        Afterwards the sales of both are used by the price index, as comparables and by kriging.

        Parameters
        ----------
        areas
            Figures by postal code.
        parts
            The test part is not used.
        rng
            Source of all randomness: the same one gives the same appraiser, bit for bit.
        callbacks
            Called after each epoch of each network.
        recipe
            How the networks are built and trained.
        """
        fitted = fit_calibrated(market, areas, parts.train, parts.validation, rng, callbacks, recipe)
        return cls._knowing(market, areas, fitted.model, fitted.error_scale, fitted.calibration)

    @classmethod
    def _knowing(
        cls,
        market: Market,
        areas: Areas,
        model: PriceModel,
        error_scale: ErrorScale,
        calibration: tuple[CalibrationResiduals, ...],
    ) -> Self:
        """Return the appraiser of a model, everything else about the sales it knows measured on those."""
        sales = model.sales
        fact_ranges = FactRanges.fit(market, sales.facts)
        newest = None if sales.date is None else sales.date.max()

        def price(homes: Facts) -> FloatArray:
            days = None if newest is None else np.full(len(homes), newest)
            return np.exp(model.predict(homes, days))

        return cls(
            market,
            AreaLookup(market, areas, sales.facts),
            model,
            error_scale,
            ConformalRange.fit(calibration, error_scale.tail, n_imputed=len(model.facts)),
            calibration,
            None if newest is None else (sales.date.min(), newest),  # type: ignore[union-attr]
            fact_ranges,
            ApplicabilityDomain.fit(market, sales.facts),
            build_reference_home(market, sales.facts, fact_ranges, price),
        )

    def with_sales(self, sales: Sales, rng: np.random.Generator, *, learn: bool = True) -> Self:
        """Return the same appraiser knowing m more sales.

        First their homes are valued without them: that shows how the prices have moved since, and how large the
        errors are now. Then the price index, kriging, the comparables, the ranges and the applicability domain
        know them. The networks are not trained anew, but a student learns from the newest. The value of a home
        among these sales uses its own price.

        Parameters
        ----------
        sales
            As recorded, their homes numbered as those of `model.sales`.
        rng
            Draws the facts that are withheld for the calibration.
        learn
            Whether a student learns from them.
        """
        newest, model = calibrate(self.areas, self.model, self.error_scale, sales, rng, learn=learn)
        calibration = join_residuals(self.calibration, newest, model.sales.date)
        return self._knowing(self.market, self.areas.areas, model, self.error_scale, calibration)

    def retrained(self, recipe: Recipe, rng: np.random.Generator, callbacks: Sequence[Callback] = ()) -> Self:
        """Return the same appraiser with networks that have learned from all sales it knows; see `PriceModel`.

        Its ranges stay: those of the errors that the networks before made on sales they did not know.
        """
        return replace(self, model=self.model.retrained(recipe, rng, callbacks))

    def valued_by(self, networks: PriceNetworks) -> Self:
        """Return the same appraiser, but homes are valued by these networks, such as its student's teacher.

        Nothing is added to what they learned in their training. The ranges stay those of the student's errors.
        """
        return replace(self, model=self.model.valued_by(networks))

    @property
    def has_ranges(self) -> bool:
        """Whether it knows enough sales to say how sure its values are; if not, they have no range and no FSD."""
        return self.ranges.are_offered

    @property
    def sold(self) -> Sales | None:
        """The sold homes with a known location that values are based on, oldest first; None without locations."""
        comparables = self.model.comparables
        return None if comparables is None else comparables.sold

    def value(
        self,
        facts: Facts,
        date: DateArray | None = None,
        confidence: float = CONFIDENCE,
        *,
        earlier_sales_only: bool = False,
        price_above: float | None = None,
    ) -> Valuations:
        """Value n subjects.

        A subject's valuation does not depend on the other subjects.

        Parameters
        ----------
        facts
            The subjects, checked.
        date
            Valuation dates, datetime64[D], shape (n,); NaT or None: the newest sale's date. After it, prices
            follow the forecast of the price index. A date before the oldest sale or beyond the forecast is
            replaced by the nearest one inside, with a warning.
        confidence
            Share of prices that the ranges are to contain; see `check_confidence`.
        earlier_sales_only
            Whether only sales before the valuation date are comparables: for comparing values with sale prices,
            where a later sale must not help.
        price_above
            Positive price, for `Valuations.probability_above`.

        Raises
        ------
        ValueError
            The confidence is out of bounds.
        """
        (values,) = self.value_by_confidence(
            facts, date, (confidence,), earlier_sales_only=earlier_sales_only, price_above=price_above
        )
        return values

    def value_by_confidence(
        self,
        facts: Facts,
        date: DateArray | None,
        confidences: Sequence[float],
        *,
        earlier_sales_only: bool = False,
        price_above: float | None = None,
    ) -> list[Valuations]:
        """Value n subjects once, with ranges for each confidence level; otherwise as `value`."""
        for confidence in confidences:
            check_confidence(confidence)
        subjects = prepare_subjects(facts, date, self.areas, self.domain, self.model, self.sale_dates)
        prices = self._prices(subjects, before=date if earlier_sales_only else None)
        return valuations_by_confidence(
            subjects, prices, self.model.facts, self.market.currency, confidences, price_above
        )

    def _prices(self, subjects: Subjects, before: DateArray | None) -> PriceDistribution:
        """Return what the subjects may sell for; only sales before these dates are comparables."""
        estimates = self.model.estimate(subjects.completed, subjects.date, before=before)
        index = self.model.index
        widening = index.widening(index.standard_error(subjects.date, len(subjects)))
        return distribute_prices(
            self.ranges,
            estimates.log_worth + index.at(self.market, subjects.completed, subjects.date),
            self.ranges.expected_error(
                missing_facts(self.model, subjects.unknown, subjects.looked_up),
                self.error_scale.scales(subjects.given, estimates.error_features) * widening[:, None],
            ),
            subjects.near_boundary,
            subjects.refusals,
        )

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
        days, _ = valuation_dates(self.sale_dates, date, len(facts))
        return comparable_sales(comparables, completed, days, self.model.index.at(self.market, completed, days))

    def contributions(self, facts: Facts, date: DateArray | None = None) -> list[Contributions]:
        """Return what each fact of n subjects adds to its price; dates as in `value`. Two milliseconds each."""
        completed, _ = self.areas.complete(facts)
        days, _ = valuation_dates(self.sale_dates, date, len(facts))

        def price(homes: Facts, on: DateArray | None) -> FloatArray:
            return round_to_cents(np.exp(self.model.predict(homes, on)))

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
            "calibration": [list(errors) for errors in self.calibration],
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
        model = PriceModel.from_state(market, state["model"])
        return cls(
            market,
            AreaLookup.from_state(market, state["areas"]),
            model,
            ErrorScale.from_state(state["error_scale"]),
            ConformalRange.from_state(state["ranges"]),
            tuple(CalibrationResiduals.from_state(errors, len(model.sales)) for errors in state["calibration"]),
            None if dates is None else (np.datetime64(dates[0], "D"), np.datetime64(dates[1], "D")),
            FactRanges.from_state(state["fact_ranges"]),
            ApplicabilityDomain.from_state(market, state["domain"]),
            Facts(state["reference_home"]),
        )

    @property
    def last_valuation_date(self) -> np.datetime64 | None:
        """The last day that the price index is forecast for; None in a market without dates."""
        return None if self.sale_dates is None else last_valuation_date(self.sale_dates[1])
