"""Continued learning: a refresh lets the student learn from the sales since its training.

It learns their prices, and its own values of earlier sales, so that it does not forget. Half of what it learned is
kept, and half of the correction by recent errors: each alone follows what is new in a market too far or not far
enough. See benchmarks/DECISIONS.md, "What a refresh learns".
"""

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from estimator.features.pipeline import FeaturePipeline
from estimator.market.arrays import BoolArray, Float32Array, FloatArray
from estimator.market.robust import median_and_sigma
from estimator.market.sales import Sales
from estimator.model.ensemble import AVERAGE_DECAY, predict_mean
from estimator.model.price_index import PriceIndex
from estimator.model.price_networks import PriceNetworks
from estimator.model.recent_errors import MAX_DEVIATIONS, MIN_SALES, RecentErrors, fit_recent_errors
from estimator.model.recipe import DEFAULTS
from estimator.model.sales_since_training import SalesSinceTraining
from estimator.model.training_set import adjusted_log_price, withhold_facts
from estimator.network import MSE, AdamW, Network, Plan, StackedNetworks, Stream, cosine, train

LEARNED_SHARE = 0.5
"""Share of the change of the student's weights that is kept; the rest is left to the correction."""
PASSES = 10
"""Over the sales since the training and the earlier ones. "What a refresh learns" has the errors with other
numbers."""
REPEATS = 3
"""How often a sale since the training is in a pass; an earlier one is in it once."""
MAX_EARLIER = 4000
"""Earlier sales in a pass, drawn at random."""
BATCH_SIZE = 512
"""Twice that of a training: values then depend less on which sales share a batch."""
LEARNING_RATE = 1e-3
SEED = 0
"""Draws the earlier sales and the order. Always the same, so that the values depend on the sales alone."""


def follow_sales(
    trained: PriceNetworks,
    pipeline: FeaturePipeline,
    known: Sales,
    learned: BoolArray,
    since: SalesSinceTraining,
    index: PriceIndex,
    *,
    learn: bool,
) -> tuple[PriceNetworks, RecentErrors | None]:
    """Return the networks after they learned from the sales since their training, and the correction of the rest.

    Only one network learns, from `MIN_SALES` sales on: several that answer together would take minutes. Networks
    that do not learn are returned as they were trained, with the correction in full. A saved model does not know
    its recipe, so weight decay and the like are the defaults.

    Parameters
    ----------
    trained
        The networks as they were trained; not changed.
    pipeline, index
        Of all sales that the model knows.
    known
        All n sales that the model knows.
    learned
        Whether the networks were trained on them, shape (n,).
    since
        The newest of those that they were not trained on.
    learn
        Whether the networks may learn.
    """
    newest = known.take(since.row)
    log_price = adjusted_log_price(pipeline.encoder.market, newest, index)
    homes = pipeline.encoder.transform(newest.facts, newest.date).kriging_inputs
    recent_errors = fit_recent_errors(homes, log_price - since.log_worth, pipeline.kriging.range_km)
    rng = np.random.default_rng(SEED)
    networks = trained.networks.networks
    if not learn or len(networks) > 1 or len(since) < MIN_SALES or not learned.any():
        return trained, recent_errors
    earlier = _earlier_columns(pipeline, known, learned, rng)
    price = with_bounded_errors(
        (log_price - trained.mean) / trained.deviation, predict_mean(trained.networks, since.columns)
    )
    student = _learn(networks[0], since.columns, price, earlier, since.row, rng)
    half = None if recent_errors is None else recent_errors.times(1 - LEARNED_SHARE)
    return replace(trained, networks=StackedNetworks([student])), half


def with_bounded_errors(price: FloatArray, value: FloatArray) -> FloatArray:
    """Return n log prices, those with extreme errors moved closer to their values, shape (n,).

    Parameters
    ----------
    price, value
        Log prices, and what a network takes the homes to be worth, in the same units, shape (n,). Their difference
        counts for at most `MAX_DEVIATIONS` robust standard deviations from its median.
    """
    error = price - value
    median, deviation = median_and_sigma(error)
    bound = MAX_DEVIATIONS * deviation
    return value + np.clip(error, median - bound, median + bound)


def _learn(
    network: Network,
    columns: Float32Array,
    target: FloatArray,
    earlier: Float32Array,
    row: NDArray[np.intp],
    rng: np.random.Generator,
) -> Network:
    """Return the network after `LEARNED_SHARE` of what it learns from sales, and from itself of earlier ones.

    Parameters
    ----------
    columns, target
        Of the m sales since the training.
    earlier
        Columns of earlier sales.
    row
        Rows of the m sales among all that the model knows, shape (m,): they decide the order of the sales.
    """
    student = Network.from_state(network.state())
    x = np.vstack((earlier, np.repeat(columns, REPEATS, axis=0)))
    y = np.concatenate((network.predict(earlier)[:, 0], np.repeat(target, REPEATS))).astype(np.float32)

    def one_pass(rng: np.random.Generator) -> Iterator[tuple[Float32Array, Float32Array]]:
        order = steady_order(len(earlier), row, rng)
        for start in range(0, len(order), BATCH_SIZE):
            batch = order[start : start + BATCH_SIZE]
            yield x[batch], y[batch]

    train(
        student,
        Stream(one_pass, math.ceil(len(x) / BATCH_SIZE)),
        loss=MSE(),
        optimiser=AdamW(LEARNING_RATE, weight_decay=DEFAULTS.weight_decay),
        rng=rng,
        plan=Plan(
            epochs=PASSES,
            schedule=cosine,
            clip_norm=DEFAULTS.clip_norm,
            average_decay=AVERAGE_DECAY,
        ),
    )
    before, after = network.parameters.vector, student.parameters.vector
    after[...] = before + np.float32(LEARNED_SHARE) * (after - before)
    return student


def steady_order(n_earlier: int, row: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.intp]:
    """Return a random order of some earlier sales, then m later ones `REPEATS` times each.

    A later sale takes its place between the others, whose order stays: one sale more must hardly change what is
    learned, or the values of homes far from it would move at every refresh.
    """
    of_earlier, of_later = rng.spawn(2)  # spawned, so that a pass draws the same however many the last one drew
    places = of_later.random((int(row.max()) + 1, REPEATS))[row]
    return np.argsort(np.concatenate((of_earlier.random(n_earlier), places.ravel())), kind="stable")


def _earlier_columns(
    pipeline: FeaturePipeline, known: Sales, learned: BoolArray, rng: np.random.Generator
) -> Float32Array:
    """Return the columns of some of the sales that the networks were trained on, some with facts withheld."""
    rows = np.flatnonzero(learned)
    drawn = known.take(np.sort(rng.choice(rows, min(len(rows), MAX_EARLIER), replace=False)))
    _, withheld = withhold_facts(pipeline.encoder.market, drawn, DEFAULTS.withheld_share, rng)
    return np.vstack(
        [pipeline.transform(each.facts, each.date, each.home, each.date).columns for each in (drawn, withheld)]
    )
