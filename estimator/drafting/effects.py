"""Whether numbers rise or fall with the price, once the size and the age of the homes are taken into account."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from estimator.drafting.known_facts import KnownFact
from estimator.market.arrays import FloatArray
from estimator.market.feature import PriceEffect

MIN_CORRELATION = 0.05
"""Rank correlation with the price, plain or partial, from which a fact's usual effect is declared; with a smaller
one the file may mean something else by its numbers."""
_TOLD_CORRELATION = 0.3
"""Rank correlation from which a comment proposes an effect that is not known to hold everywhere."""
_MIN_SALES = 30
"""With fewer sales a correlation says nothing."""


@dataclass(frozen=True, eq=False)
class PriceSample:
    """The sales by which the effects of facts are judged.

    Parameters
    ----------
    price
        Sale prices, shape (n,).
    controls
        Size and year of building of the homes, each of shape (n,), as far as the file has them. The upkeep of old
        homes is better than that of new ones, so that without their age good upkeep would seem to lower prices.
    """

    price: FloatArray
    controls: tuple[FloatArray, ...]


def price_effect(
    known: KnownFact | None, values: FloatArray, sample: PriceSample
) -> tuple[PriceEffect | None, list[str]]:
    """Return the effect on the price that is declared, and a remark where one is proposed or left out.

    Parameters
    ----------
    known
        The known fact that the values are of; None if unknown.
    values
        Shape (n,); NaN where unknown.
    """
    expected = None if known is None else known.price_effect
    if expected is not None:
        return _usual_effect(expected, values, sample)
    correlation = rank_correlation(values, sample.price)
    if math.isnan(correlation) or abs(correlation) < _TOLD_CORRELATION or (known is not None and known.is_year):
        return None, []
    direction = "increasing" if correlation > 0 else "decreasing"
    told = f'price_effect = "{direction}" is possible: the rank correlation with the price is {correlation:+.2f}'
    return None, [told]


def _usual_effect(
    expected: PriceEffect, values: FloatArray, sample: PriceSample
) -> tuple[PriceEffect | None, list[str]]:
    """Return the effect that a fact has everywhere, unless the sales do not show it."""
    others = [control for control in sample.controls if control is not values]
    found = [rank_correlation(values, sample.price, controls) for controls in ((), others)]
    sign = 1 if expected == "increasing" else -1
    if any(sign * correlation >= MIN_CORRELATION for correlation in found):
        return expected, []
    if math.isnan(found[0]):
        return None, []
    return None, [f"price_effect: left out, because the rank correlation with the price is {found[0]:+.2f}"]


def rank_correlation(values: FloatArray, price: FloatArray, controls: Sequence[FloatArray] = ()) -> float:
    """Return Spearman's rank correlation with the price; the partial one if there are controls.

    Returns
    -------
    float
        From −1 to 1; NaN if it is not defined, or there are too few sales.
    """
    known = ~np.isnan(values) & ~np.isnan(price)
    if known.sum() < _MIN_SALES or np.ptp(values[known]) == 0 or np.ptp(price[known]) == 0:
        return math.nan
    table = pd.DataFrame([values[known], price[known], *(control[known] for control in controls)]).T.rank(pct=True)
    ranks = table.fillna(0.5).to_numpy()
    given = np.column_stack((np.ones(len(ranks)), ranks[:, 2:]))
    residuals = ranks[:, :2] - given @ np.linalg.lstsq(given, ranks[:, :2], rcond=None)[0]
    if (residuals.std(axis=0) < 1e-9).any():
        return math.nan
    return float(np.corrcoef(residuals.T)[0, 1])
