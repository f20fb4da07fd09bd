"""The assessor's ratio study: level, uniformity and vertical equity of values, compared with sale prices.

Acceptable ranges: IAAO, Standard on Ratio Studies; MKI and VEI: its exposure drafts (2025, May 2026). The measures
themselves are in `ratio_statistics`; r = estimate/price is a ratio, m the median of n ratios.
"""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from estimator.assessment.ratio_intervals import cod_interval, mki_interval, prd_interval, vei_interval
from estimator.assessment.ratio_statistics import (
    CONFIDENCE,
    MIN_SALES,
    band_index,
    band_limits,
    cod,
    median_interval,
    mki,
    outliers,
    prb,
    prd,
    proxies,
    vei,
)
from estimator.assessment.rounding import DECIMALS
from estimator.market.arrays import BoolArray, FloatArray, LabelArray

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
"""Measure → the range that the standard accepts, bounds included; the COD's is the one for homes. A COD below its
range suggests that the values were fitted to the very prices they are compared with."""

MIN_SALES_FOR_VERDICT = 30
"""Below this no verdict is given: the standard warns of smaller samples."""

MIN_SALES_FOR_BANDS = 20
"""Below this there is no VEI and there are no price bands, as in the drafts. There is no MKI either, as in the
drafts: it has no interval to show how little a dozen sales determine it."""

_LEVEL = ("median_ratio", "mean_ratio", "weighted_mean_ratio", "cod")
_EQUITY = ("prd", "prb", "mki", "vei", "vei_significance")


