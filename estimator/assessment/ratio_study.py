"""The assessor's ratio study: how level, uniform and fair values are, measured on what homes sold for.

Formulas and acceptable ranges: IAAO, Standard on Ratio Studies; MKI and VEI: its exposure drafts (2025, May 2026).
r = estimate/price is a ratio, m the median of n ratios. Knows prices and estimates, nothing of homes.
"""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from estimator.market.facts import BoolArray, FloatArray, LabelArray

STANDARD = "IAAO, Standard on Ratio Studies; MKI and VEI from its exposure drafts"

ACCEPTABLE: Mapping[str, tuple[float, float]] = {
    "median_ratio": (0.90, 1.10),
    "cod": (5.0, 15.0),
    "prd": (0.98, 1.03),
    "prb": (-0.05, 0.05),
    "mki": (0.95, 1.05),
    "vei": (-10.0, 10.0),
    "vei_significance": (-math.inf, 10.0),
}
"""Measure → the range that the standard accepts, ends included; the COD's is the one for homes. A COD below
it is a sign that the values were fitted to the very prices they are compared with."""

CONFIDENCE = 0.90
"""Of every interval: the drafts' for the bounds of the VEI, so that all the study's intervals can be compared."""

_Z = 1.645
"""Standard deviations of a normal distribution on either side that hold `CONFIDENCE`, as the drafts print it."""

LEAST_SALES = 5
"""Below, no figure: the smallest and the largest of 4 ratios hold the median with a chance of 1 − 2/2⁴ = 87.5%, so
that not even the level can be told at 90%; those of 5 hold it with 1 − 2/2⁵ = 93.75%."""

ENOUGH_SALES = 30
"""Below, no verdict: the standard warns of smaller samples."""

LEAST_SALES_FOR_BANDS = 20
"""Below, no VEI and no price bands, as the drafts say. No MKI either, theirs too: it has no interval to say how
little a dozen sales tell of it."""

_FENCE = 3.0
"""Interquartile ranges beyond the quartiles from which on a ratio is an outlier."""

_SAME = 1e-9
"""Doublings of worth between homes below which they differ by rounding alone."""

_DIGITS = 4
"""Decimal places that are written, and judged: a verdict never contradicts the figure beside it."""

_LEVEL = ("median_ratio", "mean_ratio", "weighted_mean_ratio", "cod")
_EQUITY = ("prd", "prb", "mki", "vei", "vei_significance")


@dataclass(frozen=True)
class RatioFigures:
    """The ratio study of one group of sales. A figure that cannot be told is None, and `reasons` says why.

    Parameters
    ----------
    n
        Sales compared.
    trimmed
        Sales left out as outliers.
    median_ratio, median_ratio_low, median_ratio_high
        m and its interval: below 1, homes are under-valued as a whole.
    mean_ratio, weighted_mean_ratio
        Mean of r, and Σestimate/Σprice.
    cod
        Coefficient of dispersion, in percent of m: see `cod`.
    prd
        Price-related differential: see `prd`. Above 1, dear homes are under-valued beside cheap ones.
    prb, prb_low, prb_high
        Coefficient of price-related bias and its interval: see `prb`. Below 0, dear homes are under-valued.
    mki
        Modified Kakwani index: see `mki`. Below 1, dear homes are under-valued.
    vei, vei_significance
        Vertical equity indicator, in percent of m: see `vei`. Below 0, dear homes are under-valued.
    reasons
        Name of a measure, or `met` for all the verdicts → why it is None.
    """

    n: int
    trimmed: int
    median_ratio: float | None = None
    median_ratio_low: float | None = None
    median_ratio_high: float | None = None
    mean_ratio: float | None = None
    weighted_mean_ratio: float | None = None
    cod: float | None = None
    prd: float | None = None
    prb: float | None = None
    prb_low: float | None = None
    prb_high: float | None = None
    mki: float | None = None
    vei: float | None = None
    vei_significance: float | None = None
    reasons: Mapping[str, str] = field(default_factory=dict)

    @property
    def figures(self) -> dict[str, float | None]:
        """Every figure by name, rounded to what is written."""
        names = [entry.name for entry in fields(self) if entry.name not in {"n", "trimmed", "reasons"}]
        values = {name: getattr(self, name) for name in names}
        return {name: None if value is None else round(value, _DIGITS) for name, value in values.items()}

    @property
    def met(self) -> dict[str, bool | None]:
        """Measure → whether it is in its acceptable range; None where that cannot be told."""
        figures = self.figures
        verdicts: dict[str, bool | None] = {}
        for name, (low, high) in ACCEPTABLE.items():
            value = figures[name]
            verdicts[name] = None if value is None or self.n < ENOUGH_SALES else low <= value <= high
        return verdicts

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain values, with the verdicts and the reasons of what is None."""
        return {
            "n": self.n,
            "trimmed": self.trimmed,
            **self.figures,
            "met": self.met,
            "reasons": dict(self.reasons),
        }


@dataclass(frozen=True)
class PriceBand:
    """The sales of one price level, low < `proxies` ≤ high (the lowest band holds its low too).

    Parameters
    ----------
    low, high
        In the market's currency.
    figures
        Their study. It has no measure of vertical equity: those compare price levels.
    """

    low: float
    high: float
    figures: RatioFigures

    def to_dict(self) -> dict[str, Any]:
        """Return the band as plain values, in cents at most."""
        return {"low": round(self.low, 2), "high": round(self.high, 2), **self.figures.to_dict()}


@dataclass(frozen=True)
class RatioStudy:
    """A ratio study of all sales, by price band and by area.

    Parameters
    ----------
    overall
        All sales.
    price_bands
        From the lowest to the highest; None with too few sales.
    areas
        Postal code → the sales there; None where no sale's is known.
    reasons
        `price_bands` or `areas` → why it is None.
    """

    overall: RatioFigures
    price_bands: tuple[PriceBand, ...] | None
    areas: Mapping[str, RatioFigures] | None
    reasons: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Return the study as plain values."""
        bands, areas = self.price_bands, self.areas
        return {
            "overall": self.overall.to_dict(),
            "price_bands": None if bands is None else [band.to_dict() for band in bands],
            "areas": None
            if areas is None
            else [{"postal_code": code, **figures.to_dict()} for code, figures in areas.items()],
            "reasons": dict(self.reasons),
        }


