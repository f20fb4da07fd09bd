"""The distribution of a home's resale price, given its value and its list price.

A seller knows things about the home that no record contains, so the list price carries information. Of many homes,
those with a list price furthest below their value are mostly homes that were over-valued (the winner's curse;
Smith and Winkler 2006, The optimizer's curse, Management Science 52(3)). So value and list price are weighted by
their error variances. This module works on arrays and knows nothing of homes.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy.optimize import minimize_scalar

from estimator.errors import DataError
from estimator.market.arrays import FloatArray

PRIOR_PREMIUM = 0.02
"""Median of log(list price/resale price) without closed listings: US homes close at 98 to 100% of the list price,
and the smaller figure is the cautious one."""
PRIOR_NOISE = 0.08
"""Noise of list prices without closed listings. See benchmarks/DECISIONS.md, "Prior for list prices"."""
PRIOR_HUBER_THRESHOLD = 3.0
"""Huber threshold without closed listings: a value and a list price more than three standard deviations apart are
more likely a typing error, or a home with unrecorded features, than a bargain. See benchmarks/DECISIONS.md, "Prior
for list prices"."""

LINEAR_HUBER_THRESHOLD = 100.0
"""A threshold so large that the weighting is linear in practice."""

MIN_LISTINGS = 100
"""Closed listings needed for a fit: with fewer, sampling error moves a probability of one half by over 5
points."""

_MIN_NOISE_RATIO, _MAX_NOISE_RATIO = 0.1, 10.0
"""Bounds of the fitted noise, in FSDs of the median home: beyond them only one of the two prices would count."""
_HUBER_THRESHOLDS = (0.5, 0.75, 1.0, 1.5, 2.0, 3.0, LINEAR_HUBER_THRESHOLD)
"""Thresholds that `ListPriceModel.fit` compares."""
_MIN_LOG_LIKELIHOOD_GAIN = 2.0
"""Gain in log likelihood needed to prefer a threshold to linear weighting: a smaller gain occurs by chance about
one time in twenty."""
_MEAN_GRID_SIZE = 129
"""Grid points at which the mean of exp(spread·score) is computed, closest together at 0. Interpolated between
them, the mean of a usual spread is right to 1e-5, even where spreads may be very wide."""

_MAX_LOG_PRICE = 300.0
"""Bound of a saved model's log prices: exp of their sums must be finite in float64, which ends at 709. Those of
real listings, mistyped ones included, are below 20."""
_MIN_SAVED, _MAX_SAVED = 1e-9, 1e3
"""Bounds of a saved model's noise and Huber threshold: their squares must not vanish. Fitted ones are between 1e-4
and `LINEAR_HUBER_THRESHOLD`."""

FORMAT = 2
"""Version of the state's layout; raised when the layout changes."""


@dataclass(frozen=True)
class ResaleDistribution:
    """Distributions of the resale prices of n homes: log(resale price) = `centre` + `spread`·score.

    Parameters
    ----------
    centre, spread
        Shape (n,), log price.
    scores
        Sorted, distinct, shape (k,): each is as likely as the others.
    widest
        No spread is larger.
    """

    centre: FloatArray
    spread: FloatArray
    scores: FloatArray
    widest: float

    def after_repair(self, log_uplift: FloatArray, deviation: FloatArray, widest: float) -> "ResaleDistribution":
        """Return the distributions after repairs whose uplifts err by themselves, shape (n,); none is wider."""
        spread = np.minimum(np.hypot(self.spread, deviation / self._scale), widest)
        return ResaleDistribution(self.centre + log_uplift, spread, self.scores, max(self.widest, widest))

    @property
    def _scale(self) -> float:
        """Root mean square of the scores."""
        return float(np.sqrt(np.mean(self.scores**2)))

    @property
    def mean(self) -> FloatArray:
        """Expected resale prices, shape (n,), in the currency."""
        spreads = self.widest * np.linspace(0.0, 1.0, _MEAN_GRID_SIZE) ** 2
        means = np.exp(np.outer(spreads, self.scores)).mean(axis=1)
        mean: FloatArray = np.exp(self.centre) * np.interp(self.spread, spreads, means)
        return mean

    def quantile(self, share: float) -> FloatArray:
        """Return the resale prices' quantiles at a share between 0 and 1, shape (n,)."""
        price: FloatArray = np.exp(self.centre + self.spread * np.interp(share, self._shares, self.scores))
        return price

    def probability_above(self, price: FloatArray) -> FloatArray:
        """Return the probability that each home resells for more than a price, shape (n,)."""
        score = (np.log(price) - self.centre) / self.spread
        probability: FloatArray = 1 - np.interp(score, self.scores, self._shares)
        return probability

    @property
    def _shares(self) -> FloatArray:
        """Shares of resales below each score, shape (k,): i/(k + 1), so that no resale price is impossible."""
        n = len(self.scores)
        shares: FloatArray = np.arange(1, n + 1) / (n + 1)
        return shares


