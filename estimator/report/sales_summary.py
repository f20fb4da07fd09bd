"""What is told of the sales: how many, from when to when, how they were divided, what is known of their homes."""

from typing import Any

import numpy as np

from estimator.market.areas import AreaLookup
from estimator.market.facts import Facts, json_value
from estimator.market.market import Feature, Market
from estimator.market.sales import Parts, Sales


def about_sales(market: Market, parts: Parts, areas: AreaLookup) -> dict[str, Any]:
    """Tell of a market's sales and of each part."""
    by_name: dict[str, Sales] = vars(parts)
    every = parts.train.joined(parts.validation).joined(parts.test)
    completed, _ = areas.complete(every.facts)
    return {
        "sales": len(every),
        "homes": len(np.unique(every.home)),
        "parts": [{"part": name, **_about_part(part)} for name, part in by_name.items()],
        "months": _months(by_name),
        "price_steps": _price_steps(every, by_name),
        "facts": [_about_fact(feature, every.facts, completed) for feature in market.features],
        "ignored_columns": list(market.ignore),
    }


def _about_part(part: Sales) -> dict[str, Any]:
    quartiles = np.quantile(part.price, [0.25, 0.5, 0.75]).round(2).tolist()
    days: dict[str, str | None] = {"first": None, "last": None}
    if part.date is not None:
        days = {"first": str(part.date.min()), "last": str(part.date.max())}
    return {
        "sales": len(part),
        **days,
        **dict(zip(("quarter", "median", "three_quarters"), quartiles, strict=True)),
    }


def _months(parts: dict[str, Sales]) -> list[dict[str, Any]] | None:
    """Count each part's sales month by month; None in a market without dates."""
    dated = {name: part.date.astype("datetime64[M]") for name, part in parts.items() if part.date is not None}
    if not dated:
        return None
    months = np.unique(np.concatenate(list(dated.values())))
    return [
        {"month": str(month), **{name: int(np.sum(days == month)) for name, days in dated.items()}}
        for month in months
    ]


def _price_steps(every: Sales, parts: dict[str, Sales]) -> list[dict[str, Any]]:
    """Count each part's sales by price, in steps of equal ratio."""
    low, high = every.price.min(), every.price.max()
    edges = np.geomspace(low, max(high, 1.001 * low), 31)  # its ends are exact: no sale is left out
    counts = {name: np.histogram(part.price, edges)[0].tolist() for name, part in parts.items()}
    return [
        {"low": round(float(edges[step]), 2), "high": round(float(edges[step + 1]), 2)}
        | {name: count[step] for name, count in counts.items()}
        for step in range(len(edges) - 1)
    ]


def _about_fact(feature: Feature, facts: Facts, completed: Facts) -> dict[str, Any]:
    """Tell what values a fact takes, looked up or not; what does not apply to it is null."""
    told_of, known_of = facts.known(feature.name), completed.known(feature.name)
    known = completed[feature.name][known_of]
    told: dict[str, Any] = {
        "fact": feature.name,
        "kind": feature.kind,
        "unit": feature.unit,
        "required": feature.required,
        "price_effect": feature.price_effect,
        "known": round(100 * float(told_of.mean()), 2),
        "looked_up": round(100 * float(np.mean(known_of & ~told_of)), 2),
        "least": None,
        "usual": None,
        "greatest": None,
        "labels": None,
    }
    if not len(known):
        return told
    if feature.is_label:
        labels, counts = np.unique(known, return_counts=True)
        return told | {"labels": len(labels), "usual": str(labels[counts.argmax()])}
    ends = {"least": known.min(), "usual": np.quantile(known, 0.5, method="lower"), "greatest": known.max()}
    return told | {name: json_value(feature, value) for name, value in ends.items()}
