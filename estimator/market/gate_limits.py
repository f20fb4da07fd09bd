"""What a model must show on sales that it does not know before it is published.

The table `[gate]` of `market.toml`, all of whose keys may be left out.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from estimator.errors import MarketError
from estimator.market.feature import Keys, check_keys


@dataclass(frozen=True)
class GateLimits:
    """The limits of the gate; `estimator/assessment/gate.py` applies them.

    Parameters
    ----------
    min_hit_rate
        Share of homes that must get a value, in percent. A model that refuses every tenth home that was sold does
        not know its market.
    max_bias
        How far the median of value/price may be from 1, in percent. An assessor's standard accepts 10 (IAAO,
        Standard on Ratio Studies); refreshed monthly, the models in benchmarks/WALK_FORWARD.md are within .9.
    max_coverage_gap
        How far the share of prices inside the ranges may be from the confidence level, in percentage points. Those
        models are within 1.9.
    max_error_ratio
        The model's log RMSE may be this many times that of a ridge regression. More than 1 means that a far
        simpler model is better.
    """

    min_hit_rate: float = 90.0
    max_bias: float = 3.0
    max_coverage_gap: float = 4.0
    max_error_ratio: float = 1.0


DEFAULT_LIMITS = GateLimits()
"""The limits of a market that sets none."""


LIMIT_BOUNDS: Mapping[str, tuple[float, float]] = {
    "min_hit_rate": (0.0, 100.0),
    "max_bias": (0.0, 100.0),
    "max_coverage_gap": (0.0, 100.0),
    "max_error_ratio": (0.01, 100.0),
}
"""Smallest and largest value of each limit: shares cannot exceed 100 percent, and an error ratio beyond 100 is a
typing error."""

_KEYS: Keys = {field.name: ((int, float), False) for field in fields(GateLimits)}


def parse_gate_limits(declared: Mapping[str, Any]) -> GateLimits:
    """Return the limits from their table in the market file.

    Raises
    ------
    MarketError
        A key is unknown, or its value is no number or out of bounds.
    """
    values = check_keys(declared, _KEYS, "the table 'gate'")
    for name, value in values.items():
        low, high = LIMIT_BOUNDS[name]
        if not (math.isfinite(value) and low <= value <= high):
            raise MarketError(f"the table 'gate': '{name}' is {value:.15g}; it must be from {low:g} to {high:g}")
    return GateLimits(**{name: float(value) for name, value in values.items()})
