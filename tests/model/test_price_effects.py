"""A fact of declared effect never moves the price the other way, all else that was said being equal."""

import numpy as np
import pytest

from estimator.appraiser import Appraiser
from estimator.market.arrays import FloatArray
from estimator.market.facts import Facts
from estimator.market.feature import Feature
from estimator.market.market import Market
from estimator.market.sales import Parts

DIRECTED = [
    *("square_footage", "crime_rate", "bathrooms", "grade", "condition", "view", "waterfront"),
]
STEPS = 50


def steps_of(feature: Feature) -> FloatArray:
    """Values from one bound to the other, closer together where most homes are."""
    low, high = feature.minimum or 0.0, feature.maximum or 1.0
    if feature.kind != "number":
        return np.arange(low, high + 1)
    return np.sort(np.concatenate((np.linspace(low, high, STEPS // 2), np.geomspace(low + 1, high, STEPS // 2))))


def along(facts: Facts, name: str, values: FloatArray) -> Facts:
    """Each home once with each value."""
    repeated = facts.take(np.repeat(np.arange(len(facts)), len(values)))
    return repeated.replace({name: np.tile(values, len(facts))})


def rises(prices: FloatArray, feature: Feature, steps: int) -> FloatArray:
    """By how much each step between two prices moves the price in the declared direction, of all homes.

    Where a home would be like none that was sold, there is no price.
    """
    moves = np.concatenate([np.diff(row[~np.isnan(row)]) for row in prices.reshape(-1, steps)])
    assert len(moves) > 0.2 * len(prices)
    return moves if feature.price_effect == "increasing" else -moves


def test_every_declared_effect_is_tried(market: Market) -> None:
    assert {feature.name for feature in market.monotone} == set(DIRECTED)


@pytest.mark.parametrize("name", DIRECTED)
@pytest.mark.parametrize("bare", [False, True])
def test_no_step_moves_the_price_the_other_way(
    appraiser: Appraiser, parts: Parts, market: Market, name: str, bare: bool
) -> None:
    feature = market.by_name[name]
    values = steps_of(feature)
    homes = parts.test.facts.take(np.arange(0, 400, 20))
    if bare:
        homes = homes.without(
            {other.name: np.ones(20, np.bool_) for other in market.features if not other.required}
        )
    dates = np.repeat(parts.test.date[:400:20], len(values))  # type: ignore[index]
    moves = rises(appraiser.value(along(homes, name, values), dates).price, feature, len(values))
    assert moves.min() >= 0
    assert moves.max() > 100, "and it does move"


def test_a_step_too_small_to_matter_does_not_fall_by_rounding(
    appraiser: Appraiser, parts: Parts, market: Market
) -> None:
    values = 2000 * (1 + np.arange(40) * np.finfo(np.float32).eps / 16)
    homes = parts.test.facts.take(np.arange(0, 400, 20))
    dates = np.repeat(parts.test.date[:400:20], len(values))  # type: ignore[index]
    moves = np.diff(appraiser.value(along(homes, "square_footage", values), dates).price.reshape(20, -1), axis=1)
    assert moves.min() >= 0
