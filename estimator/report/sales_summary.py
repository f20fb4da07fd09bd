"""Summary of a market's sales: counts, dates, prices, how they were split, and which facts are known."""

from typing import Any

import numpy as np

from estimator.market.areas import AreaLookup
from estimator.market.facts import Facts, json_value
from estimator.market.feature import Feature
from estimator.market.market import Market
from estimator.market.sales import Parts, Sales


def summarise_sales(market: Market, parts: Parts, areas: AreaLookup) -> dict[str, Any]:
    """Return a summary of all sales and of each part, with the keys of report.json's `data`."""
    by_name: dict[str, Sales] = vars(parts)
    all_sales = parts.train.joined(parts.validation).joined(parts.test)
    completed, _ = areas.complete(all_sales.facts)
    return {
        "sales": len(all_sales),
        "homes": len(np.unique(all_sales.home)),
        "parts": [{"part": name, **_summarise_part(part)} for name, part in by_name.items()],
        "months": _months(by_name),
        "price_steps": _price_steps(all_sales, by_name),
        "facts": [_summarise_fact(feature, all_sales.facts, completed) for feature in market.features],
        "ignored_columns": list(market.ignore),
    }


def _summarise_part(part: Sales) -> dict[str, Any]:
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
    """Count the sales of each part by month; None in a market without dates."""
    dated = {name: part.date.astype("datetime64[M]") for name, part in parts.items() if part.date is not None}
    if not dated:
        return None
    months = np.unique(np.concatenate(list(dated.values())))
    return [
        {"month": str(month), **{name: int(np.sum(days == month)) for name, days in dated.items()}}
        for month in months
    ]


def _price_steps(all_sales: Sales, parts: dict[str, Sales]) -> list[dict[str, Any]]:
    """Count the sales of each part by price, in 30 bins of equal ratio."""
    low, high = all_sales.price.min(), all_sales.price.max()
    bin_edges = np.geomspace(low, max(high, 1.001 * low), 31)  # the end points are exact, so no sale is left out
    counts = {name: np.histogram(part.price, bin_edges)[0].tolist() for name, part in parts.items()}
    return [
        {"low": round(float(bin_edges[index]), 2), "high": round(float(bin_edges[index + 1]), 2)}
        | {name: count[index] for name, count in counts.items()}
        for index in range(len(bin_edges) - 1)
    ]


def _summarise_fact(feature: Feature, facts: Facts, completed: Facts) -> dict[str, Any]:
    """Return which values a fact has, looked-up values included; entries that do not apply are None."""
    given, known = facts.known(feature.name), completed.known(feature.name)
    values = completed[feature.name][known]
    summary: dict[str, Any] = {
        "fact": feature.name,
        "kind": feature.kind,
        "unit": feature.unit,
        "required": feature.required,
        "price_effect": feature.price_effect,
        "known": round(100 * float(given.mean()), 2),
        "looked_up": round(100 * float(np.mean(known & ~given)), 2),
        "least": None,
        "usual": None,
        "greatest": None,
        "labels": None,
    }
    if not len(values):
        return summary
    if feature.is_label:
        labels, counts = np.unique(values, return_counts=True)
        return summary | {"labels": len(labels), "usual": str(labels[counts.argmax()])}
    quantiles = {
        "least": values.min(),
        "usual": np.quantile(values, 0.5, method="lower"),
        "greatest": values.max(),
    }
    return summary | {name: json_value(feature, value) for name, value in quantiles.items()}
