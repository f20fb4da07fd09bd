"""What the model depends on, and where it fails: coverage, importance of facts, price effects, largest errors."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from estimator.appraiser import Appraiser
from estimator.assessment.evaluation import fact_sets
from estimator.explanation.contributions import PLACE
from estimator.market.arrays import BoolArray, DateArray, FloatArray
from estimator.market.facts import Facts
from estimator.market.market import VALUATION_DATE, Market
from estimator.market.sales import Sales
from estimator.report.groups import TestResults, by_fifth, rounded
from estimator.threads import parallel_map
from estimator.valuations import Valuations
from estimator.what_if import what_if

CONFIDENCES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
"""Confidence levels of the coverage table, from the lowest to the highest that a request may ask for."""
MAX_IMPORTANCE_VALUATIONS = 75_000
"""Valuations for the importance of all facts together, which bounds its time to some seconds."""
N_SHUFFLES = 5
"""Shuffles per fact: enough to see how much of a rise is chance."""
MAX_EFFECT_HOMES = 50
"""Test homes on which every price effect is checked: thousands of steps in about a second."""
N_LARGEST_ERRORS = 10
"""Largest errors, listed one by one."""
N_REVIEWED = 20
"""Random test sales for a person to review."""
MAX_CONTRIBUTIONS, MAX_COMPARABLES = 6, 3
"""Listed for each of the largest errors: the largest contributions and the comparables of the largest weight."""

_Z_90 = 1.645
"""The central 90% of a normal distribution lie within this many standard deviations of its mean."""


def coverage(appraiser: Appraiser, test: Sales) -> dict[str, list[dict[str, float | None]]]:
    """Return the share of prices inside the ranges in percent, by confidence level and by set of known facts.

    `by_chance` is the half-width, in percentage points, of that share's 90% interval for this number of sales. The
    lists are empty if the values have no ranges.
    """
    confidences = CONFIDENCES if appraiser.has_ranges else ()
    by_fact_set: dict[str, list[dict[str, float | None]]] = {}
    for known, facts in fact_sets(appraiser.market, test.facts).items():
        by_fact_set[known] = []
        for values in appraiser.value_by_confidence(facts, test.date, confidences, earlier_sales_only=True):
            confidence = values.confidence
            price, low, high = (column[values.priced] for column in (test.price, values.low, values.high))
            margin = 100 * _Z_90 * np.sqrt(confidence * (1 - confidence) / len(price))
            by_fact_set[known].append(
                {
                    "confidence": round(100 * confidence, 1),
                    "held": rounded(100 * np.mean((low <= price) & (price <= high)), 2),
                    "by_chance": rounded(margin, 2),
                    "median_width": rounded(np.median(high / low), 4),
                }
            )
    return by_fact_set


def reliability(results: TestResults) -> list[dict[str, Any]]:
    """Return the figures of fifths of the test sales by the probability that their value is within 10%.

    `by_chance` is the half-width, in percentage points, of the 90% interval of the share that comes true.
    """
    groups = by_fifth(results, 100 * results.values.probability_within_10)
    for group in groups:
        claimed = group["claimed_within_10"]
        margin = np.nan if claimed is None else _Z_90 * np.sqrt(claimed * (100 - claimed) / group["n"])
        group["by_chance"] = rounded(margin, 2)
    return groups


def permutation_importance(appraiser: Appraiser, test: Sales, rng: np.random.Generator) -> dict[str, Any]:
    """Return how much the errors rise when a fact is shuffled among the test sales (Breiman 2001, Random forests).

    The rise of the `mdape` is in percentage points. Each rise is the mean over `N_SHUFFLES` shuffles, with its
    standard deviation. All facts about the location are shuffled together.
    """
    completed, _ = appraiser.areas.complete(test.facts)
    groups = dict(_shuffle_groups(appraiser.market, completed, dated=test.date is not None))
    rows = _sample_rows(len(test), max(1, MAX_IMPORTANCE_VALUATIONS // (N_SHUFFLES * max(1, len(groups)))), rng)
    chosen, facts = test.take(rows), completed.take(rows)
    before = _errors(appraiser, chosen, facts, chosen.date)

    def rise(shuffle: tuple[list[str], NDArray[np.intp]]) -> FloatArray:
        members, order = shuffle
        moved = facts.replace({member: facts[member][order] for member in members})
        date = chosen.date[order] if chosen.date is not None and not members else chosen.date
        return np.subtract(_errors(appraiser, chosen, moved, date), before)

    shuffles = [(members, rng.permutation(len(chosen))) for members in groups.values() for _ in range(N_SHUFFLES)]
    after = np.reshape(parallel_map(rise, shuffles), (len(groups), N_SHUFFLES, 2))
    rises = []
    for name, mean, spread in zip(groups, after.mean(axis=1), after.std(axis=1, ddof=1), strict=True):
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
        "repeats": N_SHUFFLES,
        "facts": sorted(rises, key=lambda rise: -float(rise["mdape"] or 0)),
    }


def check_price_effects(appraiser: Appraiser, test: Sales, rng: np.random.Generator) -> dict[str, Any]:
    """Return the reference home's price along each monotone fact, and count violations on test homes."""
    chosen = test.take(_sample_rows(len(test), MAX_EFFECT_HOMES, rng))
    own = appraiser.reference_home.as_values(appraiser.market, 0)
    curves, steps, against = [], 0, 0
    for feature in appraiser.market.monotone:
        points = what_if(appraiser, appraiser.reference_home, feature)[0]
        if points:
            curves.append(
                {
                    "fact": feature.name,
                    "unit": feature.unit,
                    "effect": feature.price_effect,
                    "own": own.get(feature.name),
                    "points": [point.as_dict() for point in points],
                }
            )
        for curve in what_if(appraiser, chosen.facts, feature, chosen.date):
            change = np.diff([point.price for point in curve])
            steps += len(change)
            against += int(np.sum(change < 0 if feature.price_effect == "increasing" else change > 0))
    return {"curves": curves, "homes": len(chosen), "steps": steps, "against": against}


