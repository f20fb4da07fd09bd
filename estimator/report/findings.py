"""What an owner asks of a model besides how far off it is: what matters to it, and where it fails."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from estimator.appraiser import Appraiser, Valuations
from estimator.assessment.evaluation import states_of_knowledge
from estimator.explanation.contributions import PLACE
from estimator.market.facts import BoolArray, DateArray, Facts, FloatArray
from estimator.market.market import VALUATION_DATE, Market
from estimator.market.sales import Sales
from estimator.report.groups import Tested, rounded
from estimator.threads import parallel_map
from estimator.what_if import what_if

CONFIDENCES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
"""What ranges are asked to hold, from the least to the most that may be asked for."""
IMPORTANCE_VALUES = 75_000
"""Homes valued with a fact shuffled, all facts and repeats together: some seconds, however many there are."""
REPEATS = 5
"""Shuffles of a fact: enough to see how much of a rise is luck."""
DIRECTION_HOMES = 50
"""Test homes that are moved along every declared fact, at most: thousands of steps, in a second or so."""
WORST = 10
"""Misses told one by one."""
REVIEWED = 20
"""Test sales drawn by lot for a person to look at."""
REASONS, COMPARABLES = 6, 3
"""Told of each miss, at most: the greatest and the heaviest."""

_Z = 1.645
"""Standard deviations on either side that hold 90% of a normal distribution."""


def coverage(appraiser: Appraiser, test: Sales) -> dict[str, list[dict[str, float | None]]]:
    """Return, by what is known of the homes, what share of prices the ranges of each confidence hold, in percent.

    `by_chance` is how far, in points, a share may be off in nine of ten draws of as many sales.
    """
    told: dict[str, list[dict[str, float | None]]] = {}
    for known, facts in states_of_knowledge(appraiser.market, test.facts).items():
        told[known] = []
        for values in appraiser.value_by_confidence(facts, test.date, CONFIDENCES):
            confidence = values.confidence
            price, low, high = (column[values.priced] for column in (test.price, values.low, values.high))
            chance = 100 * _Z * np.sqrt(confidence * (1 - confidence) / len(price))
            told[known].append(
                {
                    "confidence": round(100 * confidence, 1),
                    "held": rounded(100 * np.mean((low <= price) & (price <= high)), 2),
                    "by_chance": rounded(chance, 2),
                    "median_width": rounded(np.median(high / low), 4),
                }
            )
    return told


def importance(appraiser: Appraiser, test: Sales, rng: np.random.Generator) -> dict[str, Any]:
    """Return by how much errors rise when a fact is shuffled among test sales (Breiman 2001, Random forests).

    `mdape` in points of percent, `log_rmse` as it is; each the mean over repeats with its standard deviation. What
    says where a home stands is shuffled together.
    """
    every, _ = appraiser.areas.complete(test.facts)
    shuffled = dict(_shuffled_together(appraiser.market, every, dated=test.date is not None))
    rows = _some(len(test), max(1, IMPORTANCE_VALUES // (REPEATS * max(1, len(shuffled)))), rng)
    chosen, facts = test.take(rows), every.take(rows)
    before = _errors(appraiser, chosen, facts, chosen.date)

    def rise(shuffle: tuple[list[str], NDArray[np.intp]]) -> FloatArray:
        members, order = shuffle
        moved = facts.replace({member: facts[member][order] for member in members})
        date = chosen.date[order] if chosen.date is not None and not members else chosen.date
        return np.subtract(_errors(appraiser, chosen, moved, date), before)

    shuffles = [(members, rng.permutation(len(chosen))) for members in shuffled.values() for _ in range(REPEATS)]
    after = np.reshape(parallel_map(rise, shuffles), (len(shuffled), REPEATS, 2))
    rises = []
    for name, mean, spread in zip(shuffled, after.mean(axis=1), after.std(axis=1, ddof=1), strict=True):
        rises.append(
            {
                "fact": name,
                "mdape": rounded(mean[0], 3),
                "mdape_sd": rounded(spread[0], 3),
                "log_rmse": rounded(mean[1], 5),
                "log_rmse_sd": rounded(spread[1], 5),
            }
        )
    return {
        "sales": len(chosen),
        "repeats": REPEATS,
        "facts": sorted(rises, key=lambda told: -float(told["mdape"] or 0)),
    }


def directions(appraiser: Appraiser, test: Sales, rng: np.random.Generator) -> dict[str, Any]:
    """Return how the usual home's price moves with each declared fact, and whether any home's goes against it."""
    chosen = test.take(_some(len(test), DIRECTION_HOMES, rng))
    own = appraiser.usual.as_values(appraiser.market, 0)
    curves, steps, against = [], 0, 0
    for feature in appraiser.market.directed:
        usual = what_if(appraiser, appraiser.usual, feature)[0]
        if usual:
            curves.append(
                {
                    "fact": feature.name,
                    "unit": feature.unit,
                    "effect": feature.price_effect,
                    "own": own.get(feature.name),
                    "points": [point.as_dict() for point in usual],
                }
            )
        for curve in what_if(appraiser, chosen.facts, feature, chosen.date):
            change = np.diff([point.price for point in curve])
            steps += len(change)
            against += int(np.sum(change < 0 if feature.price_effect == "increasing" else change > 0))
    return {"curves": curves, "homes": len(chosen), "steps": steps, "against": against}


def worst(appraiser: Appraiser, tested: Tested) -> list[dict[str, Any]]:
    """Return the test sales whose value is farthest from the price, with what their value rests on."""
    miss = np.abs(np.log(tested.values.price / tested.sales.price))
    rows = np.argsort(-miss, kind="stable")[:WORST]
    sales = tested.sales.take(rows)
    reasons = appraiser.contributions(sales.facts, sales.date)
    comparables = appraiser.comparables(sales.facts, sales.date)
    told = []
    for place, row in enumerate(rows.tolist()):
        why = reasons[place].as_dict()
        told.append(
            {
                **_told(tested, row),
                "facts": sales.facts.as_values(appraiser.market, place),
                "reference_price": why["reference_price"],
                "parts": dict(list(why["parts"].items())[:REASONS]),
                "other_parts": round(sum(list(why["parts"].values())[REASONS:]), 2),
                "comparables": []
                if comparables is None
                else [sale.as_dict() for sale in comparables[place].used[:COMPARABLES]],
            }
        )
    return told


def drawn_by_lot(appraiser: Appraiser, tested: Tested, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Return test sales drawn by lot, for a person's review."""
    required = [feature.name for feature in appraiser.market.features if feature.required]
    told = []
    for row in _some(len(tested.sales), REVIEWED, rng).tolist():
        facts = tested.sales.facts.take(slice(row, row + 1)).as_values(appraiser.market, 0)
        named = {name: fact for name, fact in facts.items() if name in required}
        told.append({**_told(tested, row), "facts": named})
    return told


