"""Facts → log price: what the comparables say and the facts themselves, weighed by an ensemble of networks.

The members share their weights but for a few vectors (TabM, Gorishniy et al. 2024), and every number goes in
twice: as it is and as trained waves (Gorishniy et al. 2022), so that price may rise and fall within a mile. Some
sales are learned from a second time with facts withheld, so that it understands a subject that lacks them. Knows
no currency, no areas and no ranges.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from estimator.comparables import NAMES, Comparables
from estimator.drift import MarketDrift
from estimator.encoding import Encoding, NumberScales
from estimator.facts import BoolArray, DateArray, Facts, FloatArray
from estimator.market import Market
from estimator.network import (
    RMSE,
    AdamW,
    Batches,
    Beside,
    Dense,
    Epoch,
    Identity,
    Layer,
    MemberBias,
    MemberDense,
    MemberScale,
    Network,
    Periodic,
    Plan,
    ReLU,
    Sequential,
    cosine,
    train,
)
from estimator.sales import Sales

_LEAST_BATCH = 16
"""Fewer sales than this in a step make its gradient mostly noise."""

Callback = Callable[[Network, Epoch], None]


_ROWS_TOGETHER = 8
"""Homes go through the network in multiples of this: float32 matrix products then give a home the same last bits
whichever others are beside it. A price must not depend on them."""

_PIECE = 4096
"""Homes whose columns are made at a time: some megabytes, whatever the file's size. A multiple of the above."""


@dataclass(frozen=True)
class Recipe:
    """How the network is built and trained; chosen on King County's validation sales.

    Parameters
    ----------
    members
        Networks in the ensemble; 16 lowered the log RMSE by .0005 and took twice as long.
    depth, width
        Hidden layers and neurons in each.
    waves, waves_width, waves_sigma
        Trained waves a number, what they are mixed into, and where their frequencies start.
    learning_rate, weight_decay
        Of AdamW.
    batch_size
        Sales in a step, at most.
    least_steps
        Steps in an epoch, at least, in smaller batches: some hundred sales would otherwise be learned
        from in two steps an epoch, too few to learn anything.
    epochs
        Passes over the sales. Without dropout, which made the errors larger, it begins to fit them too closely
        after 10 to 25; the validation sales decide.
    clip_norm
        Longest gradient of a step, so that one odd sale does not throw the network.
    withheld_share
        Sales learned from once more with facts withheld, for each sale. Without any, the error on homes with
        only place and size is a quarter higher (.254 for .205 log RMSE at random, one seed).
    """

    members: int = 8
    depth: int = 3
    width: int = 128
    waves: int = 24
    waves_width: int = 8
    waves_sigma: float = 0.2
    learning_rate: float = 1.5e-3
    weight_decay: float = 1e-2
    batch_size: int = 256
    least_steps: int = 50
    epochs: int = 30
    clip_norm: float = 1.0
    withheld_share: float = 0.3


