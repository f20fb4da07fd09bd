"""What a home resells for, given its value and what is asked for it.

A seller knows what no record tells, so an ask is evidence; and of many homes those whose ask lies farthest below
their value are mostly those whose value is too high (the winner's curse; Smith and Winkler 2006, The optimizer's
curse, Management Science 52(3)). Value and ask are weighed by how far off each usually is. Knows no homes.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy.optimize import minimize_scalar

from estimator.errors import DataError
from estimator.market.facts import FloatArray

PRIOR_PREMIUM = 0.02
"""Median of log(ask/resale) where no closed listings tell it: US homes close at 98 to 100% of what is asked, and
caution takes the lesser."""
PRIOR_NOISE = 0.08
"""The noise of asks that is believed there: what fits values of King County's validation sales, with asks made up
that are off by 7%."""
PRIOR_FADE = 3.0
"""Where the pull of a value fades, there: a value and an ask that are farther apart than three standard deviations
are rather a slip of the pen, or a home that no record tells of, than a bargain."""

NO_FADE = 100.0
"""A fade with which no pull ever fades."""

ENOUGH_LISTINGS = 100
"""Closed listings to fit to: with fewer, a probability of a half would be off by more than 5 points, by chance."""

_LEAST_NOISE, _GREATEST_NOISE = 0.1, 10.0
"""Bounds of the noise that is fitted, in FSDs of the median home: asks beyond them say all, or nothing."""
_FADES = (0.5, 0.75, 1.0, 1.5, 2.0, 3.0, NO_FADE)
"""Those that are tried."""
_FADE_EARNS = 2.0
"""By how much a fade has to raise the log likelihood to be believed: less, chance gives one time in twenty."""
_SPREADS = 65
"""Where the mean of exp(spread·score) is worked out; it is so smooth that between them a line does."""

FORMAT = 1
"""Rises when the state changes shape."""


@dataclass(frozen=True)
class Resale:
    """What n homes resell for: a distribution each, log(resale) = `centre` + `spread`·score.

    Parameters
    ----------
    centre, spread
        Shape (n,), log price.
    asks
        Whose scores they are.
    """

    centre: FloatArray
    spread: FloatArray
    asks: "ListPriceModel"

    @property
    def mean(self) -> FloatArray:
        """Expected resale prices, shape (n,), in the currency."""
        spreads = np.linspace(0.0, self.asks.noise, _SPREADS)
        means = np.exp(np.outer(spreads, self.asks.scores)).mean(axis=1)
        mean: FloatArray = np.exp(self.centre) * np.interp(self.spread, spreads, means)
        return mean

    def quantile(self, share: float) -> FloatArray:
        """Return the price that a share of resales lies below, shape (n,)."""
        price: FloatArray = np.exp(self.centre + self.spread * np.interp(share, self._shares, self.asks.scores))
        return price

    def above(self, price: FloatArray) -> FloatArray:
        """Return the probability that each home resells for more than a price, shape (n,)."""
        score = (np.log(price) - self.centre) / self.spread
        probability: FloatArray = 1 - np.interp(score, self.asks.scores, self._shares)
        return probability

    @property
    def _shares(self) -> FloatArray:
        """The share of resales that lies below each score: even the greatest of them all is not the last word."""
        n = len(self.asks.scores)
        shares: FloatArray = np.arange(1, n + 1) / (n + 1)
        return shares


@dataclass(frozen=True)
class ListPriceModel:
    """How values, asks and resales go together; made by `fit` or `prior`.

    The error of a value has the variance FSD², that of an ask `noise`², and both are weighed accordingly, as two
    measurements of one thing: a value pulls away from the ask. But values have fat tails, and one very far from
    the ask is rather wrong than a bargain: its pull fades. No normal distribution is assumed of the outcome: how
    far off it is, is told by `scores`.

    Parameters
    ----------
    drift
        Median of log(resale) − log(value).
    premium
        Median of log(ask) − log(resale).
    noise
        Standard deviation of log(ask) about log(resale) + `premium`, as far as the values' errors do not share it.
    fade
        Gap between value and ask, in standard deviations of it, at which the pull has fallen to 1/√2 of its share.
    scores
        (log(resale) − its centre)/its spread, sorted, shape (k,), no two alike.
    listings
        Closed listings it was fitted to; None: the documented prior.
    """

    drift: float
    premium: float
    noise: float
    fade: float
    scores: FloatArray
    listings: int | None = None

    @classmethod
    def prior(cls, misses: Sequence[FloatArray]) -> Self:
        """Return what is believed where no closed listings tell: of the misses it takes the shape alone.

        Parameters
        ----------
        misses
            log(price) − log(value) of sales that no value had seen, in expected misses: `ConformalRange.scores`.
        """
        pooled = np.unique(np.concatenate(list(misses)))
        deviation = max(float(np.sqrt(np.mean(pooled**2))), 1e-9)
        return cls(0.0, PRIOR_PREMIUM, PRIOR_NOISE, PRIOR_FADE, pooled / deviation)

    @classmethod
    def fit(cls, value: FloatArray, fsd: FloatArray, ask: FloatArray, resale: FloatArray) -> Self:
        """Fit to n closed listings, valued by a model that has seen none of their prices.

        Parameters
        ----------
        value, fsd
            The valuations, shape (n,).
        ask, resale
            What was asked, and what it brought, shape (n,), positive.

        Raises
        ------
        DataError
            The listings are too few.
        """
        if len(value) < ENOUGH_LISTINGS:
            raise DataError(
                f"{len(value)} closed listings are too few to tell what asks say; it takes {ENOUGH_LISTINGS}"
            )
        log_value, log_ask, log_resale = np.log(value), np.log(ask), np.log(resale)
        drift = float(np.median(log_resale - log_value))
        premium = float(np.median(log_ask - log_resale))

        def standardised(noise: float, fade: float) -> tuple[FloatArray, FloatArray]:
            centre, spread = _weighed(log_value + drift, fsd, log_ask - premium, noise, fade)
            return (log_resale - centre) / spread, spread

        def unlikelihood(log_noise: float, fade: float) -> float:
            # Of Laplace's distribution with the best scale: real listings have slips of the pen among them.
            scores, spread = standardised(math.exp(log_noise), fade)
            return float(np.log(np.mean(np.abs(scores))) + np.mean(np.log(spread)))

        usual = float(np.median(fsd))
        bounds = math.log(_LEAST_NOISE * usual), math.log(_GREATEST_NOISE * usual)
        found = {
            fade: minimize_scalar(unlikelihood, bounds=bounds, args=(fade,), method="bounded") for fade in _FADES
        }
        owed = {fade: 0.0 if fade == NO_FADE else _FADE_EARNS / len(value) for fade in _FADES}
        fade = min(_FADES, key=lambda fade: float(found[fade].fun) + owed[fade])
        noise = math.exp(found[fade].x)
        return cls(drift, premium, noise, fade, np.unique(standardised(noise, fade)[0]), len(value))

    def resale(self, value: FloatArray, fsd: FloatArray, ask: FloatArray) -> Resale:
        """Return what n listed homes resell for; arguments as for `fit`."""
        centre, spread = _weighed(
            np.log(value) + self.drift, fsd, np.log(ask) - self.premium, self.noise, self.fade
        )
        return Resale(centre, spread, self)

    def state(self) -> dict[str, Any]:
        """Return the model as plain values; `from_state` takes it back."""
        return {"format": FORMAT, **vars(self), "scores": self.scores.tolist()}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Build the model again from its state.

        Raises
        ------
        ValueError
            The state is not one of this program's.
        """
        if state.get("format") != FORMAT:
            raise ValueError(f"its format is {state.get('format')!r}; this program reads {FORMAT}")
        values = {name: state[name] for name in ("drift", "premium", "noise", "fade", "listings")}
        scores = np.array(state["scores"], np.float64)
        numbers = np.array([*(values[name] for name in ("drift", "premium", "noise", "fade")), *scores])
        rising = len(scores) > 0 and bool((np.diff(scores) > 0).all())
        counted = isinstance(values["listings"], int | None)
        if not (np.isfinite(numbers).all() and values["noise"] > 0 and values["fade"] > 0 and rising and counted):
            raise ValueError("its numbers are not those of a fit")
        return cls(**values, scores=scores)


def _weighed(
    log_value: FloatArray, fsd: FloatArray, log_ask: FloatArray, noise: float, fade: float
) -> tuple[FloatArray, FloatArray]:
    """Return the centre and the spread of what two measurements of errors `fsd` (n,) and `noise` say together."""
    variance = fsd**2 + noise**2
    gap = log_value - log_ask
    pull = gap / np.sqrt(1 + gap**2 / (fade**2 * variance))
    return log_ask + noise**2 / variance * pull, noise * fsd / np.sqrt(variance)
