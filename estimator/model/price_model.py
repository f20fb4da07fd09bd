"""Facts → log price: networks weigh the facts with the prices that kriging and comparables suggest.

Knows no currency, no areas and no ranges.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from estimator.features.comparables import Comparables
from estimator.features.encoding import MIN_LABEL_COUNT
from estimator.features.pipeline import FeaturePipeline
from estimator.market.arrays import BoolArray, DateArray, FloatArray
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.market.sales import Sales
from estimator.model.drift import MarketDrift
from estimator.model.ensemble import PREDICTION_BATCH, Callback, blend_kriging, predict_mean, train_ensemble
from estimator.model.recipe import DEFAULTS, Recipe
from estimator.model.training_set import build_training_set
from estimator.network import Network, StackedNetworks

_CHUNK_SIZE = 4096
"""Homes whose columns are computed at a time: they take some megabytes, however large the file."""


@dataclass(frozen=True)
class Estimates:
    """Of n homes: log prices, shape (n,), and error features, shape (n, c); see `Features`."""

    log_price: FloatArray
    error_features: FloatArray


@dataclass(frozen=True, eq=False)
class PriceModel:
    """Predicts log prices in one market; made by `fit` or `from_state`, then never changed.

    Parameters
    ----------
    market
        The market.
    pipeline
        Facts and dates → features.
    networks
        Columns → standardised log price, averaged.
    mean, deviation
        Of the training sales' log prices. The networks' losses are in units of `deviation`.
    kriging_share
        Weight of kriging's own estimate, 0 to 1, where its inputs are complete; the rest is the networks'.
    drift
        How far prices have moved since the training sales.
    training_estimates
        Kriging's estimates of the training sales, each without its own home's prices, for fitting an error scale;
        a log price is NaN where facts are unknown that kriging cannot do without. Only after `fit`, otherwise
        None.
    """

    market: Market
    pipeline: FeaturePipeline
    networks: StackedNetworks
    mean: float
    deviation: float
    kriging_share: float
    drift: MarketDrift
    training_estimates: Estimates | None = None

    @classmethod
    def fit(
        cls,
        market: Market,
        sales: Sales,
        validation: Sales,
        rng: np.random.Generator,
        callbacks: Sequence[Callback] = (),
        recipe: Recipe = DEFAULTS,
    ) -> Self:
        """Train the networks.

        Parameters
        ----------
        sales
            Training sales, their areas' figures filled in.
        validation
            Sales that decide which epoch's weights are kept, and show how far prices have moved since.
        rng
            Source of all randomness: the same one gives the same model.
        callbacks
            Called after each epoch of each network.
        recipe
            How the networks are built and trained.
        """
        # One BLAS thread outside `parallel_map` too, for the reasons given there.
        with threadpool_limits(1, user_api="blas"):
            pipeline, training_set = build_training_set(market, sales, validation, recipe.withheld_share, rng)
            ensemble = train_ensemble(training_set, recipe, rng, callbacks)
        features = training_set.leave_home_out
        model = cls(
            market,
            pipeline,
            StackedNetworks(ensemble.networks),
            training_set.mean,
            training_set.deviation,
            ensemble.kriging_share,
            MarketDrift(),
            Estimates(
                np.where(features.complete, features.kriging_log_price, np.nan),
                features.error_features,
            ),
        )
        if sales.date is None or validation.date is None:
            return model
        residual = np.log(validation.price) - model.predict(validation.facts, validation.date, validation.home)
        return replace(model, drift=MarketDrift.fit(sales.date.max(), validation.date, residual))

    def estimate(self, facts: Facts, date: DateArray | None, home: NDArray[np.int64] | None = None) -> Estimates:
        """Predict the log prices of n homes at their valuation dates.

        Parameters
        ----------
        home
            Identifiers of the homes; a home's own sales, if the model has them, are then left out.
        """
        chunks = [self._estimate_chunk(facts, date, home, rows) for rows in _chunks(len(facts))]
        log_price, error_features = (np.concatenate(column) for column in zip(*chunks, strict=True))
        return Estimates(log_price + self.drift.at(date, len(facts)), error_features)

    def predict(self, facts: Facts, date: DateArray | None, home: NDArray[np.int64] | None = None) -> FloatArray:
        """Return the log prices alone, shape (n,)."""
        return self.estimate(facts, date, home).log_price

    def _estimate_chunk(
        self, facts: Facts, date: DateArray | None, home: NDArray[np.int64] | None, rows: slice
    ) -> tuple[FloatArray, FloatArray]:
        """Return the log prices, without the drift, and the error features of some homes."""
        features = self.pipeline.transform(
            facts.take(rows), None if date is None else date[rows], None if home is None else home[rows]
        )
        log_price = predict_mean(self.networks, features.columns) * self.deviation + self.mean
        return blend_kriging(log_price, features, self.kriging_share), features.error_features

    def with_sales(self, sales: Sales) -> "PriceModel":
        """Return the same model with newer sales for kriging and the comparables to use.

        The networks are not trained again.
        See benchmarks/DECISIONS.md, "Networks are not retrained on the validation sales".
        The value of a home among these sales uses its own price.
        """
        with threadpool_limits(1, user_api="blas"):
            pipeline = self.pipeline.with_sales(sales)
        return replace(self, pipeline=pipeline, training_estimates=None)

    def predict_with_weights(
        self, weights: Sequence[NDArray[np.float32]], facts: Facts, date: DateArray | None
    ) -> FloatArray:
        """Return what the first network predicted for n homes with k earlier weights, log price, shape (k, n).

        The features are the current ones. Kriging's share and the drift are left out.

        Parameters
        ----------
        weights
            The network's parameter vectors, as callbacks received them during training.
        """
        columns = self.pipeline.transform(facts, date).columns
        network = Network.from_state(self.networks.networks[0].state())  # a copy: the model is never changed
        predictions = []
        for vector in weights:
            np.copyto(network.parameters.vector, vector)
            predictions.append(network.predict(columns, PREDICTION_BATCH)[:, 0])
        standardised = np.array(predictions, np.float64).reshape(len(weights), len(facts))
        return standardised * self.deviation + self.mean

    @property
    def facts(self) -> tuple[str, ...]:
        """Names of the facts it uses, in the market's order."""
        return self.pipeline.encoding.fact_names

    @property
    def comparables(self) -> Comparables | None:
        """The sold homes that it compares with; None in a market without locations."""
        return self.pipeline.comparables

    def unknown(self, facts: Facts) -> BoolArray:
        """Return which facts the networks treat as unknown, shape (n, len(self.facts))."""
        unknown = facts.unknown(self.facts)
        for feature in self.market.labels:
            unknown[:, self.facts.index(feature.name)] |= self.pipeline.encoding.unseen(facts, feature.name)
        return unknown

    def label_warnings(self, facts: Facts) -> dict[str, BoolArray]:
        """Return a warning for each fact with labels that are treated as unknown, and where, shape (n,)."""
        warnings: dict[str, BoolArray] = {}
        for feature in self.market.labels:
            unseen = self.pipeline.encoding.unseen(facts, feature.name)
            rare = self.pipeline.encoding.rare(facts, feature.name)
            name = feature.name
            warnings[f"No training sale has this {name}, so it is treated as unknown"] = unseen & ~rare
            text = f"Fewer than {MIN_LABEL_COUNT} training sales have this {name}, so it is treated as unknown"
            warnings[text] = rare
        return {text: where for text, where in warnings.items() if where.any()}

    def state(self) -> dict[str, Any]:
        """Return everything fitted as plain values and arrays, for `from_state`."""
        return {
            "features": self.pipeline.state(),
            "networks": [network.state() for network in self.networks.networks],
            "mean": self.mean,
            "deviation": self.deviation,
            "kriging_share": self.kriging_share,
            "drift": self.drift.state(),
        }

    @classmethod
    def from_state(cls, market: Market, state: Mapping[str, Any]) -> Self:
        """Restore the model from its state; it predicts the same, bit for bit."""
        return cls(
            market,
            FeaturePipeline.from_state(market, state["features"]),
            StackedNetworks([Network.from_state(network) for network in state["networks"]]),
            state["mean"],
            state["deviation"],
            state["kriging_share"],
            MarketDrift.from_state(state["drift"]),
        )


def _chunks(n: int) -> Iterator[slice]:
    """Yield the rows to take at a time; one empty chunk if n is 0."""
    for start in range(0, max(n, 1), _CHUNK_SIZE):
        yield slice(start, start + _CHUNK_SIZE)
