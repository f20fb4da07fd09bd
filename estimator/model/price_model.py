"""Facts → log price: what kriging and comparables say and the facts themselves, weighed by networks.

Knows no currency, no areas and no ranges.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from estimator.features.comparables import Comparables
from estimator.features.pipeline import FeaturePipeline
from estimator.market.arrays import BoolArray, DateArray, FloatArray
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.market.sales import Sales
from estimator.model.drift import MarketDrift
from estimator.model.ensemble import THROUGH, Callback, average, mixed, train_ensemble
from estimator.model.recipe import DEFAULTS, Recipe
from estimator.model.training_set import build_training_set
from estimator.network import Network, StackedNetworks

_PIECE = 4096
"""Homes whose columns are made at a time: some megabytes, whatever the file's size."""


@dataclass(frozen=True)
class Estimates:
    """Of n homes: log prices (n,), and clues (n, c) to how far off they may be; see `Features`."""

    log_price: FloatArray
    error_features: FloatArray


class PriceModel:
    """Predicts log prices of one market; made by `fit` or `from_state`, then never changed.

    Parameters
    ----------
    market
        The market.
    evidence
        Facts and dates → what the network sees.
    networks
        Columns → standardised log price, to be averaged.
    mean, deviation
        Of the training sales' log prices.
    kriging_share
        Of kriging's own estimate in the log price, 0 to 1, where it knows enough; the rest is the networks'.
    drift
        How far prices have moved since the training sales.
    left_out
        What kriging says of the training sales, each without its own home's; a log price is NaN where it has not
        learned what the unknown facts mean. Of a model just made by `fit`, to learn from; None of any other.
    """

    def __init__(
        self,
        market: Market,
        evidence: FeaturePipeline,
        networks: Sequence[Network],
        mean: float,
        deviation: float,
        kriging_share: float,
        drift: MarketDrift,
        left_out: Estimates | None = None,
    ) -> None:
        self._market = market
        self._evidence = evidence
        self._networks = StackedNetworks(networks)
        self._mean = mean
        self._deviation = deviation
        self._kriging_share = kriging_share
        self._drift = drift
        self.left_out = left_out

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
            Training sales, their area's figures filled in.
        validation
            Sales that decide which epoch's weights are kept, and how far prices have moved since.
        rng
            Source of all randomness: the same one gives the same model.
        callbacks
            Called after each epoch of each network.
        recipe
            How the networks are built and trained.
        """
        # What does not go by `threads.each` is to have one core a product as well, for the reasons told there.
        with threadpool_limits(1, user_api="blas"):
            evidence, lessons = build_training_set(market, sales, validation, recipe.withheld_share, rng)
            learned = train_ensemble(lessons, recipe, rng, callbacks)
        scale = (lessons.mean, lessons.deviation)
        seen = lessons.left_out
        left_out = Estimates(np.where(seen.complete, seen.kriging_log_price, np.nan), seen.error_features)
        model = cls(market, evidence, learned.networks, *scale, learned.kriging_share, MarketDrift(), left_out)
        if sales.date is None or validation.date is None:
            return model
        residual = np.log(validation.price) - model.predict(validation.facts, validation.date, validation.home)
        drift = MarketDrift.fit(sales.date.max(), validation.date, residual)
        return cls(market, evidence, learned.networks, *scale, learned.kriging_share, drift, left_out)

    def estimate(self, facts: Facts, date: DateArray | None, home: NDArray[np.int64] | None = None) -> Estimates:
        """Predict the log prices of n homes at their valuation dates.

        Parameters
        ----------
        home
            Which homes they are, if they are among the sales that `fit` was given: their own are then left out.
        """
        pieces = [self._piece(facts, date, home, rows) for rows in _pieces(len(facts))]
        log_price, error_features = (np.concatenate(column) for column in zip(*pieces, strict=True))
        return Estimates(log_price + self._drift.at(date, len(facts)), error_features)

    def predict(self, facts: Facts, date: DateArray | None, home: NDArray[np.int64] | None = None) -> FloatArray:
        """Return the log prices alone, shape (n,)."""
        return self.estimate(facts, date, home).log_price

    def _piece(
        self, facts: Facts, date: DateArray | None, home: NDArray[np.int64] | None, rows: slice
    ) -> tuple[FloatArray, FloatArray]:
        """Return the log prices without the drift, and the clues, of some homes."""
        seen = self._evidence.transform(
            facts.take(rows), None if date is None else date[rows], None if home is None else home[rows]
        )
        answers = average(self._networks, seen.columns)
        return mixed(answers * self._deviation + self._mean, seen, self._kriging_share), seen.error_features

    def with_sales(self, sales: Sales) -> "PriceModel":
        """Return the model with these sales as evidence, for whoever values a home after them.

        The networks, which have learned what evidence is worth, do not learn again: from the validation sales too,
        for as many passes as the validation sales had chosen before, the error on later ones was the same in King
        County at random, .7 % lower by time, and .9 % higher in Ames (one seed), for twice the training. A sale
        among these sees its own price.
        """
        with threadpool_limits(1, user_api="blas"):
            evidence = self._evidence.with_sales(sales)
        return PriceModel(
            self._market,
            evidence,
            self._networks.networks,
            self._mean,
            self._deviation,
            self._kriging_share,
            self._drift,
        )

    def on_the_way(
        self, weights: Sequence[NDArray[np.float32]], facts: Facts, date: DateArray | None
    ) -> FloatArray:
        """Return what the first network said of n homes while it learned, log prices, shape (k, n).

        Parameters
        ----------
        weights
            Its weights at k moments, as a callback saw them. What it is shown is the evidence of today; kriging's
            share and the drift, which are not its own, are left out.
        """
        columns = self._evidence.transform(facts, date).columns
        network = Network.from_state(self._networks.networks[0].state())  # a copy: the model is never changed
        said = []
        for each in weights:
            np.copyto(network.parameters.vector, each)
            said.append(network.predict(columns, THROUGH)[:, 0])
        return np.array(said, np.float64).reshape(len(weights), len(facts)) * self._deviation + self._mean

    @property
    def deviation(self) -> float:
        """Of the training sales' log prices: what the networks' losses are counted in."""
        return self._deviation

    @property
    def facts(self) -> tuple[str, ...]:
        """Names of the facts it takes, in the market's order."""
        return self._evidence.encoding.facts

    @property
    def comparables(self) -> Comparables | None:
        """The sold homes that it looks among; None in a market without places."""
        return self._evidence.comparables

    def unknown(self, facts: Facts) -> BoolArray:
        """Return which facts the network goes without, shape (n, len(self.facts))."""
        unknown = facts.unknown(self.facts)
        for feature in self._market.labels:
            unknown[:, self.facts.index(feature.name)] |= self._evidence.encoding.unseen(facts, feature.name)
        return unknown

    def unseen_labels(self, facts: Facts) -> dict[str, BoolArray]:
        """Return a warning for each fact with labels that no column stands for, and where they are, shape (n,)."""
        unseen = {
            feature.name: self._evidence.encoding.unseen(facts, feature.name) for feature in self._market.labels
        }
        return {
            f"{name} is one with too few sales to learn from: taken as unknown": where
            for name, where in unseen.items()
            if where.any()
        }

    def state(self) -> dict[str, Any]:
        """Return everything learned as plain values and arrays; `from_state` takes it back."""
        return {
            "evidence": self._evidence.state(),
            "networks": [network.state() for network in self._networks.networks],
            "mean": self._mean,
            "deviation": self._deviation,
            "kriging_share": self._kriging_share,
            "drift": self._drift.state(),
        }

    @classmethod
    def from_state(cls, market: Market, state: Mapping[str, Any]) -> Self:
        """Build the model again from its state; it predicts the same, bit for bit."""
        return cls(
            market,
            FeaturePipeline.from_state(market, state["evidence"]),
            [Network.from_state(network) for network in state["networks"]],
            state["mean"],
            state["deviation"],
            state["kriging_share"],
            MarketDrift.from_state(state["drift"]),
        )


def _pieces(n: int) -> Iterator[slice]:
    """Return the rows to take at a time; one piece of none where there are none."""
    for start in range(0, max(n, 1), _PIECE):
        yield slice(start, start + _PIECE)
