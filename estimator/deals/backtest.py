"""How a screening would have done: its claims compared with the resale prices. Works on arrays alone."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from estimator.deals.costs import Costs
from estimator.deals.list_prices import ListPriceModel
from estimator.deals.screening import SEVENTY_PERCENT, best_first, screen
from estimator.market.arrays import BoolArray, FloatArray

TOP_SIZES = (10, 50, 100, 500)
"""Sizes of the top lists compared: what one investor, a few, and a fund can buy of a month's listings."""
N_BANDS = 10
"""Probability bands of equal width in the reliability table."""
N_FIFTHS = 5
"""The spread compares the top fifth of a ranking with its bottom fifth."""
_N_RESAMPLES = 2_000
"""Bootstrap resamples: enough to fix the ends of the 95% interval to within a few percent."""

EXPECTED_MARGIN, NAIVE, PRICE_PER_UNIT, SEVENTY = "expected margin", "value over ask", "price per unit", "70% rule"
"""Names of the rankings, as the investor reads them."""


@dataclass(frozen=True)
class Band:
    """Listings whose probability of a resale above the break-even is in one band.

    Parameters
    ----------
    low, high
        The band's bounds.
    n
        Number of listings.
    claimed
        Their mean probability.
    realised
        Share of them with a resale above the break-even.
    """

    low: float
    high: float
    n: int
    claimed: float
    realised: float


@dataclass(frozen=True)
class Top:
    """The k best listings of a ranking.

    Parameters
    ----------
    k
        Number of listings.
    claimed
        Mean claimed margin in percent of the outlay; None for a ranking that claims no margin.
    realised
        Mean realised margin in percent of the outlay.
    above
        Share with a resale above the break-even, in percent.
    """

    k: int
    claimed: float | None
    realised: float
    above: float


@dataclass(frozen=True)
class Ranking:
    """The results of one ranking.

    Parameters
    ----------
    tops
        Of the k best listings, for each k.
    rank_correlation
        Spearman's correlation of the ranking's score with the realised margin.
    spread, spread_low, spread_high
        Mean realised margin of the top fifth minus that of the bottom fifth, in percentage points, and its 95%
        bootstrap interval.
    """

    tops: tuple[Top, ...]
    rank_correlation: float
    spread: float
    spread_low: float
    spread_high: float


@dataclass(frozen=True)
class Backtest:
    """The claims of a screening of n closed listings, compared with the resale prices.

    Parameters
    ----------
    n
        Number of listings.
    list_price_model
        Parameters of the list price model by name, without its scores.
    reliability
        Of the probability of a resale above the break-even.
    rankings
        Name → results.
    seventy_percent_buys
        Number of list prices within the 70% rule, and their mean realised margin, None if there are none.
    """

    n: int
    list_price_model: Mapping[str, float | int | None]
    reliability: tuple[Band, ...]
    rankings: Mapping[str, Ranking]
    seventy_percent_buys: tuple[int, float | None]

    def to_dict(self) -> dict[str, Any]:
        """Return the results as plain values, under the names that readers of `backtest --json` know."""
        values = asdict(self)
        model = values.pop("list_price_model")
        model["fade"] = model.pop("huber_threshold")
        return values | {"asks": model}


def backtest(
    value: FloatArray,
    fsd: FloatArray,
    list_price: FloatArray,
    resale: FloatArray,
    costs: Costs,
    model: ListPriceModel,
    size: FloatArray | None,
    rng: np.random.Generator,
) -> Backtest:
    """Screen n closed listings and compare the claims with the resale prices.

    Parameters
    ----------
    value, fsd, list_price, costs, model
        As `screen` takes them; none of them may depend on the resale prices.
    resale
        Resale prices, shape (n,).
    size
        For the list price per unit of size, shape (n,), NaN where unknown; None leaves this ranking out.
    rng
        For the bootstrap.

    Notes
    -----
    The score of the 70% rule is the share by which its offer is above the list price. Without repair costs it
    ranks like the value over the list price.
    """
    screening = screen(value, fsd, list_price, costs, model)
    outcome, outlay = screening.outcome, costs.outlay(list_price)
    realised = 100 * costs.margin(list_price, resale) / outlay
    above = resale > screening.break_even
    scores: dict[str, tuple[FloatArray, FloatArray | None]] = {
        EXPECTED_MARGIN: (outcome.margin_percent, outcome.margin_percent),
        NAIVE: (screening.naive_percent, 100 * costs.margin(list_price, value) / outlay),
        SEVENTY: (screening.seventy_percent_offer / list_price - 1, None),
    }
    if size is not None:
        scores[PRICE_PER_UNIT] = (-list_price / size, None)
    within_rule = list_price <= SEVENTY_PERCENT * value - costs.rehab
    return Backtest(
        n=len(list_price),
        list_price_model={name: entry for name, entry in vars(model).items() if name != "scores"},
        reliability=reliability(outcome.probability, above),
        rankings={
            name: _ranking(score, claimed, realised, above, rng) for name, (score, claimed) in scores.items()
        },
        seventy_percent_buys=(
            int(within_rule.sum()),
            float(realised[within_rule].mean()) if within_rule.any() else None,
        ),
    )


def reliability(probability: FloatArray, outcome: BoolArray) -> tuple[Band, ...]:
    """Compare n probabilities with the outcomes, in bands of equal width; empty bands are left out."""
    band = np.minimum((probability * N_BANDS).astype(int), N_BANDS - 1)
    return tuple(
        Band(
            k / N_BANDS,
            (k + 1) / N_BANDS,
            int(inside.sum()),
            float(probability[inside].mean()),
            float(outcome[inside].mean()),
        )
        for k in range(N_BANDS)
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
        for k in TOP_SIZES
        if k <= len(order)
    )
    fifth = max(len(order) // N_FIFTHS, 1)
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
    """Return the means of bootstrap resamples, shape (_N_RESAMPLES,)."""
    means: NDArray[np.float64] = values[rng.integers(0, len(values), (_N_RESAMPLES, len(values)))].mean(axis=1)
    return means
