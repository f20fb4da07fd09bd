"""A fact with a declared price effect never moves the price the other way, with all other facts equal."""

import numpy as np
import pytest

from estimator.appraiser import Appraiser
from estimator.market.arrays import FloatArray
from estimator.market.facts import Facts
from estimator.market.feature import Feature
from estimator.market.market import Market
from estimator.market.sales import Parts

MONOTONE = [
    *("square_footage", "crime_rate", "bathrooms", "grade", "condition", "view", "waterfront"),
]
STEPS = 50


def steps_of(feature: Feature) -> FloatArray:
    """Values from one bound to the other, denser where most homes are."""
    low, high = feature.minimum or 0.0, feature.maximum or 1.0
    if feature.kind != "number":
        return np.arange(low, high + 1)
    return np.sort(np.concatenate((np.linspace(low, high, STEPS // 2), np.geomspace(low + 1, high, STEPS // 2))))


def along(facts: Facts, name: str, values: FloatArray) -> Facts:
    """Return each home once with each value."""
    repeated = facts.take(np.repeat(np.arange(len(facts)), len(values)))
    return repeated.replace({name: np.tile(values, len(facts))})


def rises(prices: FloatArray, feature: Feature, steps: int) -> FloatArray:
    """Return the change of the price in the declared direction, for each step of each home.

    Values for which a home would be refused have no price and are skipped.
    """
    moves = np.concatenate([np.diff(row[~np.isnan(row)]) for row in prices.reshape(-1, steps)])
    assert len(moves) > 0.2 * len(prices)
    return moves if feature.price_effect == "increasing" else -moves


def test_all_declared_effects_are_tested(market: Market) -> None:
    assert {feature.name for feature in market.monotone} == set(MONOTONE)


@pytest.mark.parametrize("name", MONOTONE)
@pytest.mark.parametrize("required_only", [False, True])
def test_no_step_moves_the_price_the_other_way(
    appraiser: Appraiser, parts: Parts, market: Market, name: str, required_only: bool
) -> None:
    feature = market.by_name[name]
    values = steps_of(feature)
    homes = parts.test.facts.take(np.arange(0, 400, 20))
    if required_only:
        homes = homes.without(
            {other.name: np.ones(20, np.bool_) for other in market.features if not other.required}
        )
    dates = np.repeat(parts.test.date[:400:20], len(values))  # type: ignore[index]
    moves = rises(appraiser.value(along(homes, name, values), dates).price, feature, len(values))
    assert moves.min() >= 0
    assert moves.max() > 100, "the fact has an effect"


def test_rounding_never_lowers_the_price_on_a_tiny_step(
    appraiser: Appraiser, parts: Parts, market: Market
) -> None:
    values = 2000 * (1 + np.arange(40) * np.finfo(np.float32).eps / 16)
    homes = parts.test.facts.take(np.arange(0, 400, 20))
    dates = np.repeat(parts.test.date[:400:20], len(values))  # type: ignore[index]
    moves = np.diff(appraiser.value(along(homes, "square_footage", values), dates).price.reshape(20, -1), axis=1)
    assert moves.min() >= 0
