"""Facts → log price: networks weigh the facts with the prices that kriging and comparables suggest.

The networks, kriging and the comparables know prices adjusted for time, and no date. They give a home's worth on
the day of the price index's zero; a value as of any day is worth + index. From sales since their training the
networks go on learning, and what they got wrong about these corrects the worth of similar homes.

Knows no currency, no areas and no ranges.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
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
from estimator.model.continued_learning import follow_sales
from estimator.model.ensemble import Callback
from estimator.model.estimates import Estimates, TrainingErrors
from estimator.model.price_index import PriceIndex, first_index, index_of_sales
from estimator.model.price_networks import (
    PriceNetworks,
    TrainedNetworks,
    fit_price_networks,
    refit_price_networks,
)
from estimator.model.recent_errors import RecentErrors
from estimator.model.recipe import DEFAULTS, Recipe
from estimator.model.sales_since_training import SalesSinceTraining
from estimator.model.training_set import adjusted_log_price, build_training_set, extend_training_set

_CHUNK_SIZE = 4096
"""Homes whose columns are computed at a time: they take some megabytes, however large the file."""


@dataclass(frozen=True, eq=False)
class PriceModel:
    """Predicts log prices in one market; made by `fit` or `from_state`, then never changed.

    Parameters
    ----------
    market
        The market.
    pipeline
        Facts → features.
    networks
        Features → log price: those that were trained, or what they are after a refresh.
    index
        How prices have moved over time.
    sales
        The sales that the index, kriging and the comparables know, their areas' figures filled in.
    residual
        Their log(price) − worth, each worth estimated without the sale's own price and without `recent_errors`,
        shape (n,): what the index is estimated from.
    learned
        Whether the networks were trained on them, shape (n,).
    trained
        The networks as they were trained.
    since
        The newest of the other sales.
    recent_errors
        Corrects the worth by the trained networks' errors on these; None where they say nothing.
    training_errors
        Of the training sales by kriging, for fitting an error scale. Only after `fit`, otherwise None.
    teacher
        The trained networks that taught `networks`, if it is a student. They are not part of the state.
    """

    market: Market
    pipeline: FeaturePipeline
    networks: PriceNetworks
    index: PriceIndex
    sales: Sales
    residual: FloatArray
    learned: BoolArray
    trained: PriceNetworks
    since: SalesSinceTraining
    recent_errors: RecentErrors | None = None
    training_errors: TrainingErrors | None = None
    teacher: PriceNetworks | None = None

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
            Sales that decide which epoch's weights are kept.
        rng
            Source of all randomness: the same one gives the same model.
        callbacks
            Called after each epoch of each network.
        recipe
            How the networks are built and trained.
        """
        recipe = recipe.for_sales(len(sales), len(market.features))
        # One BLAS thread outside `parallel_map` too, for the reasons given there.
        with threadpool_limits(1, user_api="blas"):
            index, residual = first_index(market, sales.joined(validation), rng)
            pipeline, training_set = build_training_set(
                market, sales, validation, index, recipe.withheld_share, rng
            )
            trained = fit_price_networks(training_set, recipe, rng, callbacks)
        features = training_set.leave_home_out
        error = adjusted_log_price(market, sales, index) - features.kriging_log_price
        return cls(
            market,
            pipeline,
            trained.served,
            index,
            sales,
            residual[: len(sales)],
            np.ones(len(sales), np.bool_),
            trained.served,
            SalesSinceTraining.none(),
            training_errors=TrainingErrors(np.where(features.complete, error, np.nan), features.error_features),
            teacher=trained.teacher,
        )

    def retrained(
        self, recipe: Recipe, rng: np.random.Generator, callbacks: Sequence[Callback] = ()
    ) -> "PriceModel":
        """Return the model with networks that have gone on learning, from all sales that it knows by now.

        The networks of `fit` do not know the validation sales, nor those of `with_sales`: in a market that grows,
        these are the newest homes. See benchmarks/DECISIONS.md, "Networks that answer learn from all sales".

        Parameters
        ----------
        recipe
            That of `fit`.
        rng, callbacks
            As for `fit`.

        Raises
        ------
        ValueError
            The model was restored from its state, which lacks the networks that taught the student.
        """
        recipe = recipe.for_sales(len(self.sales), len(self.market.features))
        if recipe.student and self.teacher is None and recipe.networks * recipe.members > 1:
            raise ValueError("a restored model lacks the networks that taught its student; fit it anew")
        scale = self.networks.mean, self.networks.deviation
        with threadpool_limits(1, user_api="blas"):
            pipeline, training_set = extend_training_set(
                self.pipeline, self.sales, self.index, scale, recipe.withheld_share, rng
            )
            fitted = TrainedNetworks(self.trained, self.teacher)
            trained = refit_price_networks(training_set, fitted, recipe, rng, callbacks)
        return replace(
            self,
            pipeline=pipeline,
            learned=np.ones(len(self.sales), np.bool_),
        ).valued_by(trained.served, trained.teacher)

    def estimate(
        self,
        facts: Facts,
        date: DateArray | None,
        home: NDArray[np.int64] | None = None,
        before: DateArray | None = None,
    ) -> Estimates:
        """Estimate the worth of n homes, as they are on their valuation dates.

        Parameters
        ----------
        home
            Identifiers of the homes; a home's own sales are then left out of its comparables.
        before
            Only sales before these dates are comparables, shape (n,); None for all sales.
        """
        chunks = [self._estimate_chunk(facts, date, home, before, rows) for rows in _chunks(len(facts))]
        if len(chunks) == 1:
            return Estimates(*chunks[0])
        log_worth, error_features = (np.concatenate(column) for column in zip(*chunks, strict=True))
        return Estimates(log_worth, error_features)

    def predict(self, facts: Facts, date: DateArray | None, home: NDArray[np.int64] | None = None) -> FloatArray:
        """Return the log prices of n homes at their valuation dates, shape (n,)."""
        return self.estimate(facts, date, home).log_worth + self.index.at(self.market, facts, date)

    def _estimate_chunk(
        self,
        facts: Facts,
        date: DateArray | None,
        home: NDArray[np.int64] | None,
        before: DateArray | None,
        rows: slice,
    ) -> tuple[FloatArray, FloatArray]:
        """Return the worth and the error features of some homes."""
        features = self.pipeline.transform(
            facts.take(rows),
            None if date is None else date[rows],
            None if home is None else home[rows],
            None if before is None else before[rows],
        )
        worth = self.networks.estimate(features)
        if self.recent_errors is not None:
            worth = worth + self.recent_errors.estimate(features.kriging_inputs)
        return worth, features.error_features

    def with_sales(self, sales: Sales, residual: FloatArray, *, learn: bool = True) -> "PriceModel":
        """Return the same model with m more sales for the index, kriging and the comparables to use.

        The networks are not trained anew; see `follow_sales` for what they learn. The value of a home among the
        sales uses its own price.

        Parameters
        ----------
        residual
            Their log(price) − worth, the worth estimated by this model, which does not know them, shape (m,). The
            index takes the level of the newest values from them.
        learn
            Whether the networks may learn from them, as at a refresh. Kriging then keeps its inducing points.
        """
        known = self.sales.joined(sales)
        if self.recent_errors is not None:
            inputs = self.pipeline.encoder.transform(sales.facts, sales.date).kriging_inputs
            residual = residual + self.recent_errors.estimate(inputs)
        residuals = np.concatenate((self.residual, residual))
        learned = np.concatenate((self.learned, np.zeros(len(sales), np.bool_)))
        with threadpool_limits(1, user_api="blas"):
            index = self._index(known, residuals)
            log_price = adjusted_log_price(self.market, known, index)
            pipeline = self.pipeline.with_sales(known, log_price, keep_points=learn)
            since = self.since.joined(known, len(sales), learned, self.pipeline, self.trained)
            networks, recent_errors = follow_sales(
                self.trained, pipeline, known, learned, since, index, learn=learn
            )
        return replace(
            self,
            pipeline=pipeline,
            networks=networks,
            index=index,
            sales=known,
            residual=residuals,
            learned=learned,
            since=since,
            recent_errors=recent_errors,
            training_errors=None,
        )

    def _index(self, known: Sales, residual: FloatArray) -> PriceIndex:
        """Return the index of n sales, without those that lack facts which nearly all training sales know.

        The values of such homes are too high or too low together, which would look like a movement of prices.
        """
        complete = self.pipeline.complete(known.facts)
        rows = complete if complete.any() else np.ones(len(known), np.bool_)
        return index_of_sales(self.market, known.take(rows), residual[rows])

    def without_sales(self, rows: BoolArray) -> "PriceModel":
        """Return the same model that forgets some of its sales, shape (n,), when the next ones are added."""
        kept = ~rows
        return replace(
            self,
            sales=self.sales.take(kept),
            residual=self.residual[kept],
            learned=self.learned[kept],
            since=self.since.without(rows),
        )

    def valued_by(self, networks: PriceNetworks, teacher: PriceNetworks | None = None) -> "PriceModel":
        """Return the same model with networks that have learned nothing since their training."""
        none = SalesSinceTraining.none()
        return replace(self, networks=networks, trained=networks, since=none, recent_errors=None, teacher=teacher)

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
            unknown[:, self.facts.index(feature.name)] |= self.pipeline.unseen(facts, feature.name)
        return unknown

    def state(self) -> dict[str, Any]:
        """Return everything fitted as plain values and arrays, for `from_state`."""
        return {
            "features": self.pipeline.state(),
            **self.networks.state(),
            "index": self.index.state(),
            "sales": self.sales.state(),
            "residual": self.residual,
            "learned": self.learned,
            "trained": None if self.trained is self.networks else self.trained.state(),
            "since": self.since.state(),
            "recent_errors": None if self.recent_errors is None else self.recent_errors.state(),
        }

    @classmethod
    def from_state(cls, market: Market, state: Mapping[str, Any]) -> Self:
        """Restore the model from its state; it predicts the same, bit for bit."""
        sales, recent_errors = Sales.from_state(state["sales"]), state["recent_errors"]
        networks, trained = PriceNetworks.from_state(state), state["trained"]
        return cls(
            market,
            FeaturePipeline.from_state(market, state["features"], sales),
            networks,
            PriceIndex.from_state(state["index"]),
            sales,
            state["residual"],
            state["learned"],
            networks if trained is None else PriceNetworks.from_state(trained),
            SalesSinceTraining.from_state(state["since"]),
            None if recent_errors is None else RecentErrors.from_state(recent_errors),
        )


def _chunks(n: int) -> Iterator[slice]:
    """Yield the rows to take at a time; one empty chunk if n is 0."""
    for start in range(0, max(n, 1), _CHUNK_SIZE):
        yield slice(start, start + _CHUNK_SIZE)