@dataclass(frozen=True)
class Columns:
    """Facts and dates → all that the network sees: the encoded facts, and before them what comparables say.

    Parameters
    ----------
    encoding
        Facts → columns.
    comparables
        The sold homes to look among; None in a market without places.
    scales
        Of what the comparables say.
    """

    encoding: Encoding
    comparables: Comparables | None
    scales: NumberScales

    @classmethod
    def fit(cls, market: Market, sales: Sales, rng: np.random.Generator) -> Self:
        """Learn everything but the network from sales."""
        comparables = Comparables.fit(market, sales, rng)
        said = np.empty((len(sales), 0)) if comparables is None else _said(comparables, sales)
        return cls(Encoding.fit(market, sales.facts, sales.date, rng), comparables, NumberScales.fit(said))

    @property
    def numbers(self) -> int:
        """How many of the columns, the first ones, are numbers to be made waves of."""
        return (0 if self.comparables is None else len(NAMES)) + self.encoding.numbers

    def transform(
        self, facts: Facts, date: DateArray | None, home: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        """Return the columns of n homes, shape (n, d); see `Comparables.facts`."""
        encoded = self.encoding.transform(facts, date)
        if self.comparables is None:
            return encoded
        said = self.scales.apply(self.comparables.facts(facts, date, home).astype(np.float64))
        return np.hstack((np.nan_to_num(said).astype(np.float32), encoded))

    def extended(self, sales: Sales) -> "Columns":
        """Return the same columns with more sold homes to look among."""
        return self if self.comparables is None else replace(self, comparables=self.comparables.extended(sales))

    def state(self) -> dict[str, Any]:
        """Return what was learned as plain values and arrays; `from_state` takes it back."""
        return {
            "encoding": self.encoding.state(),
            "comparables": None if self.comparables is None else self.comparables.state(),
            "scales": [self.scales.median, self.scales.spread, self.scales.logarithmic],
        }

    @classmethod
    def from_state(cls, market: Market, state: Mapping[str, Any]) -> Self:
        """Build the columns again from their state."""
        found = state["comparables"]
        return cls(
            Encoding.from_state(market, state["encoding"]),
            None if found is None else Comparables.from_state(market, found),
            NumberScales(*state["scales"]),
        )


class PriceModel:
    """Predicts log prices of one market; made by `fit` or `from_state`, then never changed.

    Parameters
    ----------
    market
        The market.
    columns
        Facts and dates → what the network sees.
    network
        Columns → standardised log price.
    mean, deviation
        Of the training sales' log prices.
    drift
        How far prices have moved since the training sales.
    """

    def __init__(
        self,
        market: Market,
        columns: Columns,
        network: Network,
        mean: float,
        deviation: float,
        drift: MarketDrift,
    ) -> None:
        self._market = market
        self._columns = columns
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
        columns = Columns.fit(market, sales, rng)
        log_price = np.log(sales.price)
        mean, deviation = float(log_price.mean()), float(log_price.std()) or 1.0
        again, less_known = _withheld(market, sales, recipe.withheld_share, rng)
        x = np.vstack([columns.transform(part.facts, part.date, part.home) for part in (sales, less_known)])
        y = (np.concatenate((log_price, log_price[again])) - mean) / deviation
        seen = columns.transform(validation.facts, validation.date, validation.home)
        target = (np.log(validation.price) - mean) / deviation
        batch_size = min(recipe.batch_size, max(_LEAST_BATCH, len(x) // recipe.least_steps))
        network = Network(_layers(columns.numbers, x.shape[1], recipe), rng=rng)
        with threadpool_limits(1, user_api="blas"):  # on products of this size two threads are slower than one
            train(
                network,
                Batches(x, y, batch_size),
                loss=RMSE(),
                optimiser=AdamW(recipe.learning_rate, weight_decay=recipe.weight_decay),
                rng=rng,
                plan=Plan(epochs=recipe.epochs, schedule=cosine, clip_norm=recipe.clip_norm),
                validation=(seen, target),
                callbacks=callbacks,
            )
        # What was sold since is known to whoever values a home today; the network need not learn again for it.
        columns = columns.extended(validation)
        model = cls(market, columns, network, mean, deviation, MarketDrift())
        if sales.date is None or validation.date is None:
            return model
        residual = np.log(validation.price) - model.predict(validation.facts, validation.date, validation.home)
        drift = MarketDrift.fit(sales.date.max(), validation.date, residual)
        return cls(market, columns, network, mean, deviation, drift)

    def predict(self, facts: Facts, date: DateArray | None, home: NDArray[np.int64] | None = None) -> FloatArray:
        """Predict the log prices of n homes at their valuation dates, shape (n,).

        Parameters
        ----------
        home
            Which homes they are, if they are among the sales that `fit` was given: their own are then left out.
        """
        standardised = np.empty(len(facts))
        for start in range(0, len(facts), _PIECE):
            rows = slice(start, start + _PIECE)
            columns = self._columns.transform(
                facts.take(rows), None if date is None else date[rows], None if home is None else home[rows]
            )
            full = np.pad(columns, ((0, -len(columns) % _ROWS_TOGETHER), (0, 0)))
            standardised[rows] = self._network.predict(full)[: len(columns), 0]
        return standardised * self._deviation + self._mean + self._drift.at(date, len(facts))

    @property
    def facts(self) -> tuple[str, ...]:
        """Names of the facts it takes, in the market's order."""
        return self._columns.encoding.facts

    def unknown(self, facts: Facts) -> BoolArray:
        """Return which facts the network goes without, shape (n, len(self.facts))."""
        columns = [~facts.known(name) for name in self.facts]
        for feature in self._market.labels:
            columns[self.facts.index(feature.name)] |= self._columns.encoding.unseen(facts, feature.name)
        return np.column_stack(columns)

    def unseen_labels(self, facts: Facts) -> dict[str, BoolArray]:
        """Return a warning for each fact with labels that no column stands for, and where they are, shape (n,)."""
        unseen = {
            feature.name: self._columns.encoding.unseen(facts, feature.name) for feature in self._market.labels
        }
        return {
            f"{name} is one with too few sales to learn from: taken as unknown": where
            for name, where in unseen.items()
            if where.any()
        }

    def state(self) -> dict[str, Any]:
        """Return everything learned as plain values and arrays; `from_state` takes it back."""
        return {
            "columns": self._columns.state(),
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
            Columns.from_state(market, state["columns"]),
            Network.from_state(state["network"]),
            state["mean"],
            state["deviation"],
            MarketDrift.from_state(state["drift"]),
        )


def _layers(numbers: int, columns: int, recipe: Recipe) -> list[Layer]:
    waves = Periodic(numbers, recipe.waves, recipe.waves_width, recipe.waves_sigma)
    first: list[Layer] = []
    n_in = columns
    if numbers:
        first = [Beside([(0, numbers, Sequential([waves, ReLU()])), (0, columns, Identity())])]
        n_in += numbers * recipe.waves_width
    layers = [*first, MemberScale(recipe.members, n_in)]
    for _ in range(recipe.depth):
        layers += [Dense(n_in, recipe.width, bias=None), MemberBias(recipe.members, recipe.width), ReLU()]
        n_in = recipe.width
    return [*layers, MemberDense(recipe.members, n_in, 1)]


def _said(comparables: Comparables, sales: Sales) -> FloatArray:
    """Return what the comparables of sold homes say, shape (n, 3)."""
    return comparables.facts(sales.facts, sales.date, sales.home).astype(np.float64)


def _withheld(
    market: Market, sales: Sales, share: float, rng: np.random.Generator
) -> tuple[NDArray[np.intp], Sales]:
    """Choose a share of the sales by lot; return which, and them with some optional facts withheld."""
    rows = np.sort(rng.choice(len(sales), round(share * len(sales)), replace=False))
    chosen = sales.take(rows)
    optional = [feature.name for feature in market.features if not feature.required]
    hidden = rng.random((len(rows), len(optional))) < rng.random((len(rows), 1))
    return rows, replace(chosen, facts=chosen.facts.without(dict(zip(optional, hidden.T, strict=True))))
