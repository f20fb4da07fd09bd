"""The feature pipeline: facts and sold homes → everything that the networks are given about a home.

Prices of sold homes come adjusted for time. Of a date only the year enters, to tell unfinished homes; see
`Encoding`.

The columns of a home are, in this order: the price features (a log price from kriging; the effects of rare labels;
in a market with coordinates the features of the comparables), the encoded facts, and the monotone columns. Price
features never use the sales of the home itself when it is among the sales that they know, nor the values of
monotone features.

To add a price feature, give it the methods that `Comparables` has (`fit`, `transform`, `with_sales`, `state`,
`from_state`), make it a field of `FeaturePipeline`, and add it wherever `comparables` is named there: its names in
`price_feature_names`, its values in `_price_features`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from estimator.features.comparables import Comparables
from estimator.features.encoding import Encoding
from estimator.features.grid_inputs import Subjects
from estimator.features.home_encoder import EncodedHomes, HomeEncoder
from estimator.features.kriging import Kriging, KrigingInputs
from estimator.features.kriging_fit import N_INDUCING_POINTS, fit_kriging
from estimator.features.label_effects import LabelEffects, with_rare_labels
from estimator.features.leave_home_out import LeaveHomeOut
from estimator.features.monotone import MonotoneEncoding
from estimator.features.numbers import NumberReader, number_columns
from estimator.features.scaling import NumberScales
from estimator.market.arrays import BoolArray, DateArray, Float32Array, FloatArray
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.market.sales import Sales

RARELY_MISSING_SHARE = 0.95
"""A fact is rarely missing if at least this share of sales has it. If more sales lack it, kriging can learn what
that means."""
MIN_KRIGING_SPREAD = 0.05
"""Kriging's log price is scaled as if it varied by so much at least. Where the facts say nothing, as when all
homes have one size, it varies by rounding errors and by the sale left out; scaled by these, it would move far with
every new sale."""


@dataclass(frozen=True)
class Features:
    """Everything that the pipeline computes for n homes.

    Parameters
    ----------
    columns
        Input of the networks, shape (n, d + r); the last r columns are monotone.
    kriging_log_price
        Kriging's log prices, shape (n,), with the effect of the monotone columns. (The first column is the same
        without this effect, scaled.)
    error_features
        Describe how large the error of a price may be, shape (n, c): the features of the comparables computed from
        the required facts alone. NaN where there are no comparables. They do not depend on the optional facts.
    complete
        Whether no rarely missing fact is unknown, shape (n,). Kriging has not learned the effect of a fact being
        unknown that is rarely missing, and treats it as the median.
    kriging_inputs
        The homes as kriging takes them.
    """

    columns: Float32Array
    kriging_log_price: FloatArray
    error_features: FloatArray
    complete: BoolArray
    kriging_inputs: KrigingInputs


@dataclass(frozen=True)
class FeaturePipeline:
    """Made by `fit` or `from_state`.

    Parameters
    ----------
    encoder
        Facts → columns.
    kriging
        Estimates a price from the encoded facts and the location.
    label_effects
        Labels of features with rare labels → what they are worth.
    comparables
        The sold homes to search; None in a market without coordinates.
    scales
        Of the price features.
    rarely_missing
        Names of the facts that nearly all training sales know.
    """

    encoder: HomeEncoder
    kriging: Kriging
    label_effects: LabelEffects
    comparables: Comparables | None
    scales: NumberScales
    rarely_missing: tuple[str, ...]

    @classmethod
    def fit(
        cls, market: Market, sales: Sales, log_price: FloatArray, rng: np.random.Generator
    ) -> tuple[Self, LeaveHomeOut, Features]:
        """Fit to n sales.

        Parameters
        ----------
        log_price
            Their log prices adjusted for time, shape (n,).

        Returns
        -------
        FeaturePipeline
            For any home.
        LeaveHomeOut
            Kriging for the training sales themselves.
        Features
            Of the training sales, with LeaveHomeOut. Computing them is the most expensive part of `fit`.
        """
        comparables = Comparables.fit(market, sales, log_price, rng)
        encoder = HomeEncoder.fit(market, sales.facts, sales.date)
        homes = encoder.transform(sales.facts, sales.date)
        kriging, left_out = fit_kriging(homes.kriging_inputs, log_price, sales.home, rng)
        names = with_rare_labels(market, sales.facts)
        effects = LabelEffects.fit(names, sales, homes.kriging_inputs, log_price)
        known_share = {name: sales.facts.known(name).mean() for name in encoder.encoding.fact_names}
        rarely_missing = tuple(name for name, share in known_share.items() if share >= RARELY_MISSING_SHARE)
        unscaled = cls(encoder, kriging, effects, comparables, NumberScales.fit(np.empty((0, 0))), rarely_missing)
        price_features, error_features = unscaled._price_features(
            homes.kriging_inputs, sales.facts, sales.home, sales.date, left_out
        )
        least_spread = np.zeros(price_features.shape[1])
        least_spread[0] = MIN_KRIGING_SPREAD
        # Most labels may be unknown, with an effect of 0: the quartiles would be no scale.
        least_spread[1 : 1 + len(names)] = effects.residual.std()
        pipeline = replace(unscaled, scales=NumberScales.fit(price_features, least_spread))
        return pipeline, left_out, pipeline._features(homes, sales.facts, price_features, error_features)

    @property
    def encoding(self) -> Encoding:
        """The encoding of the facts."""
        return self.encoder.encoding

    def unseen(self, facts: Facts, name: str) -> BoolArray:
        """Return where a feature's label is known but tells the networks nothing, shape (n,)."""
        effects = self.label_effects
        return effects.unseen(facts, name) if name in effects.names else self.encoding.unseen(facts, name)

    @property
    def price_feature_names(self) -> tuple[str, ...]:
        """Names of the price features, in column order."""
        effects = (f"{name}_effect" for name in self.label_effects.names)
        return ("kriging_log_price", *effects, *(() if self.comparables is None else self.comparables.names))

    @property
    def n_numeric(self) -> int:
        """Number of columns that are scaled numbers; they come first."""
        return len(self.price_feature_names) + self.encoding.n_numeric

    @property
    def n_monotone(self) -> int:
        """Number of monotone columns; they come last."""
        return self.encoder.monotone.n_columns

    def transform(
        self,
        facts: Facts,
        date: DateArray | None,
        home: NDArray[np.int64] | None = None,
        before: DateArray | None = None,
        left_out: LeaveHomeOut | None = None,
    ) -> Features:
        """Return the features of n homes at their valuation dates.

        Parameters
        ----------
        home
            Identifies the homes, so that their own sales are left out of their comparables, shape (n,).
        before
            Only sales before these dates are comparables, shape (n,); None for all sales.
        left_out
            Leaves their own sales out of kriging too; for the training sales.
        """
        numbers = self._reader.read(facts)
        homes = self.encoder.encode(facts, date, numbers)
        subjects = None if self.comparables is None else Subjects.of(numbers, 1)
        return self._features(
            homes, facts, *self._price_features(homes.kriging_inputs, facts, home, before, left_out, subjects)
        )

    def complete(self, facts: Facts) -> BoolArray:
        """Return which of n homes lack none of the facts that nearly all training sales know, shape (n,)."""
        complete: BoolArray = ~np.logical_or.reduce(facts.unknown(self.rarely_missing), axis=1)
        return complete

    def with_sales(self, sales: Sales, log_price: FloatArray, *, keep_points: bool = False) -> "FeaturePipeline":
        """Return the pipeline with price features from other, such as newer, sales; encodings stay the same.

        Parameters
        ----------
        log_price
            Of the n sales, adjusted for time, shape (n,).
        keep_points
            Whether kriging keeps its inducing points, once it has as many as it may have. Others would move the
            values of homes far from any new sale.
        """
        full = len(self.kriging.facts) == N_INDUCING_POINTS
        points = self.kriging.points if keep_points and full else None
        return self._with_sales(sales, self.encoder.transform(sales.facts, sales.date), log_price, points)[0]

    def fit_again(self, sales: Sales, log_price: FloatArray) -> tuple["FeaturePipeline", LeaveHomeOut, Features]:
        """Return the same as `fit`, but with the encodings and scales of this pipeline; see `with_sales`."""
        homes = self.encoder.transform(sales.facts, sales.date)
        pipeline, left_out = self._with_sales(sales, homes, log_price)
        price_features, error_features = pipeline._price_features(
            homes.kriging_inputs, sales.facts, sales.home, sales.date, left_out
        )
        return pipeline, left_out, pipeline._features(homes, sales.facts, price_features, error_features)

    def _with_sales(
        self, sales: Sales, homes: EncodedHomes, log_price: FloatArray, points: KrigingInputs | None = None
    ) -> tuple["FeaturePipeline", LeaveHomeOut]:
        """Return the pipeline with price features from other sales, and kriging for these sales themselves."""
        fixed_rng = np.random.default_rng(0)  # so that the same sales always give the same features
        inputs = homes.kriging_inputs
        kriging, left_out = fit_kriging(inputs, log_price, sales.home, fixed_rng, points=points)
        pipeline = replace(
            self,
            kriging=kriging,
            label_effects=self.label_effects.with_sales(sales, inputs, log_price),
            comparables=None if self.comparables is None else self.comparables.with_sales(sales, log_price),
        )
        return pipeline, left_out

    def state(self) -> dict[str, Any]:
        """Return what was fitted as plain values and arrays; `from_state` restores it."""
        return {
            "encoding": self.encoding.state(),
            "monotone": self.encoder.monotone.state(),
            "mean_latitude": self.encoder.mean_latitude,
            "kriging": self.kriging.state(),
            "label_effects": self.label_effects.state(),
            "comparables": None if self.comparables is None else self.comparables.state(),
            "scales": self.scales.state(),
            "rarely_missing": list(self.rarely_missing),
        }

    @classmethod
    def from_state(cls, market: Market, state: Mapping[str, Any], sales: Sales) -> Self:
        """Restore the pipeline from its state and the sales that it knew."""
        encoding = Encoding.from_state(market, state["encoding"])
        monotone = MonotoneEncoding.from_state(market, state["monotone"])
        comparables = state["comparables"]
        return cls(
            HomeEncoder(market, encoding, monotone, state["mean_latitude"]),
            Kriging.from_state(state["kriging"]),
            LabelEffects.from_state(state["label_effects"], sales),
            None if comparables is None else Comparables.from_state(market, comparables, sales),
            NumberScales.from_state(state["scales"]),
            tuple(state["rarely_missing"]),
        )

    def _features(
        self, homes: EncodedHomes, facts: Facts, price_features: FloatArray, error_features: FloatArray
    ) -> Features:
        """Return the features of n homes from their encoding and their unscaled price features."""
        scaled = self.scales.transform(price_features)
        scaled[np.isnan(scaled)] = 0.0
        columns = np.concatenate((scaled.astype(np.float32), homes.encoded, homes.monotone), axis=1)
        monotone_effect = self.kriging.monotone_effect(homes.kriging_inputs.monotone)
        log_price = price_features[:, 0] + monotone_effect
        complete = self._complete(facts, homes.unknown)
        return Features(columns, log_price, error_features, complete, homes.kriging_inputs)

    def _complete(self, facts: Facts, unknown: BoolArray) -> BoolArray:
        """Return which of n homes lack no rarely missing fact, shape (n,), given which numbers are unknown."""
        complete: BoolArray = ~np.logical_or.reduce(unknown.take(self._rarely_missing_numbers, axis=1), axis=1)
        for name in self._rarely_missing_labels:
            complete &= facts.known(name)
        return complete

    @cached_property
    def _reader(self) -> NumberReader:
        """Of the numbers of homes, for the encoder and for the comparables."""
        comparables = [] if self.comparables is None else [self.comparables.number_use]
        return NumberReader(self.encoder.market, [self.encoder.number_use, *comparables])

    @cached_property
    def _rarely_missing_labels(self) -> list[str]:
        return [feature.name for feature in self.encoder.market.labels if feature.name in self.rarely_missing]

    @cached_property
    def _rarely_missing_numbers(self) -> NDArray[np.intp]:
        """Columns of the other rarely missing facts among the numbers."""
        names = [name for name in self.rarely_missing if name not in self._rarely_missing_labels]
        return number_columns(self.encoder.market, names)

    def _price_features(
        self,
        inputs: KrigingInputs,
        facts: Facts,
        home: NDArray[np.int64] | None,
        before: DateArray | None,
        left_out: LeaveHomeOut | None,
        subjects: Subjects | None = None,
    ) -> tuple[FloatArray, FloatArray]:
        """Return n homes' unscaled price features, without the effect of monotone columns, and error features.

        Shapes (n, 1 + k) and (n, 0), or with comparables (n, 7 + k) and (n, 6), for k features with rare labels.

        Parameters
        ----------
        subjects
            The homes as the comparables take them, if their numbers have been read.
        """
        if left_out is None or home is None:
            by_kriging = self.kriging.estimate(inputs)
        else:
            by_kriging = left_out.estimate(inputs, home)
        price_features = [by_kriging[:, None], self.label_effects.transform(facts, home)]
        if self.comparables is None:
            return np.concatenate(price_features, axis=1), np.empty((len(inputs), 0))
        by_comparables, by_required_facts = self.comparables.transform(facts, home, before, subjects)
        price_features.append(by_comparables.astype(np.float64))
        return np.concatenate(price_features, axis=1), by_required_facts.astype(np.float64)