def studies_as_dict(studies: Mapping[str, RatioStudy]) -> dict[str, Any]:
    """Return studies by name as plain values, with what they are to be judged by.

    An end of an acceptable range that is open is None.
    """
    ranges = {
        name: [bound if math.isfinite(bound) else None for bound in bounds] for name, bounds in ACCEPTABLE.items()
    }
    header = {"standard": STANDARD, "confidence": CONFIDENCE, "acceptable": ranges}
    return header | {name: study.to_dict() for name, study in studies.items()}


def ratio_study(price: FloatArray, estimate: FloatArray, area: LabelArray | None = None) -> RatioStudy:
    """Study n values against n sale prices.

    Outliers are found once, among all sales, so that every sale is one in all its groups or in none.

    Parameters
    ----------
    price, estimate
        Shape (n,), positive, in one currency; n ≥ 1.
    area
        Postal code of each sale, '' where unknown, shape (n,); None in a market without.
    """
    kept = ~outliers(estimate / price)
    reasons = {}
    bands, areas = None, None
    if kept.sum() < LEAST_SALES_FOR_BANDS:
        reasons["price_bands"] = f"fewer than {LEAST_SALES_FOR_BANDS} sales"
    else:
        bands = _by_price(price, estimate, kept)
    if area is None or not (area != "").any():
        reasons["areas"] = "no sale's postal code is known"
    else:
        areas = _by_area(price, estimate, kept, area)
    return RatioStudy(_study(price, estimate, kept), bands, areas, reasons)


def outliers(ratio: FloatArray) -> BoolArray:
    """Return which of n ratios are outliers, shape (n,): beyond the quartiles by more than 3 interquartile ranges.

    Notes
    -----
    Quartiles by linear interpolation. Where the quartiles are equal nothing is an outlier: there is no spread to
    measure a distance by, and most of the ratios that differ would go.
    """
    lower, upper = np.quantile(ratio, (0.25, 0.75))
    reach = _FENCE * (upper - lower)
    beyond: BoolArray = (ratio < lower - reach) | (ratio > upper + reach)
    return beyond if reach > 0 else np.zeros(len(ratio), np.bool_)


def median_interval(ratio: FloatArray) -> tuple[float, float]:
    """Return the 90% interval of the median of n ≥ 5 ratios, without assuming a distribution.

    Notes
    -----
    The ratios of ranks ⌈n/2 − 1.645·√n/2⌉ and ⌊1 + n/2 + 1.645·√n/2⌋, from 1 (the VEI's bounds in the drafts).
    They approximate the binomial distribution's: the chance to hold the median is 90% on average over n, 82% to
    97% with few sales, and above 86% from 30 on.
    """
    n, ordered = len(ratio), np.sort(ratio)
    reach = _Z * math.sqrt(n) / 2
    return float(ordered[math.ceil(n / 2 - reach) - 1]), float(ordered[math.floor(1 + n / 2 + reach) - 1])


