"""Facts → log price: what kriging and comparables say and the facts themselves, weighed by networks.

Each network is an ensemble whose members share their weights but for a few vectors (TabM, Gorishniy et al. 2024).
Every number goes in twice: as it is and as trained waves (Gorishniy et al. 2022), so that price may rise and fall
within a mile. Knows no currency, no areas and no ranges.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from estimator.comparables import Comparables
from estimator.drift import MarketDrift
from estimator.evidence import Evidence, Seen
from estimator.facts import BoolArray, DateArray, Facts, FloatArray
from estimator.lessons import Lessons, prepare
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
    MonotoneSum,
    Network,
    Periodic,
    Plan,
    ReLU,
    Sequential,
    SideBySide,
    cosine,
    train,
)
from estimator.recipe import DEFAULTS, LEAST_BATCH, Recipe
from estimator.sales import Sales

Callback = Callable[[Network, Epoch], None]


@runtime_checkable
class Watcher(Protocol):
    """A callback that is told of every step of the first network too."""

    def step(self, network: Network, done: int) -> None:
        """Look at the network before its first step and after each."""


_PIECE = 4096
"""Homes whose columns are made at a time: some megabytes, whatever the file's size."""

_THROUGH = 128
"""Homes that go through a network at a time: what eight members make of them then stays in a core's cache. 64 and
256 were slower."""


@dataclass(frozen=True)
class Learned:
    """What came of the lessons.

    Parameters
    ----------
    networks
        Columns → standardised log price, to be averaged.
    kriging_share
        Of kriging's own estimate beside theirs, 0 to 1.
    log_rmse
        Of both together on the validation sales, which chose them: lower than it will be on others.
    """

    networks: tuple[Network, ...]
    kriging_share: float
    log_rmse: float


@dataclass(frozen=True)
class Estimates:
    """Of n homes: log prices (n,), and clues (n, c) to how far off they may be; see `Seen`."""

    log_price: FloatArray
    clues: FloatArray


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
        evidence: Evidence,
        networks: Sequence[Network],
        mean: float,
        deviation: float,
        kriging_share: float,
        drift: MarketDrift,
        left_out: Estimates | None = None,
    ) -> None:
        self._market = market
        self._evidence = evidence
        self._networks = SideBySide(networks)
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
            Called after each epoch; those of all networks are counted on.
        recipe
            How the networks are built and trained.
        """
        # On products of this size two threads are slower than one; and other threads would be other last bits.
        with threadpool_limits(1, user_api="blas"):
            evidence, lessons = prepare(market, sales, validation, recipe.withheld_share, rng)
            learned = learn_from(lessons, recipe, rng, callbacks)
        scale = (lessons.mean, lessons.deviation)
        seen = lessons.left_out
        left_out = Estimates(np.where(seen.complete, seen.by_kriging, np.nan), seen.clues)
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
        log_price, clues = (np.concatenate(column) for column in zip(*pieces, strict=True))
        return Estimates(log_price + self._drift.at(date, len(facts)), clues)

    def predict(self, facts: Facts, date: DateArray | None, home: NDArray[np.int64] | None = None) -> FloatArray:
        """Return the log prices alone, shape (n,)."""
        return self.estimate(facts, date, home).log_price

    def _piece(
        self, facts: Facts, date: DateArray | None, home: NDArray[np.int64] | None, rows: slice
    ) -> tuple[FloatArray, FloatArray]:
        """Return the log prices without the drift, and the clues, of some homes."""
        seen = self._evidence.seen(
            facts.take(rows), None if date is None else date[rows], None if home is None else home[rows]
        )
        answers = _average(self._networks, seen.columns)
        return _mixed(answers * self._deviation + self._mean, seen, self._kriging_share), seen.clues

    def knowing(self, sales: Sales) -> "PriceModel":
        """Return the model with these sales as evidence, for whoever values a home after them.

        The networks, which have learned what evidence is worth, need not learn again. A sale among these sees its
        own price.
        """
        with threadpool_limits(1, user_api="blas"):
            evidence = self._evidence.knowing(sales)
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
        columns = self._evidence.seen(facts, date).columns
        network = Network.from_state(self._networks.networks[0].state())  # a copy: the model is never changed
        said = []
        for each in weights:
            np.copyto(network.parameters.vector, each)
            said.append(network.predict(columns, _THROUGH)[:, 0])
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
            Evidence.from_state(market, state["evidence"]),
            [Network.from_state(network) for network in state["networks"]],
            state["mean"],
            state["deviation"],
            state["kriging_share"],
            MarketDrift.from_state(state["drift"]),
        )


def learn_from(
    lessons: Lessons, recipe: Recipe, rng: np.random.Generator, callbacks: Sequence[Callback] = ()
) -> Learned:
    """Train networks by a recipe, and weigh kriging beside them.

    Parameters
    ----------
    rng
        Source of all randomness: the same one gives the same networks.
    callbacks
        Called after each epoch; those of all networks are counted on.

    Raises
    ------
    NonFiniteLossError
        The recipe cannot be learned by: its steps lead away from any answer.
    """
    log_price = lessons.validation_log_price
    networks = _train(lessons, recipe, rng, callbacks)
    by_networks = _average(SideBySide(networks), lessons.validation.columns) * lessons.deviation + lessons.mean
    share = _share(lessons.validation, by_networks, log_price)
    miss = _mixed(by_networks, lessons.validation, share) - log_price
    return Learned(networks, share, float(np.sqrt(np.mean(miss**2))))


def _train(
    lessons: Lessons, recipe: Recipe, rng: np.random.Generator, callbacks: Sequence[Callback]
) -> tuple[Network, ...]:
    """Train the networks one after the other."""
    x, y = lessons.columns, lessons.price
    target = (lessons.validation_log_price - lessons.mean) / lessons.deviation
    told: Sequence[object] = callbacks
    watchers = [each for each in told if isinstance(each, Watcher)]
    networks = []
    for before in range(0, recipe.networks * recipe.epochs, recipe.epochs):
        network = Network(_layers(lessons, recipe), rng=rng)
        train(
            network,
            Batches(x, y, min(recipe.batch_size, max(LEAST_BATCH, len(x) // recipe.least_steps))),
            loss=RMSE(),
            optimiser=AdamW(recipe.learning_rate, weight_decay=recipe.weight_decay),
            rng=rng,
            plan=Plan(
                epochs=recipe.epochs,
                schedule=cosine,
                clip_norm=recipe.clip_norm,
                patience=recipe.patience,
                watch=None if before else _telling(watchers),
            ),
            validation=(lessons.validation.columns, target),
            callbacks=[_counted_on(callback, before, recipe) for callback in callbacks],
        )
        networks.append(network)
    return tuple(networks)


def _counted_on(callback: Callback, before: int, recipe: Recipe) -> Callback:
    """Return the callback, told of a network's epochs as of those of the whole training."""
    planned = recipe.networks * recipe.epochs
    return lambda network, epoch: callback(network, replace(epoch, number=before + epoch.number, planned=planned))