def largest_errors(appraiser: Appraiser, results: TestResults) -> list[dict[str, Any]]:
    """Return the test sales with the largest relative errors, with their contributions and comparables."""
    error = np.abs(np.log(results.values.price / results.sales.price))
    rows = np.argsort(-error, kind="stable")[:N_LARGEST_ERRORS]
    sales = results.sales.take(rows)
    contributions = appraiser.contributions(sales.facts, sales.date)
    comparables = appraiser.comparables(sales.facts, sales.date)
    entries = []
    for index, row in enumerate(rows.tolist()):
        explained = contributions[index].as_dict()
        entries.append(
            {
                **_test_sale(results, row),
                "facts": sales.facts.as_values(appraiser.market, index),
                "reference_price": explained["reference_price"],
                "parts": dict(list(explained["parts"].items())[:MAX_CONTRIBUTIONS]),
                "other_parts": round(sum(list(explained["parts"].values())[MAX_CONTRIBUTIONS:]), 2),
                "comparables": []
                if comparables is None
                else [sale.as_dict() for sale in comparables[index].used[:MAX_COMPARABLES]],
            }
        )
    return entries


def sample_for_review(
    appraiser: Appraiser, results: TestResults, rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Return a random sample of the test sales for review by a person."""
    required = [feature.name for feature in appraiser.market.features if feature.required]
    entries = []
    for row in _sample_rows(len(results.sales), N_REVIEWED, rng).tolist():
        facts = results.sales.facts.take(slice(row, row + 1)).as_values(appraiser.market, 0)
        required_facts = {name: fact for name, fact in facts.items() if name in required}
        entries.append({**_test_sale(results, row), "facts": required_facts})
    return entries


def count_refusals(values: Valuations) -> list[dict[str, Any]]:
    """Return why test sales were not valued: fact, number of sales and one message; most frequent first."""
    examples: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for refusals in values.refusals.values():
        field, message = refusals[0]
        counts[field] += 1
        examples.setdefault(field, message)
    return [{"fact": field, "sales": n, "example": examples[field]} for field, n in counts.most_common()]


def _test_sale(results: TestResults, row: int) -> dict[str, Any]:
    """Return one test sale with its sale price and its valuation."""
    value = results.values.as_dict(row)
    price = float(results.sales.price[row])
    date = None if results.sales.date is None else str(results.sales.date[row])
    return {
        "sold_for": round(price, 2),
        "date": date,
        "price": value["price"],
        "price_low": value["price_low"],
        "price_high": value["price_high"],
        "fsd": value["fsd"],
        "inside": None if value["price_low"] is None else value["price_low"] <= price <= value["price_high"],
        "miss": rounded(100 * (value["price"] / price - 1), 2),
        "unknown": value["unknown"],
        "warnings": value["warnings"],
    }


def _errors(appraiser: Appraiser, sales: Sales, facts: Facts, date: DateArray | None) -> tuple[float, float]:
    """Return the MdAPE in percent and the log RMSE of valuations by these facts, without refusing any home."""
    model = appraiser.model
    log_price = model.estimate(facts, date, before=date).log_worth + model.index.at(model.market, facts, date)
    log_ratio = log_price - np.log(sales.price)
    return 100 * float(np.median(np.abs(np.expm1(log_ratio)))), float(np.sqrt(np.mean(log_ratio**2)))


def _shuffle_groups(market: Market, facts: Facts, *, dated: bool) -> Iterator[tuple[str, list[str]]]:
    """Yield name and facts of each group that is shuffled together; for the valuation date the list is empty."""
    known: Mapping[str, BoolArray] = {feature.name: facts.known(feature.name) for feature in market.features}
    location = [name for name in market.location if known[name].any()]
    if location:
        yield PLACE, location
    for feature in market.features:
        if feature.name not in market.location and known[feature.name].any():
            yield feature.name, [feature.name]
    if dated:
        yield VALUATION_DATE, []


def _sample_rows(n: int, max_rows: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return at most `max_rows` random row numbers of n, sorted."""
    rows: NDArray[np.intp] = np.sort(rng.choice(n, min(n, max_rows), replace=False))
    return rows