def cod(ratio: FloatArray) -> float:
    """Return the coefficient of dispersion of n ratios, 100·mean|r − m|/m, in percent."""
    middle = np.median(ratio)
    return float(100 * np.mean(np.abs(ratio - middle)) / middle)


def prd(price: FloatArray, estimate: FloatArray) -> float:
    """Return the price-related differential of n sales, mean(r)/(Σestimate/Σprice), a ratio of ratios."""
    return float(np.mean(estimate / price) / (estimate.sum() / price.sum()))


def proxies(price: FloatArray, estimate: FloatArray, median_ratio: float) -> FloatArray:
    """Return stand-ins for the unknown worth of n homes, ½·price + ½·estimate/m, shape (n,), in the currency.

    Groups by the sale price alone would make any values look regressive: a home that happened to sell high stands
    among the dear ones, and has a low ratio for that reason alone. By the value alone it is the other way round.
    """
    worth: FloatArray = (price + estimate / median_ratio) / 2
    return worth


def prb(price: FloatArray, estimate: FloatArray) -> tuple[float, float, float] | None:
    """Return the coefficient of price-related bias of n ≥ 3 sales and its 90% interval.

    Returns
    -------
    tuple of float or None
        The slope b of the least-squares line of (r − m)/m on log₂ of the `proxies`, and the ends of its interval:
        ratios change by the share b where worth doubles. None if the proxies are all the same.

    Notes
    -----
    The interval is b ± t·s, with s the standard error of the slope and t Student's quantile of n − 2 degrees of
    freedom.
    """
    ratio = estimate / price
    middle = np.median(ratio)
    doublings, off = np.log2(proxies(price, estimate, float(middle))), (ratio - middle) / middle
    if np.ptp(doublings) < _SAME:
        return None
    doublings, off = doublings - doublings.mean(), off - off.mean()
    leverage = doublings @ doublings
    slope = doublings @ off / leverage
    miss = off - slope * doublings
    freedom = len(price) - 2
    reach = stdtrit(freedom, (1 + CONFIDENCE) / 2) * np.sqrt(miss @ miss / freedom / leverage)
    return float(slope), float(slope - reach), float(slope + reach)


def gini(amount: FloatArray) -> float:
    """Return 2Σ(i·x)/(nΣx) − (n + 1)/n of n amounts in their given order, i from 1: 0 where all are the same.

    In ascending order it is the Gini coefficient, between 0 and 1.
    """
    n = len(amount)
    return float(2 * (np.arange(1, n + 1) @ amount) / (n * amount.sum()) - (n + 1) / n)


def mki(price: FloatArray, estimate: FloatArray) -> float:
    """Return the modified Kakwani index, Gini(estimates in order of price)/Gini(prices), of prices that differ.

    The sort is stable, as in the drafts' example: sales of one price stay in the order they are given in, which
    therefore has a small part in the index.
    """
    order = np.argsort(price, kind="stable")
    return gini(estimate[order]) / gini(price[order])


def band_edges(worth: FloatArray) -> FloatArray:
    """Return the g − 1 inner edges of price bands, shape (g − 1,): the `proxies`' quantiles at k/g.

    g is 2 for 20 to 50 sales, 4 for 51 to 500 and 10 from 501. Quantiles by linear interpolation.
    """
    g = 2 if len(worth) <= 50 else 4 if len(worth) <= 500 else 10
    edges: FloatArray = np.quantile(worth, np.arange(1, g) / g)
    return edges


def bands_of(worth: FloatArray, edges: FloatArray) -> NDArray[np.intp]:
    """Return the band of each of n sales, shape (n,), from 0; one on an edge goes into the lower band."""
    return np.searchsorted(edges, worth, side="left")


def vei(price: FloatArray, estimate: FloatArray) -> tuple[float, float] | None:
    """Return the vertical equity indicator of n ≥ 20 sales and its significance, both in percent of m.

    Returns
    -------
    tuple of float or None
        100·(median r of the highest price band − of the lowest)/m; and 100·(lower bound of the band with the
        highest median − upper bound of the one with the lowest)/m, bounds by `median_interval`. None if homes of
        one worth leave a band with fewer than 5 sales.
    """
    ratio = estimate / price
    middle = float(np.median(ratio))
    worth = proxies(price, estimate, middle)
    edges = band_edges(worth)
    band = bands_of(worth, edges)
    groups = [ratio[band == which] for which in range(len(edges) + 1)]
    if min(map(len, groups)) < LEAST_SALES:
        return None
    medians = [float(np.median(group)) for group in groups]
    lower, _ = median_interval(groups[int(np.argmax(medians))])
    _, upper = median_interval(groups[int(np.argmin(medians))])
    return 100 * (medians[-1] - medians[0]) / middle, 100 * (lower - upper) / middle