@dataclass(frozen=True)
class RatioFigures:
    """The ratio study of one group of sales. A figure that cannot be computed is None, and `reasons` says why.

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
    cod, cod_low, cod_high
        Coefficient of dispersion, in percent of m, and its interval: see `cod`.
    prd, prd_low, prd_high
        Price-related differential and its interval: see `prd`. Above 1, expensive homes are under-valued relative
        to cheap ones.
    prb, prb_low, prb_high
        Coefficient of price-related bias and its interval: see `prb`. Below 0, expensive homes are under-valued.
    mki, mki_low, mki_high
        Modified Kakwani index and its interval: see `mki`. Below 1, expensive homes are under-valued.
    vei, vei_low, vei_high, vei_significance
        Vertical equity indicator, in percent of m, its interval and its significance: see `vei`. Below 0,
        expensive homes are under-valued.
    reasons
        Name of a measure, or `met` for all verdicts → why it is None.
    """

    n: int
    trimmed: int
    median_ratio: float | None = None
    median_ratio_low: float | None = None
    median_ratio_high: float | None = None
    mean_ratio: float | None = None
    weighted_mean_ratio: float | None = None
    cod: float | None = None
    cod_low: float | None = None
    cod_high: float | None = None
    prd: float | None = None
    prd_low: float | None = None
    prd_high: float | None = None
    prb: float | None = None
    prb_low: float | None = None
    prb_high: float | None = None
    mki: float | None = None
    mki_low: float | None = None
    mki_high: float | None = None
    vei: float | None = None
    vei_low: float | None = None
    vei_high: float | None = None
    vei_significance: float | None = None
    reasons: Mapping[str, str] = field(default_factory=dict)

    @property
    def figures(self) -> dict[str, float | None]:
        """Figures by name, rounded as they are written."""
        names = [entry.name for entry in fields(self) if entry.name not in {"n", "trimmed", "reasons"}]
        values = {name: getattr(self, name) for name in names}
        return {name: None if value is None else round(value, DECIMALS) for name, value in values.items()}

    @property
    def met(self) -> dict[str, bool | None]:
        """Measure → whether it is in its acceptable range; None if this cannot be decided."""
        figures = self.figures
        verdicts: dict[str, bool | None] = {}
        for name, (low, high) in ACCEPTABLE.items():
            value = figures[name]
            verdicts[name] = None if value is None or self.n < MIN_SALES_FOR_VERDICT else low <= value <= high
        return verdicts

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain values, with the verdicts and the reasons for figures that are None."""
        return {
            "n": self.n,
            "trimmed": self.trimmed,
            **self.figures,
            "met": self.met,
            "reasons": dict(self.reasons),
        }


@dataclass(frozen=True)
class PriceBand:
    """The sales of one price level, low < `proxies` ≤ high (the lowest band includes its low bound).

    Parameters
    ----------
    low, high
        In the market's currency.
    figures
        Their study, without the measures of vertical equity, which compare price levels.
    """

    low: float
    high: float
    figures: RatioFigures

    def to_dict(self) -> dict[str, Any]:
        """Return the band as plain values, its bounds rounded to cents."""
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
        Postal code → figures of the sales there; None if no sale has a known postal code.
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
    """Return studies by name as plain values, with the standard and its acceptable ranges.

    An open bound of an acceptable range is None.
    """
    ranges = {
        name: [bound if math.isfinite(bound) else None for bound in bounds] for name, bounds in ACCEPTABLE.items()
    }
    header = {"standard": STANDARD, "confidence": CONFIDENCE, "acceptable": ranges}
    return header | {name: study.to_dict() for name, study in studies.items()}


def ratio_study(price: FloatArray, estimate: FloatArray, area: LabelArray | None = None) -> RatioStudy:
    """Compare n values with n sale prices.

    Outliers are found once, among all sales, so that a sale is an outlier in all its groups or in none.

    Parameters
    ----------
    price, estimate
        Shape (n,), positive, in one currency; n ≥ 1.
    area
        Postal code of each sale, '' where unknown, shape (n,); None in a market without postal codes.
    """
    kept = ~outliers(estimate / price)
    reasons = {}
    bands, areas = None, None
    if kept.sum() < MIN_SALES_FOR_BANDS:
        reasons["price_bands"] = f"fewer than {MIN_SALES_FOR_BANDS} sales"
    else:
        bands = _by_price(price, estimate, kept)
    if area is None or not (area != "").any():
        reasons["areas"] = "no sale's postal code is known"
    else:
        areas = figures_by_label(price, estimate, kept, area)
    return RatioStudy(_kept_figures(price, estimate, kept), bands, areas, reasons)


def ratio_figures(price: FloatArray, estimate: FloatArray, trimmed: int = 0) -> RatioFigures:
    """Return the figures of a group of n ≥ 0 sales, from which `trimmed` outliers have been removed."""
    n = len(price)
    if n < MIN_SALES:
        reason = f"fewer than {MIN_SALES} sales"
        return RatioFigures(n, trimmed, reasons=dict.fromkeys((*_LEVEL, *_EQUITY, "met"), reason))
    equity, reasons = _equity(price, estimate)
    if n < MIN_SALES_FOR_VERDICT:
        reasons["met"] = f"fewer than {MIN_SALES_FOR_VERDICT} sales"
    ratio = estimate / price
    low, high = median_interval(ratio)
    cod_low, cod_high = cod_interval(ratio)
    return RatioFigures(
        n=n,
        trimmed=trimmed,
        median_ratio=float(np.median(ratio)),
        median_ratio_low=low,
        median_ratio_high=high,
        mean_ratio=float(ratio.mean()),
        weighted_mean_ratio=float(estimate.sum() / price.sum()),
        cod=cod(ratio),
        cod_low=cod_low,
        cod_high=cod_high,
        **equity,
        reasons=reasons,
    )


def _equity(price: FloatArray, estimate: FloatArray) -> tuple[dict[str, float], dict[str, str]]:
    """Return the measures of vertical equity of n ≥ 5 sales, and why the missing ones cannot be computed."""
    if price.min() == price.max():
        return {}, dict.fromkeys(_EQUITY, "every sale has the same price")
    values = _with_interval("prd", prd(price, estimate), prd_interval(price, estimate))
    reasons = {}
    bias = prb(price, estimate)
    if bias is None:
        reasons["prb"] = "every home has the same worth"
    else:
        values |= dict(zip(("prb", "prb_low", "prb_high"), bias, strict=True))
    names = ("vei", "vei_significance")
    if len(price) < MIN_SALES_FOR_BANDS:
        return values, reasons | dict.fromkeys(("mki", *names), f"fewer than {MIN_SALES_FOR_BANDS} sales")
    values |= _with_interval("mki", mki(price, estimate), mki_interval(price, estimate))
    indicator, interval = vei(price, estimate), vei_interval(price, estimate)
    if indicator is None or interval is None:
        return values, reasons | dict.fromkeys(names, f"a price band has fewer than {MIN_SALES} sales")
    return values | _with_interval("vei", indicator[0], interval) | {"vei_significance": indicator[1]}, reasons


def _with_interval(name: str, value: float, interval: tuple[float, float]) -> dict[str, float]:
    return {name: value, f"{name}_low": interval[0], f"{name}_high": interval[1]}


def _kept_figures(price: FloatArray, estimate: FloatArray, kept: BoolArray) -> RatioFigures:
    """Return the figures of a group of n sales without its outliers."""
    return ratio_figures(price[kept], estimate[kept], int(np.sum(~kept)))


def _by_price(price: FloatArray, estimate: FloatArray, kept: BoolArray) -> tuple[PriceBand, ...]:
    """Return figures by the price bands that the VEI compares; an outlier is counted in the band it falls into."""
    bounds, band = price_band_of(price, estimate, kept)
    bands = []
    for index, (low, high) in enumerate(itertools.pairwise(bounds)):
        inside = band == index
        figures = _kept_figures(price[inside], estimate[inside], kept[inside])
        bands.append(PriceBand(low, high, _without_equity(figures)))
    return tuple(bands)


def price_band_of(
    price: FloatArray, estimate: FloatArray, kept: BoolArray
) -> tuple[list[float], NDArray[np.intp]]:
    """Return the bounds of g price bands, g + 1 of them, and the band of each of n sales, shape (n,), from 0.

    Parameters
    ----------
    kept
        Which sales are no outliers, shape (n,): the bands have equal numbers of these.
    """
    worth = proxies(price, estimate, float(np.median(estimate[kept] / price[kept])))
    limits = band_limits(worth[kept])
    return [float(worth.min()), *limits.tolist(), float(worth.max())], band_index(worth, limits)


def _without_equity(figures: RatioFigures) -> RatioFigures:
    """Return a price band's figures without the measures of vertical equity, which compare price levels."""
    added = dict.fromkeys(_EQUITY, "compares price levels, and a price band is a single level")
    equity: dict[str, Any] = {name: None for name in figures.figures if name.split("_")[0] in _EQUITY}
    return replace(figures, **equity, reasons={**figures.reasons, **added})


def figures_by_label(
    price: FloatArray, estimate: FloatArray, kept: BoolArray, label: LabelArray
) -> dict[str, RatioFigures]:
    """Return the figures of n sales by their label, without outliers; sales without a label, '', are left out.

    Parameters
    ----------
    kept
        Which sales are no outliers, shape (n,).
    label
        Such as a postal code or a month, text, shape (n,).
    """
    codes, index = np.unique(label, return_inverse=True)
    order = np.argsort(index, kind="stable")
    rows = np.split(order, np.flatnonzero(np.diff(index[order])) + 1)
    return {
        str(code): _kept_figures(price[inside], estimate[inside], kept[inside])
        for code, inside in zip(codes, rows, strict=True)
        if code
    }