def refused(values: Valuations) -> list[dict[str, Any]]:
    """Return why test sales got no price: the fact, how many sales, and what one was told; the commonest first."""
    first: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for refusals in values.refusals.values():
        field, message = refusals[0]
        counts[field] += 1
        first.setdefault(field, message)
    return [{"fact": field, "sales": n, "example": first[field]} for field, n in counts.most_common()]


def _told(tested: Tested, row: int) -> dict[str, Any]:
    """Return one test sale: what it sold for, and what it was valued at."""
    value = tested.values.as_dict(row)
    price = float(tested.sales.price[row])
    date = None if tested.sales.date is None else str(tested.sales.date[row])
    return {
        "sold_for": round(price, 2),
        "date": date,
        "price": value["price"],
        "price_low": value["price_low"],
        "price_high": value["price_high"],
        "fsd": value["fsd"],
        "inside": bool(value["price_low"] <= price <= value["price_high"]),
        "miss": rounded(100 * (value["price"] / price - 1), 2),
        "unknown": value["unknown"],
        "warnings": value["warnings"],
    }


def _errors(appraiser: Appraiser, sales: Sales, facts: Facts, date: DateArray | None) -> tuple[float, float]:
    """Return the MdAPE, in percent, and the log RMSE of values by these facts; nobody is refused."""
    log_ratio = appraiser.model.predict(facts, date) - np.log(sales.price)
    return 100 * float(np.median(np.abs(np.expm1(log_ratio)))), float(np.sqrt(np.mean(log_ratio**2)))


def _shuffled_together(market: Market, facts: Facts, *, dated: bool) -> Iterator[tuple[str, list[str]]]:
    """Yield what is shuffled: its name, and the facts that go together; none for the day of valuation."""
    kinds = {"latitude", "longitude", "postal_code"}
    known: Mapping[str, BoolArray] = {feature.name: facts.known(feature.name) for feature in market.features}
    place = [feature.name for feature in market.features if feature.kind in kinds and known[feature.name].any()]
    if place:
        yield PLACE, place
    for feature in market.features:
        if feature.kind not in kinds and known[feature.name].any():
            yield feature.name, [feature.name]
    if dated:
        yield VALUATION_DATE, []


def _some(n: int, most: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Draw rows by lot, in order; all of them where there are no more."""
    rows: NDArray[np.intp] = np.sort(rng.choice(n, min(n, most), replace=False))
    return rows
