"""How well a screening would have done: what it promised beside what the homes brought. Knows arrays alone."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from estimator.deals.list_prices import ListPriceModel
from estimator.deals.screening import SEVENTY_PERCENT, Costs, best_first, screen
from estimator.market.facts import BoolArray, FloatArray

TOPS = (10, 50, 100, 500)
"""How many of the best are looked at: what one investor, a few, and a fund can buy of a month's listings."""
BANDS = 10
"""Of equal width, that probabilities are judged in."""
FIFTH = 5
_RESAMPLES = 2_000
"""Of the bootstrap: an end of its 95% interval then lies within some percent of where more would put it."""

EXPECTED_MARGIN, NAIVE, PRICE_PER_UNIT, SEVENTY = "expected margin", "value over ask", "price per unit", "70% rule"


@dataclass(frozen=True)
class Band:
    """Listings whose probability of a resale above the break-even is in a band.

    Parameters
    ----------
    low, high
        The band's ends.
    n
        How many listings.
    claimed
        Their mean probability.
    realised
        Share of them whose resale was above the break-even.
    """

    low: float
    high: float
    n: int
    claimed: float
    realised: float


@dataclass(frozen=True)
class Top:
    """The k best by a ranking.

    Parameters
    ----------
    k
        How many.
    claimed
        Mean margin claimed, in percent of the outlay; None for a ranking that claims none.
    realised
        Mean margin realised, in percent of the outlay.
    above
        Share whose resale was above the break-even, in percent.
    """

    k: int
    claimed: float | None
    realised: float
    above: float


@dataclass(frozen=True)
class Ranking:
    """How one ranking did.

    Parameters
    ----------
    tops
        Of the k best.
    rank_correlation
        Spearman's, of its score with the margin realised.
    spread, spread_low, spread_high
        Mean margin realised of its top fifth less that of its bottom fifth, in points, and its 95% interval by
        bootstrap.
    """

    tops: tuple[Top, ...]
    rank_correlation: float
    spread: float
    spread_low: float
    spread_high: float


@dataclass(frozen=True)
class Backtest:
    """What a screening of n closed listings promised, and what they brought.

    Parameters
    ----------
    n
        How many listings.
    asks
        What was learned of asks: drift, premium, noise, listings.
    reliability
        Of the probability of a resale above the break-even.
    rankings
        Name → how it did.
    seventy_percent_buys
        How many asks were within the 70% rule, and the mean margin realised of those, None where there were none.
    """

    n: int
    asks: Mapping[str, float | int | None]
    reliability: tuple[Band, ...]
    rankings: Mapping[str, Ranking]
    seventy_percent_buys: tuple[int, float | None]

    def to_dict(self) -> dict[str, Any]:
        """Return the findings as plain values."""
        return asdict(self)


def backtest(
    value: FloatArray,
    fsd: FloatArray,
    ask: FloatArray,
    resale: FloatArray,
    costs: Costs,
    asks: ListPriceModel,
    size: FloatArray | None,
    rng: np.random.Generator,
) -> Backtest:
    """Screen n closed listings and compare with what they brought.

    Parameters
    ----------
    value, fsd, ask, costs, asks
        As `screen` takes them; none of it has seen the resale.
    resale
        What the homes brought, shape (n,).
    size
        For the ask per unit of it, shape (n,), NaN where not known; None: no such ranking.
    rng
        For the bootstrap.

    Notes
    -----
    The 70% rule's score is the share by which its offer is above the ask. Without repair it ranks as the value
    over the ask does.
    """
    promise = screen(value, fsd, ask, costs, asks)
    realised = 100 * costs.margin(ask, resale) / costs.outlay(ask)
    above = resale > promise.break_even
    scores: dict[str, tuple[FloatArray, FloatArray | None]] = {
        EXPECTED_MARGIN: (promise.margin_percent, promise.margin_percent),
        NAIVE: (promise.naive_percent, 100 * costs.margin(ask, value) / costs.outlay(ask)),
        SEVENTY: (promise.seventy_percent_offer / ask - 1, None),
    }
    if size is not None:
        scores[PRICE_PER_UNIT] = (-ask / size, None)
    within = ask <= SEVENTY_PERCENT * value - costs.rehab
    return Backtest(
        n=len(ask),
        asks={name: entry for name, entry in vars(asks).items() if name != "scores"},
        reliability=reliability(promise.probability, above),
        rankings={
            name: _ranking(score, claimed, realised, above, rng) for name, (score, claimed) in scores.items()
        },
        seventy_percent_buys=(int(within.sum()), float(realised[within].mean()) if within.any() else None),
    )


def reliability(probability: FloatArray, came_true: BoolArray) -> tuple[Band, ...]:
    """Compare n probabilities with what came true, in bands of equal width; empty ones are left out."""
    band = np.minimum((probability * BANDS).astype(int), BANDS - 1)
    return tuple(
        Band(
            k / BANDS,
            (k + 1) / BANDS,
            int(inside.sum()),
            float(probability[inside].mean()),
            float(came_true[inside].mean()),
        )
        for k in range(BANDS)
        if (inside := band == k).any()
    )


def _ranking(
    score: FloatArray, claimed: FloatArray | None, realised: FloatArray, above: BoolArray, rng: np.random.Generator
) -> Ranking:
    order = best_first(score)
    tops = tuple(
        Top(
            k,
            None if claimed is None else float(claimed[order[:k]].mean()),
            float(realised[order[:k]].mean()),
            100 * float(above[order[:k]].mean()),
        )
        for k in TOPS
        if k <= len(order)
    )
    fifth = max(len(order) // FIFTH, 1)
    top, bottom = realised[order[:fifth]], realised[order[-fifth:]]
    spreads = _resampled_mean(top, rng) - _resampled_mean(bottom, rng)
    low, high = np.quantile(spreads, (0.025, 0.975))
    known = ~np.isnan(score)
    return Ranking(
        tops,
        float(spearmanr(score[known], realised[known]).statistic),
        float(top.mean() - bottom.mean()),
        float(low),
        float(high),
    )


def _resampled_mean(values: FloatArray, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the means of resamples, shape (_RESAMPLES,)."""
    means: NDArray[np.float64] = values[rng.integers(0, len(values), (_RESAMPLES, len(values)))].mean(axis=1)
    return means
