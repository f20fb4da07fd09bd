"""What a price model says about homes, and what its training says about the errors."""

from dataclasses import dataclass

from estimator.market.arrays import FloatArray


@dataclass(frozen=True)
class Estimates:
    """Of n homes.

    Parameters
    ----------
    log_worth
        Log price without what the price index adds on a day, shape (n,).
    error_features
        Shape (n, c); see `Features`.
    """

    log_worth: FloatArray
    error_features: FloatArray


@dataclass(frozen=True)
class TrainingErrors:
    """Of n training sales.

    Parameters
    ----------
    residual
        Log price adjusted for time − kriging's estimate without the home's own prices, shape (n,); NaN where facts
        are unknown that kriging cannot do without.
    error_features
        Shape (n, c); see `Features`.
    """

    residual: FloatArray
    error_features: FloatArray