@dataclass(frozen=True)
class ListPriceModel:
    """Joint model of values, list prices and resale prices; made by `fit` or `prior`.

    Value and list price are two measurements of the resale price, with error variances FSD² and `noise`², and are
    weighted by the inverse of these. Values have heavy tails: one very far from the list price is more likely
    wrong than a bargain. So the weight of the difference falls as in the pseudo-Huber loss. The outcome is not
    assumed to be normal: `scores` is its empirical distribution.

    Parameters
    ----------
    drift
        Median of log(resale price) − log(value).
    premium
        Median of log(list price) − log(resale price).
    noise
        Standard deviation of log(list price) about log(resale price) + `premium`, independent of the values'
        errors.
    huber_threshold
        Difference between value and list price, in its standard deviations, at which the weight of the difference
        has fallen to 1/√2.
    scores
        (log(resale price) − its centre)/its spread, sorted, distinct, shape (k,).
    listings
        Number of closed listings in the fit; None for the documented prior.
    """

    drift: float
    premium: float
    noise: float
    huber_threshold: float
    scores: FloatArray
    listings: int | None = None

    @classmethod
    def prior(cls, residuals: Sequence[FloatArray]) -> Self:
        """Return the model to use without closed listings; only the shape of the residuals' distribution is used.

        Parameters
        ----------
        residuals
            log(price) − log(value) of sales that the model was not trained on, divided by their expected size:
            `ConformalRange.scores`.
        """
        pooled = np.unique(np.concatenate(list(residuals)))
        deviation = max(float(np.sqrt(np.mean(pooled**2))), 1e-9)
        return cls(0.0, PRIOR_PREMIUM, PRIOR_NOISE, PRIOR_HUBER_THRESHOLD, pooled / deviation)

    @classmethod
    def fit(cls, value: FloatArray, fsd: FloatArray, list_price: FloatArray, resale: FloatArray) -> Self:
        """Fit to n closed listings, valued by a model that was not trained on their prices.

        Parameters
        ----------
        value, fsd
            The valuations, shape (n,).
        list_price, resale
            List prices and sale prices, shape (n,), positive.

        Raises
        ------
        DataError
            There are fewer than `MIN_LISTINGS` listings.
        """
        if len(value) < MIN_LISTINGS:
            raise DataError(
                f"{len(value)} closed listings are too few to fit list prices; at least {MIN_LISTINGS} are needed"
            )
        log_value, log_list_price, log_resale = np.log(value), np.log(list_price), np.log(resale)
        drift = float(np.median(log_resale - log_value))
        premium = float(np.median(log_list_price - log_resale))

        def standardised(noise: float, threshold: float) -> tuple[FloatArray, FloatArray]:
            centre, spread = _combine(log_value + drift, fsd, log_list_price - premium, noise, threshold)
            return (log_resale - centre) / spread, spread

        def negative_log_likelihood(log_noise: float, threshold: float) -> float:
            # Of a Laplace distribution with the best scale: real listings contain typing errors.
            scores, spread = standardised(math.exp(log_noise), threshold)
            return float(np.log(np.mean(np.abs(scores))) + np.mean(np.log(spread)))

        median_fsd = float(np.median(fsd))
        bounds = math.log(_MIN_NOISE_RATIO * median_fsd), math.log(_MAX_NOISE_RATIO * median_fsd)
        optima = {
            threshold: minimize_scalar(negative_log_likelihood, bounds=bounds, args=(threshold,), method="bounded")
            for threshold in _HUBER_THRESHOLDS
        }
        penalties = {
            threshold: 0.0 if threshold == LINEAR_HUBER_THRESHOLD else _MIN_LOG_LIKELIHOOD_GAIN / len(value)
            for threshold in _HUBER_THRESHOLDS
        }
        best = min(_HUBER_THRESHOLDS, key=lambda threshold: float(optima[threshold].fun) + penalties[threshold])
        noise = math.exp(optima[best].x)
        return cls(drift, premium, noise, best, np.unique(standardised(noise, best)[0]), len(value))

    def resale(self, value: FloatArray, fsd: FloatArray, list_price: FloatArray) -> ResaleDistribution:
        """Return the resale price distributions of n listed homes; the arguments are those of `fit`."""
        centre, spread = _combine(
            np.log(value) + self.drift, fsd, np.log(list_price) - self.premium, self.noise, self.huber_threshold
        )
        return ResaleDistribution(centre, spread, self.scores, self.noise)

    def state(self) -> dict[str, Any]:
        """Return the model as plain values, which `from_state` accepts."""
        return {"format": FORMAT, **vars(self), "scores": self.scores.tolist()}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Rebuild the model from its state.

        Raises
        ------
        ValueError
            The state has another format, or its numbers are not those of a fitted model.
        """
        if state.get("format") != FORMAT:
            raise ValueError(f"its format is {state.get('format')!r}, and this program reads format {FORMAT}")
        values = {name: state[name] for name in ("drift", "premium", "noise", "huber_threshold", "listings")}
        scores = np.array(state["scores"], np.float64)
        increasing = scores.ndim == 1 and len(scores) > 0 and bool((np.diff(scores) > 0).all())
        # Written so that NaN is out of bounds.
        bounded = (
            all(abs(values[name]) <= _MAX_LOG_PRICE for name in ("drift", "premium"))
            and all(_MIN_SAVED <= values[name] <= _MAX_SAVED for name in ("noise", "huber_threshold"))
            and bool((values["noise"] * np.abs(scores) <= _MAX_LOG_PRICE).all())
        )
        is_count = values["listings"] is None or (isinstance(values["listings"], int) and values["listings"] > 0)
        if not (increasing and bounded and is_count):
            raise ValueError("its numbers are not those of a fitted model")
        return cls(**values, scores=scores)


def _combine(
    log_value: FloatArray, fsd: FloatArray, log_list_price: FloatArray, noise: float, threshold: float
) -> tuple[FloatArray, FloatArray]:
    """Return centre and spread, shape (n,), of two measurements with errors `fsd` (n,) and `noise` combined.

    The difference enters through the derivative of the pseudo-Huber loss, d/√(1 + (d/δ)²) with δ = threshold·its
    standard deviation (Charbonnier et al. 1997, Deterministic edge-preserving regularization in computed imaging,
    IEEE TIP 6(2)).
    """
    variance = fsd**2 + noise**2
    difference = log_value - log_list_price
    bounded = difference / np.sqrt(1 + difference**2 / (threshold**2 * variance))
    return log_list_price + noise**2 / variance * bounded, noise * fsd / np.sqrt(variance)