def ratio_figures(price: FloatArray, estimate: FloatArray, trimmed: int = 0) -> RatioFigures:
    """Return the figures of one group of n sales, n ≥ 0, after `trimmed` outliers were left out."""
    n = len(price)
    if n < LEAST_SALES:
        why = f"fewer than {LEAST_SALES} sales"
        return RatioFigures(n, trimmed, reasons=dict.fromkeys((*_LEVEL, *_EQUITY, "met"), why))
    equity, reasons = _equity(price, estimate)
    if n < ENOUGH_SALES:
        reasons["met"] = f"fewer than {ENOUGH_SALES} sales"
    ratio = estimate / price
    low, high = median_interval(ratio)
    return RatioFigures(
        n=n,
        trimmed=trimmed,
        median_ratio=float(np.median(ratio)),
        median_ratio_low=low,
        median_ratio_high=high,
        mean_ratio=float(ratio.mean()),
        weighted_mean_ratio=float(estimate.sum() / price.sum()),
        cod=cod(ratio),
        **equity,
        reasons=reasons,
    )


def _equity(price: FloatArray, estimate: FloatArray) -> tuple[dict[str, float], dict[str, str]]:
    """Return the measures of vertical equity of n ≥ 5 sales, and why others of them cannot be told."""
    if price.min() == price.max():
        return {}, dict.fromkeys(_EQUITY, "every sale has the same price")
    values = {"prd": prd(price, estimate)}
    reasons = {}
    bias = prb(price, estimate)
    if bias is None:
        reasons["prb"] = "every home has the same worth"
    else:
        values |= dict(zip(("prb", "prb_low", "prb_high"), bias, strict=True))
    names = ("vei", "vei_significance")
    if len(price) < LEAST_SALES_FOR_BANDS:
        return values, reasons | dict.fromkeys(("mki", *names), f"fewer than {LEAST_SALES_FOR_BANDS} sales")
    values["mki"] = mki(price, estimate)
    indicator = vei(price, estimate)
    if indicator is None:
        return values, reasons | dict.fromkeys(names, f"a price band has fewer than {LEAST_SALES} sales")
    return values | dict(zip(names, indicator, strict=True)), reasons


def _study(price: FloatArray, estimate: FloatArray, kept: BoolArray) -> RatioFigures:
    return ratio_figures(price[kept], estimate[kept], int(np.sum(~kept)))


def _by_price(price: FloatArray, estimate: FloatArray, kept: BoolArray) -> tuple[PriceBand, ...]:
    """Study the bands that the VEI compares; an outlier is counted where it would have been."""
    worth = proxies(price, estimate, float(np.median(estimate[kept] / price[kept])))
    edges = band_edges(worth[kept])
    band = bands_of(worth, edges)
    ends = [float(worth.min()), *edges.tolist(), float(worth.max())]
    studied = []
    for which, (low, high) in enumerate(itertools.pairwise(ends)):
        inside = band == which
        figures = _study(price[inside], estimate[inside], kept[inside])
        studied.append(PriceBand(low, high, _of_one_level(figures)))
    return tuple(studied)


def _of_one_level(figures: RatioFigures) -> RatioFigures:
    """Return the figures of a price band without the measures that compare price levels."""
    why = dict.fromkeys(_EQUITY, "compares price levels, and a band holds one")
    return replace(
        figures,
        prd=None,
        prb=None,
        prb_low=None,
        prb_high=None,
        mki=None,
        vei=None,
        vei_significance=None,
        reasons={**figures.reasons, **why},
    )


def _by_area(
    price: FloatArray, estimate: FloatArray, kept: BoolArray, area: LabelArray
) -> dict[str, RatioFigures]:
    codes, which = np.unique(area, return_inverse=True)
    order = np.argsort(which, kind="stable")
    rows = np.split(order, np.flatnonzero(np.diff(which[order])) + 1)
    return {
        str(code): _study(price[inside], estimate[inside], kept[inside])
        for code, inside in zip(codes, rows, strict=True)
        if code
    }
