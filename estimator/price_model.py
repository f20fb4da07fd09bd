"""Facts → log price: a plain multilayer perceptron on encoded facts.

It learns with facts withheld at random, so that it understands the ones a subject lacks. Knows no currency, no
areas and no ranges.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from estimator.drift import MarketDrift
from estimator.encoding import ALWAYS_THERE, Encoding
from estimator.facts import BoolArray, DateArray, Facts, FloatArray
from estimator.market import Market
from estimator.network import (
    RMSE,
    AdamW,
    Batches,
    Dense,
    Dropout,
    Epoch,
    Layer,
    Network,
    Plan,
    SiLU,
    cosine,
    train,
)
from estimator.sales import Sales

_LEAST_BATCH = 16
"""Fewer sales than this in a step make its gradient mostly noise."""

Callback = Callable[[Network, Epoch], None]


@dataclass(frozen=True)
class Recipe:
    """How the network is built and trained; chosen on King County's validation sales (time split).

    Parameters
    ----------
    depth, width
        Hidden layers and neurons in each: 2 × 256 was as good as 3 × 256 and as 2 × 512.
    dropout
        Share of hidden activations dropped; 0.1 fitted the training sales closer and the later ones worse.
    learning_rate, weight_decay
        Of AdamW; twice and half the rate did worse, ten times the decay no better.
    batch_size
        Sales in a step, at most.
    least_steps
        Steps in an epoch, at least, in smaller batches: some hundred sales would otherwise be learned
        from in two steps an epoch, too few to learn anything.
    epochs
        Passes over the sales; the validation error is lowest after about 30 of 40.
    clip_norm
        Longest gradient of a step, so that one odd sale does not throw the network.
    withheld_share
        Share of sales in a step that lack some facts. Without any, the error on homes with only place and size
        is a third higher; with half of them, the error on fully known homes grows.
    """

    depth: int = 2
    width: int = 256
    dropout: float = 0.2
    learning_rate: float = 1.5e-3
    weight_decay: float = 1e-2
    batch_size: int = 256
    least_steps: int = 50
    epochs: int = 40
    clip_norm: float = 1.0
    withheld_share: float = 0.3


class PriceModel:
    """Predicts log prices of one market; made by `fit` or `from_state`, then never changed.

    Parameters
    ----------
    market
        The market.
    encoding
        Facts → what the network sees.
    network
        Encoded facts → standardised log price. In float64: a price must not depend on which other subjects are
        in the batch, and float32 matrix products differ in their last bits with their shape.
    mean, deviation
        Of the training sales' log prices.
    drift
        How far prices have moved since the training sales.
    """

    def __init__(
        self,
        market: Market,
        encoding: Encoding,
        network: Network,
        mean: float,
        deviation: float,
        drift: MarketDrift,
    ) -> None:
        self._market = market
        self._encoding = encoding
        self._network = network
        self._mean = mean
        self._deviation = deviation
        self._drift = drift

    @classmethod
    def fit(
        cls,
        market: Market,
        sales: Sales,
        validation: Sales,
        rng: np.random.Generator,
        callbacks: Sequence[Callback] = (),
        recipe: Recipe = Recipe(),
    ) -> Self:
        """Train a network.

        Parameters
        ----------
        sales
            Training sales, their area's figures filled in.
        validation
            Sales that decide which epoch's weights are kept, and how far prices have moved since.
        rng
            Source of all randomness: the same one gives the same model.
        callbacks
            Called after each epoch.
        recipe
            How the network is built and trained.
        """
        encoding = Encoding.fit(market, sales.facts, sales.date, rng)
        log_price = np.log(sales.price)
        mean, deviation = float(log_price.mean()), float(log_price.std()) or 1.0
        x = encoding.transform(sales.facts, sales.date)
        seen = encoding.transform(validation.facts, validation.date)
        target = (np.log(validation.price) - mean) / deviation
        batch_size = min(recipe.batch_size, max(_LEAST_BATCH, len(x) // recipe.least_steps))
        network = Network(_layers(x.shape[1], recipe), rng=rng)
        with threadpool_limits(1, user_api="blas"):  # on products of this size two threads are slower than one
            train(
                network,
                Batches(x, (log_price - mean) / deviation, batch_size, augment=_withhold(encoding, recipe)),
                loss=RMSE(),
                optimiser=AdamW(recipe.learning_rate, weight_decay=recipe.weight_decay),
                rng=rng,
                plan=Plan(epochs=recipe.epochs, schedule=cosine, clip_norm=recipe.clip_norm),
                validation=(seen, target),
                callbacks=callbacks,
            )
        model = cls(market, encoding, network.as_type(np.float64), mean, deviation, MarketDrift())
        if sales.date is None or validation.date is None:
            return model
        residual = np.log(validation.price) - model.predict(validation.facts, validation.date)
        drift = MarketDrift.fit(sales.date.max(), validation.date, residual)
        return cls(market, encoding, model._network, mean, deviation, drift)

    def predict(self, facts: Facts, date: DateArray | None) -> FloatArray:
        """Predict the log prices of n homes at their valuation dates, shape (n,)."""
        encoded = self._encoding.transform(facts, date)
        standardised = self._network.predict(encoded)[:, 0]
        return standardised * self._deviation + self._mean + self._drift.at(date, len(facts))

    @property
    def facts(self) -> tuple[str, ...]:
        """Names of the facts it takes, in the market's order."""
        return self._encoding.facts

    def unknown(self, facts: Facts) -> BoolArray:
        """Return which facts the network goes without, shape (n, len(self.facts))."""
        columns = [~facts.known(name) for name in self.facts]
        for feature in self._market.labels:
            columns[self.facts.index(feature.name)] |= self._encoding.unseen(facts, feature.name)
        return np.column_stack(columns)

    def unseen_labels(self, facts: Facts) -> dict[str, BoolArray]:
        """Return a warning for each fact with labels that no column stands for, and where they are, shape (n,)."""
        unseen = {feature.name: self._encoding.unseen(facts, feature.name) for feature in self._market.labels}
        return {
            f"{name} is one with too few sales to learn from: taken as unknown": where
            for name, where in unseen.items()
            if where.any()
        }

    def state(self) -> dict[str, Any]:
        """Return everything learned as plain values and arrays; `from_state` takes it back."""
        return {
            "encoding": self._encoding.state(),
            "network": self._network.state(),
            "mean": self._mean,
            "deviation": self._deviation,
            "drift": self._drift.state(),
        }

    @classmethod
    def from_state(cls, market: Market, state: Mapping[str, Any]) -> Self:
        """Build the model again from its state; it predicts the same, bit for bit."""
        return cls(
            market,
            Encoding.from_state(market, state["encoding"]),
            Network.from_state(state["network"]),
            state["mean"],
            state["deviation"],
            MarketDrift.from_state(state["drift"]),
        )


def _layers(columns: int, recipe: Recipe) -> list[Layer]:
    layers: list[Layer] = []
    for n_in in [columns] + [recipe.width] * (recipe.depth - 1):
        layers += [Dense(n_in, recipe.width), SiLU(), Dropout(recipe.dropout)]
    return [*layers, Dense(recipe.width, 1)]


def _withhold(encoding: Encoding, recipe: Recipe) -> Callable[[NDArray[Any], np.random.Generator], None]:
    """Return what hides facts from the network: in some rows of a batch, a random share of them."""
    owner = encoding.fact_of_column

    def withhold(x: NDArray[Any], rng: np.random.Generator) -> None:
        rows = np.flatnonzero(rng.random(len(x)) < recipe.withheld_share)
        share = rng.random((len(rows), 1))
        hidden = rng.random((len(rows), len(encoding.facts))) < share
        x[rows] = np.where(hidden[:, owner] & (owner != ALWAYS_THERE), encoding.unknown, x[rows])

    return withhold