def _telling(watchers: Sequence[Watcher]) -> Callable[[Network, int], None]:
    """Return what tells every watcher of a step."""

    def tell(network: Network, done: int) -> None:
        for watcher in watchers:
            watcher.step(network, done)

    return tell


def _pieces(n: int) -> Iterator[slice]:
    """Return the rows to take at a time; one piece of none where there are none."""
    for start in range(0, max(n, 1), _PIECE):
        yield slice(start, start + _PIECE)


def _average(networks: SideBySide, columns: NDArray[np.float32]) -> FloatArray:
    """Return the networks' mean answer for columns (n, d), shape (n,)."""
    return networks.predict(columns, _THROUGH)[:, 0]


def _mixed(by_networks: FloatArray, seen: Seen, share: float) -> FloatArray:
    """Return log prices (n,) of which kriging has a share, where it knows enough; see `Seen.complete`."""
    part = share * seen.complete
    # Not by their difference, whose rounding could make a price fall where both rise.
    mixed: FloatArray = (1 - part) * by_networks + part * seen.by_kriging
    return mixed


def _share(seen: Seen, by_networks: FloatArray, log_price: FloatArray) -> float:
    """Return the share of kriging, 0 to 1, whose mix with the networks is nearest to m log prices.

    Least squares of one number (Wolpert 1992, Stacked generalization). It is 0.2 to 0.4 in King County; in Ames,
    where sales are few, more than half, and the error 4 % less; in California, with the networks far ahead, none.
    """
    apart = seen.complete * (seen.by_kriging - by_networks)
    square = float(apart @ apart)
    return float(np.clip(apart @ (log_price - by_networks) / square, 0.0, 1.0)) if square else 0.0


def _layers(lessons: Lessons, recipe: Recipe) -> list[Layer]:
    """Return a network that no directed number can lower, whatever the others are."""
    context = lessons.columns.shape[1] - lessons.directed
    waves = Periodic(lessons.numbers, recipe.waves, recipe.waves_width, recipe.waves_sigma)
    first: list[Layer] = []
    n_in = context
    if lessons.numbers:
        first = [Beside([(0, lessons.numbers, Sequential([waves, ReLU()])), (0, context, Identity())])]
        n_in += lessons.numbers * recipe.waves_width
    layers = [*first, MemberScale(recipe.members, n_in)]
    for _ in range(recipe.depth):
        layers += [Dense(n_in, recipe.width, bias=None), MemberBias(recipe.members, recipe.width), ReLU()]
        n_in = recipe.width
    terms = Sequential([*layers, MemberDense(recipe.members, n_in, 1 + lessons.directed)])
    return [MonotoneSum(context, terms)]
