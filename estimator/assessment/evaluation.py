"""Valuations compared with sale prices: error figures, and the assessor's ratio study."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from estimator.appraiser import Appraiser
from estimator.assessment.ratio_study import RatioStudy, ratio_study, studies_as_dict
from estimator.assessment.rounding import rounded_figures
from estimator.assessment.standards import Standard, standards, standards_as_dict
from estimator.errors import DataError
from estimator.market.arrays import FloatArray
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.market.sales import Sales
from estimator.valuations import Valuations

ALL_FACTS = "all_facts"
REQUIRED_FACTS = "required_facts"


@dataclass(frozen=True)
class ErrorFigures:
    """Errors of valuations against sale prices; e = (estimate − price)/price.

    Figures of the ranges are None where the valuations have none.

    Parameters
    ----------
    n
        Number of sales compared: those that were valued.
    hit_rate
        Share of the sales that were valued, in percent.
    log_rmse
        Root mean square of log(estimate/price).
    rmse
        Root mean square of estimate − price, in the market's currency.
    mdape
        Median of |e|, in percent.
    ppe5, ppe10, ppe20
        Share of sales with |e| within 5, 10, 20 percent, in percent.
    claimed_within_10
        Mean of the probability that a value is within 10 percent, in percent: what `ppe10` should be.
    median_ratio
        Median of estimate/price: below 1, homes are under-valued overall.
    coverage
        Share of prices inside their price range, in percent.
    confidence
        Confidence level of the ranges, in percent.
    median_width
        Median of high/low.
    winkler
        Winkler score, in the market's currency: mean over the sales of the range's width plus 2/(1 − confidence)
        times the distance of a price outside it (Winkler 1972, A decision-theoretic approach to interval
        estimation).
    fsd_ratio
        Realised/claimed forecast standard deviation: the standard deviation of (estimate − price)/price over the
        root mean square of the FSDs.
    """

    n: int
    hit_rate: float
    log_rmse: float
    rmse: float
    mdape: float
    ppe5: float
    ppe10: float
    ppe20: float
    claimed_within_10: float | None
    median_ratio: float
    coverage: float | None
    confidence: float
    median_width: float | None
    winkler: float | None
    fsd_ratio: float | None

    def to_dict(self) -> dict[str, float | None]:
        """Return the figures by name, rounded to four decimals."""
        return rounded_figures(self)


def error_figures(price: FloatArray, values: Valuations) -> ErrorFigures:
    """Compare the valuations of n homes, at least one of them valued, with their sale prices.

    Parameters
    ----------
    price
        Sale prices, shape (n,), positive.
    """
    valued = values.priced
    price, values = price[valued], values.take(valued)
    estimate, low, high = values.price, values.low, values.high
    outside = np.maximum(low - price, 0) + np.maximum(price - high, 0)
    has_ranges = not np.isnan(low).any()

    def of_ranges(figure: np.floating[Any]) -> float | None:
        return float(figure) if has_ranges else None

    ratio = estimate / price
    error = 100 * np.abs(estimate - price) / price  # not ratio − 1: an error of exactly 5% counts as within 5%
    return ErrorFigures(
        n=len(price),
        hit_rate=100 * float(np.mean(valued)),
        log_rmse=math.sqrt(np.mean(np.log(ratio) ** 2)),
        rmse=math.sqrt(np.mean((estimate - price) ** 2)),
        mdape=float(np.median(error)),
        ppe5=100 * float(np.mean(error <= 5)),
        ppe10=100 * float(np.mean(error <= 10)),
        ppe20=100 * float(np.mean(error <= 20)),
        claimed_within_10=of_ranges(100 * np.mean(values.probability_within_10)),
        median_ratio=float(np.median(ratio)),
        coverage=of_ranges(100 * np.mean((low <= price) & (price <= high))),
        confidence=100 * values.confidence,
        median_width=of_ranges(np.median(high / low)),
        winkler=of_ranges(np.mean(high - low + 2 / (1 - values.confidence) * outside)),
        fsd_ratio=of_ranges(np.std(ratio - 1) / np.sqrt(np.mean(values.fsd**2))),
    )


@dataclass(frozen=True)
class Evaluation:
    """Results of a comparison with sold homes, by the facts used.

    Parameters
    ----------
    figures, ratio_studies, standards
        `ALL_FACTS`: homes valued with all recorded facts. `REQUIRED_FACTS`: with the facts that a request
        requires, and those looked up from these.
    """

    figures: Mapping[str, ErrorFigures]
    ratio_studies: Mapping[str, RatioStudy]
    standards: Mapping[str, tuple[Standard, ...]]

    def figures_as_dict(self) -> dict[str, Any]:
        """Return the error figures as plain values."""
        return {fact_set: entry.to_dict() for fact_set, entry in self.figures.items()}

    def ratio_study_as_dict(self) -> dict[str, Any]:
        """Return the ratio studies as plain values, with the standard and its acceptable ranges."""
        return studies_as_dict(self.ratio_studies)

    def standards_as_dict(self) -> dict[str, Any]:
        """Return the standards as plain values."""
        return standards_as_dict(self.standards)


def fact_sets(market: Market, facts: Facts) -> dict[str, Facts]:
    """Return n homes with all their facts (`ALL_FACTS`) and with the required ones alone (`REQUIRED_FACTS`)."""
    all_rows = np.ones(len(facts), np.bool_)
    optional = [feature.name for feature in market.features if not feature.required]
    return {ALL_FACTS: facts, REQUIRED_FACTS: facts.without(dict.fromkeys(optional, all_rows))}


def evaluate(appraiser: Appraiser, sales: Sales) -> Evaluation:
    """Value sold homes at their date of sale, and compare with their prices.

    Raises
    ------
    DataError
        None of the homes can be valued.
    """
    code = appraiser.market.of_kind("postal_code")
    area = None if code is None else appraiser.areas.complete(sales.facts)[0][code.name]
    figures, studies, verdicts = {}, {}, {}
    for name, facts in fact_sets(appraiser.market, sales.facts).items():
        values = appraiser.value(facts, sales.date, earlier_sales_only=True)
        valued = values.priced
        if not valued.any():
            field, message = values.refusals[0][0]
            raise DataError(f"none of the {len(sales)} homes can be valued; the first one: {field}: {message}")
        figures[name] = error_figures(sales.price, values)
        studies[name] = ratio_study(
            sales.price[valued], values.price[valued], None if area is None else area[valued]
        )
        verdicts[name] = standards(sales.price, values, studies[name].overall, appraiser.market.gate)
    return Evaluation(figures, studies, verdicts)
