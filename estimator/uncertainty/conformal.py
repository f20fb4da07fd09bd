"""Ranges around a value, by split conformal prediction.

Their width comes from residuals of sales that the network was not trained on. Residuals grow with what is missing
and with the error scale, so each is divided by the error expected there, separately upwards and downwards. No
normal distribution is assumed: valuation errors have fatter tails and are skewed. Knows residuals, nothing of
homes.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from estimator.market.arrays import BoolArray, DateArray, FloatArray
from estimator.market.values import check_within
from estimator.uncertainty.error_scale import DOWNWARD, FSD, UPWARD

MIN_BASE = 0.01
"""Smallest base, as a share of the mean absolute residual: least squares may give exactly 0."""
MIN_PENALTY = 0.001
"""Smallest penalty of a missing fact, as a share of the same: calibration sales that never lack a fact cannot show
its penalty. See benchmarks/DECISIONS.md, "Smallest penalty of a missing fact"."""

_TAIL_END = 2.0
"""No error is taken to be larger than so many times the largest of the calibration. It only matters for
probabilities below 1/(m + 1), which m calibration sales cannot show."""

MIN_CALIBRATION_SALES = 30
"""With fewer calibration sales there are no ranges. With 30, a 90% range holds at least 75% of prices in 99 of 100
markets; with 19, the fewest that could have one at all, it holds less than 70% in one of 100. The share that a
range between two order statistics holds has a beta distribution: Vovk (2012), Conditional validity of inductive
conformal predictors."""

MIN_CONFIDENCE, MAX_CONFIDENCE = 0.5, 0.99
"""Confidence levels that can be requested. A range below .5 says little; one above .99 depends on a few sales."""

BALANCED_CONFIDENCE = 0.9
"""Confidence level at which the homes with most and with fewest facts get equal coverage: the published one. See
benchmarks/DECISIONS.md, "Equal coverage for the best and the least known homes"."""


class CalibrationResiduals(NamedTuple):
    """Residuals of m ≥ 1 sales that were valued with the same share of their facts.

    Parameters
    ----------
    residual
        log(price) − log(estimate), shape (m,).
    missing
        Which of g facts each estimate lacked, shape (m, g).
    scales
        Relative size of the error expected of each, shape (m, 3); see `ErrorScale.scales`.
    row
        Its index among the sales that the model knows, shape (m,).
    """

    residual: FloatArray
    missing: BoolArray
    scales: FloatArray
    row: NDArray[np.int64]

    @staticmethod
    def from_state(arrays: Sequence[Any], n_sales: int) -> "CalibrationResiduals":
        """Restore them from their arrays, for a model that knows n sales."""
        residual, missing, scales, *row = arrays
        # Versions saved without the rows were calibrated on their last sales.
        last = np.arange(n_sales - len(residual), n_sales, dtype=np.int64)
        return CalibrationResiduals(residual, missing, scales, *(row or [last]))

    def take(self, rows: BoolArray | NDArray[np.intp]) -> "CalibrationResiduals":
        """Return some of the sales, shape (n,)."""
        return CalibrationResiduals(self.residual[rows], self.missing[rows], self.scales[rows], self.row[rows])

    def newest(self, date: DateArray | None, n: int) -> "CalibrationResiduals":
        """Return the n sales with the latest dates, in their order; of the sales of one day, those that came last.

        Parameters
        ----------
        date
            Of all sales that the model knows; None in a market without dates, where the last ones count as newest.
        """
        order = np.arange(len(self.row)) if date is None else np.argsort(date[self.row], kind="stable")
        return self.take(np.sort(order[-n:]))

    def without(self, forgotten: BoolArray) -> "CalibrationResiduals":
        """Return the sales that are left when a model forgets some of its k sales, shape (k,)."""
        kept = self.take(~forgotten[self.row])
        return kept._replace(row=kept.row - np.cumsum(forgotten)[kept.row])

    def after_index(self, index: FloatArray, widening: FloatArray) -> "CalibrationResiduals":
        """Return the errors of values from those of worths, by the index and how it widens them, shape (m,)."""
        return self._replace(residual=self.residual - index, scales=self.scales * widening[:, None])

    @staticmethod
    def concatenated(parts: Sequence["CalibrationResiduals"]) -> "CalibrationResiduals":
        """Return the sales of all parts, in their order."""
        return CalibrationResiduals(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


@dataclass(frozen=True)
class ConformalRange:
    """Ranges of log price.

    The expected error of a subject is its scales times (`base` + the `penalty` > 0 of each missing fact): of two
    subjects with the same scales, the one with fewer facts has the wider range.

    Parameters
    ----------
    base
        Expected |residual| with no fact missing, at scales of 1, log price.
    penalty
        What each of g missing facts adds, shape (g,), log price.
    scores
        Sorted residual / expected error in its direction, one array for each set of calibration residuals.
    fsd_factor
        Standard deviation of (estimate − price)/price, in expected errors.
    """

    base: float
    penalty: FloatArray
    scores: tuple[FloatArray, ...]
    fsd_factor: float

    @cached_property
    def n_sales(self) -> int:
        """Number of calibration sales."""
        return min(map(len, self.scores))

    @property
    def are_offered(self) -> bool:
        """Whether there are enough calibration sales for ranges at all."""
        return self.n_sales >= MIN_CALIBRATION_SALES

    def caveat(self, confidence: float) -> str | None:
        """Return what to know about ranges of a confidence level if the calibration sales are too few for them."""
        needed = math.ceil((1 + confidence) / (1 - confidence) - 1e-6)
        if not self.are_offered:
            return (
                f"There is no range: it takes {MIN_CALIBRATION_SALES} sales to check the model on, and there"
                f" are {self.n_sales}"
            )
        if self.n_sales < needed:
            return (
                f"A {100 * confidence:.4g}% range takes {needed} sales to check the model on, and there are"
                f" {self.n_sales}, so the range may hold fewer prices"
            )
        return None

    @classmethod
    def fit(cls, calibration: Sequence[CalibrationResiduals], tail: float, n_imputed: int = 0) -> Self:
        """Calibrate on sales that the network was not trained on.

        Parameters
        ----------
        calibration
            One entry for each share of facts that the sales were valued with, from all facts to the fewest.
        tail
            Root mean square over mean of |estimate − price|/price, each relative to its scale.
        n_imputed
            The last `n_imputed` columns of `missing` flag imputed facts, in the order of the first ones: the
            penalty of an imputed fact is never larger than that of the missing one.

        Notes
        -----
        Locally weighted split conformal: Lei et al. (2018), Distribution-free predictive inference for
        regression, section 5.2. Each entry is calibrated separately, so that the coverage of well-known homes does
        not depend on the others; and each end of the range separately, because residuals are skewed.

        The standard deviation is `tail` times the mean relative error.
        See benchmarks/DECISIONS.md, "Standard deviation from the mean relative error".
        """
        residual, missing, scales, _ = CalibrationResiduals.concatenated(calibration)
        splits = np.cumsum([len(entry.residual) for entry in calibration])[:-1]
        scale = _directional_scale(residual, scales)
        base, penalty = _fit_penalties(np.abs(residual) / scale, missing, n_imputed)
        scores = np.split(residual / (scale * (base + missing @ penalty)), splits)
        penalty = _balanced(base, penalty, calibration[-1].missing, scores)
        level = base + missing @ penalty
        scores = np.split(residual / (scale * level), splits)
        relative = np.abs(np.expm1(-residual)) / (level * scales[:, FSD])
        fsd_factor = max(tail * float(relative.mean()), MIN_BASE)
        return cls(base, penalty, tuple(np.sort(values) for values in scores), fsd_factor)

    def expected_error(self, missing: BoolArray, scales: FloatArray) -> FloatArray:
        """Return the expected errors of n subjects, log price, shape (n, 3) as their scales.

        Parameters
        ----------
        missing, scales
            Of each subject, shape (n, g) and (n, 3).
        """
        error: FloatArray = (self.base + missing @ self.penalty)[:, None] * scales
        return error

    def quantiles(self, confidence: float) -> tuple[float, float]:
        """Return the lower (≤ 0) and the upper (≥ 0) end of a range, in expected errors.

        Parameters
        ----------
        confidence
            Share of prices the range is to contain, between 0 and 1.

        Notes
        -----
        An equal share of prices is left out at either end: the (1 + confidence)/2·(m + 1)-th of m scores, counted
        from the opposite end, covers with that probability; straight between two scores, as rounding up would hold
        2/(m + 1) more. The widest of all calibration entries is used. With too few sales for that rank, the
        largest |score| stands in.
        """
        lower, upper = zip(*(_score_quantiles(scores, confidence) for scores in self.scores), strict=True)
        return min(0.0, *lower), max(0.0, *upper)

    def probability_below(self, log_ratio: FloatArray, error: FloatArray) -> FloatArray:
        """Return the probability that log(price) − log(estimate) is below a number, for n subjects, shape (n,).

        For k numbers the shape is (k, n).

        Parameters
        ----------
        log_ratio
            The numbers, shape (n,), or (k, 1) for k numbers that are the same for all subjects.
        error
            Expected errors of the subjects, shape (n, 3).

        Notes
        -----
        The mean over the calibration entries of their empirical distributions, straight between two scores. The
        k-th of m scores has the probability k/(m + 1), as in `quantiles`. What is left beyond the outermost scores
        ends at `_TAIL_END` times the largest |score|.
        """
        scaled = log_ratio / np.where(log_ratio < 0, error[:, DOWNWARD], error[:, UPWARD])
        below = [np.interp(scaled, *distribution) for distribution in self._distributions]
        probability: FloatArray = np.add.reduce(below) / len(below)
        return probability

    def probability_within(self, share: float, error: FloatArray) -> FloatArray:
        """Return the probability that |estimate/price − 1| is at most a share below 1, shape (n,) as `error`."""
        ends = np.array([[-math.log1p(share)], [-math.log1p(-share)]])
        low, high = self.probability_below(ends, error)
        within: FloatArray = high - low
        return within

    @cached_property
    def _distributions(self) -> list[tuple[FloatArray, FloatArray]]:
        """Where the distribution of each calibration entry's scores bends, and its values there."""
        return [_distribution(scores) for scores in self.scores]

    def state(self) -> dict[str, Any]:
        """Return the range as plain values and arrays, for `from_state`."""
        return {field.name: getattr(self, field.name) for field in fields(self)} | {"scores": list(self.scores)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Restore the range from its state."""
        return cls(**{**state, "scores": tuple(state["scores"])})


def check_confidence(confidence: float) -> float:
    """Return the confidence level.

    Raises
    ------
    ValueError
        It is not from `MIN_CONFIDENCE` to `MAX_CONFIDENCE`.
    """
    return check_within(confidence, MIN_CONFIDENCE, MAX_CONFIDENCE)


def _fit_penalties(size: FloatArray, missing: BoolArray, n_imputed: int) -> tuple[float, FloatArray]:
    """Return the base and the penalties of missing facts, by non-negative least squares."""
    weights, _ = nnls(np.column_stack((np.ones(len(size)), missing)).astype(np.float64), size)
    # The scale stays positive even where no calibration sale has a residual (a single sale, for example).
    min_base = max(MIN_BASE * float(size.mean()), np.finfo(np.float64).eps)
    penalty = weights[1:].clip(min=min_base * MIN_PENALTY / MIN_BASE)
    penalty[len(penalty) - n_imputed :] = penalty[len(penalty) - n_imputed :].clip(max=penalty[:n_imputed])
    return max(float(weights[0]), min_base), penalty


def _balanced(base: float, penalty: FloatArray, missing: BoolArray, scores: Sequence[FloatArray]) -> FloatArray:
    """Return the penalties times the factor at which the first and the last entry need ranges of the same width.

    Parameters
    ----------
    missing
        Missing facts of the last entry's sales, shape (m, g).
    scores
        Of each entry, by these penalties.
    """
    widths = []
    for values in (scores[0], scores[-1]):
        lower, upper = _score_quantiles(np.sort(values), BALANCED_CONFIDENCE)
        widths.append(upper - lower)
    mean_penalty = float((missing @ penalty).mean())
    if min(widths) <= 0 or mean_penalty <= 0:
        return penalty
    wanted = max(widths[1] / widths[0] * (base + mean_penalty) - base, 0.0)
    return np.maximum(wanted / mean_penalty * penalty, MIN_PENALTY * base)


def _score_quantiles(scores: FloatArray, confidence: float) -> tuple[float, float]:
    """Return the two of m sorted scores that enclose a share of prices; see `ConformalRange.quantiles`."""
    m = len(scores)
    rank = (1 + confidence) / 2 * (m + 1) - 1e-9
    if rank <= m:
        return _score_at(scores, m + 1 - rank), _score_at(scores, rank)
    largest = float(np.abs(scores).max())
    return -largest, largest


def _score_at(scores: FloatArray, rank: float) -> float:
    """Return the score of a rank from 1 to m, straight between two of m sorted scores."""
    below = math.floor(rank)
    score = float(scores[below - 1])
    return score + (rank - below) * (float(scores[below]) - score) if rank > below else score


def _distribution(scores: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return where the distribution of m sorted scores bends, and its values there, shape (m + 2,) each."""
    end = _TAIL_END * max(-scores[0], scores[-1])
    return np.concatenate(([-end], scores, [end])), np.arange(len(scores) + 2) / (len(scores) + 1)


def _directional_scale(residual: FloatArray, scales: FloatArray) -> FloatArray:
    """Return the scale of each residual in its own direction, shape (m,)."""
    return np.where(residual < 0, scales[:, DOWNWARD], scales[:, UPWARD])
