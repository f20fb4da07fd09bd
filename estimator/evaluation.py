"""Valuations against what the homes sold for: error figures, and the assessor's ratio study."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from estimator.appraiser import Appraiser
from estimator.facts import FloatArray
from estimator.ratio_study import RatioStudy, ratio_study, studies_as_dict
from estimator.sales import Sales

ALL_FACTS = "all_facts"
REQUIRED_FACTS = "required_facts"


@dataclass(frozen=True)
class ErrorFigures:
    """How far valuations are from sale prices; e = (estimate − price)/price.

    Parameters
    ----------
    n
        Sales compared.
    log_rmse
        Root mean square of log(estimate/price).
    rmse
        Root mean square of estimate − price, in the market's currency.
    mdape
        Median of |e|, in percent.
    ppe5, ppe10, ppe20
        Share of sales with |e| within 5, 10, 20 percent, in percent.
    median_ratio
        Median of estimate/price: below 1, homes are under-valued as a whole.
    coverage
        Share of prices inside their range, in percent.
    confidence
        Share the ranges promise, in percent.
    median_width
        Median of high/low.
    """

    n: int
    log_rmse: float
    rmse: float
    mdape: float
    ppe5: float
    ppe10: float
    ppe20: float
    median_ratio: float
    coverage: float
    confidence: float
    median_width: float

    def to_dict(self) -> dict[str, float]:
        """Return the figures by name, rounded to what the number of sales can tell."""
        return {name: value if name == "n" else round(value, 4) for name, value in asdict(self).items()}


def error_figures(
    price: FloatArray, estimate: FloatArray, low: FloatArray, high: FloatArray, confidence: float
) -> ErrorFigures:
    """Compare n valuations with n sale prices.

    Parameters
    ----------
    price, estimate, low, high
        Shape (n,), positive, in one currency; n ≥ 1.
    confidence
        What the ranges from low to high promise, between 0 and 1.
    """
    ratio = estimate / price
    error = 100 * np.abs(estimate - price) / price  # not ratio − 1: a miss of exactly 5% is within 5%
    return ErrorFigures(
        n=len(price),
        log_rmse=math.sqrt(np.mean(np.log(ratio) ** 2)),
        rmse=math.sqrt(np.mean((estimate - price) ** 2)),
        mdape=float(np.median(error)),
        ppe5=100 * float(np.mean(error <= 5)),
        ppe10=100 * float(np.mean(error <= 10)),
        ppe20=100 * float(np.mean(error <= 20)),
        median_ratio=float(np.median(ratio)),
        coverage=100 * float(np.mean((low <= price) & (price <= high))),
        confidence=100 * confidence,
        median_width=float(np.median(high / low)),
    )


@dataclass(frozen=True)
class Evaluation:
    """What a comparison with sold homes found, by what was known of the homes.

    Parameters
    ----------
    figures, ratio_studies
        `ALL_FACTS`: valued with everything the sales tell. `REQUIRED_FACTS`: with the facts that a request
        cannot do without, and what can be looked up from those.
    """

    figures: Mapping[str, ErrorFigures]
    ratio_studies: Mapping[str, RatioStudy]

    def figures_as_dict(self) -> dict[str, Any]:
        """Return the error figures as plain values."""
        return {known: entry.to_dict() for known, entry in self.figures.items()}

    def ratio_study_as_dict(self) -> dict[str, Any]:
        """Return the ratio studies as plain values, with what they are to be judged by."""
        return studies_as_dict(self.ratio_studies)


def evaluate(appraiser: Appraiser, sales: Sales) -> Evaluation:
    """Value sold homes at their day of sale, and compare with their prices."""
    optional = [feature.name for feature in appraiser.market.features if not feature.required]
    everywhere = np.ones(len(sales), np.bool_)
    known = {
        ALL_FACTS: sales.facts,
        REQUIRED_FACTS: sales.facts.without(dict.fromkeys(optional, everywhere)),
    }
    code = appraiser.market.of_kind("postal_code")
    area = None if code is None else appraiser.areas.complete(sales.facts)[0][code.name]
    figures, studies = {}, {}
    for name, facts in known.items():
        values = appraiser.value(facts, sales.date)
        figures[name] = error_figures(sales.price, values.price, values.low, values.high, values.confidence)
        studies[name] = ratio_study(sales.price, values.price, area)
    return Evaluation(figures, studies)
