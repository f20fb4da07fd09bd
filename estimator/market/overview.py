"""What a market's sales look like, fact by fact: the numbers that `house-price check` shows."""

from dataclasses import dataclass

import numpy as np

from estimator.market.feature import Feature
from estimator.market.sales import Sales
from estimator.wording import plural

MIN_LABEL_COUNT = 5
"""A label with fewer sales is rare and gets no column of its own: a network would only memorise the prices of its
few homes."""


@dataclass(frozen=True, slots=True)
class FactOverview:
    """One fact in n sales.

    Parameters
    ----------
    feature
        The fact.
    known
        Share of the sales in which it is known.
    values
        Its range, or its labels, in words.
    remark
        What the user should look at; '' if nothing.
    """

    feature: Feature
    known: float
    values: str
    remark: str


def overview(feature: Feature, sales: Sales) -> FactOverview:
    """Return what sales say about one fact."""
    known = sales.facts.known(feature.name)
    values = sales.facts[feature.name][known]
    share = float(known.mean())
    if not len(values):
        return FactOverview(feature, 0.0, "–", "known of no sale: a model cannot use it")
    if feature.is_label:
        return _label_overview(feature, share, values)
    low, middle, high = (feature.fact_kind.to_json(float(value)) for value in np.quantile(values, (0, 0.5, 1)))
    remark = "the same in all sales: a model learns nothing from it" if low == high else ""
    if feature.fact_kind.choices is not None:
        return FactOverview(feature, share, f"yes in {100 * float(values.mean()):.3g}%", remark)
    return FactOverview(feature, share, f"{_shown(low)} to {_shown(high)}, median {_shown(middle)}", remark)


def _label_overview(feature: Feature, share: float, values: np.ndarray) -> FactOverview:
    labels, counts = np.unique(values, return_counts=True)
    most = labels[np.argmax(counts)]
    rare = float(counts[counts < MIN_LABEL_COUNT].sum() / counts.sum())
    remark = ""
    if len(labels) == 1:
        remark = "the same in all sales: a model learns nothing from it"
    elif rare > 0.5:
        remark = f"{100 * rare:.0f}% of the sales have a label with fewer than {MIN_LABEL_COUNT} sales"
    return FactOverview(feature, share, f"{plural(len(labels), 'label')}, most often {most}", remark)


def _shown(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
