"""Learning-rate schedules: functions of the progress t, from 0 at the start of training to 1 at its end.

A schedule returns the factor by which the optimiser's learning rate is multiplied. Any such function can be used.
"""

import math
from collections.abc import Callable

Schedule = Callable[[float], float]


def constant(t: float) -> float:  # noqa: ARG001 - the signature of all schedules
    """1 for every t."""
    return 1.0


def cosine(t: float) -> float:
    """½(1 + cos πt), which falls from 1 to 0 and is flat at both ends (Loshchilov and Hutter 2017, eq. 5)."""
    return 0.5 * (1 + math.cos(math.pi * t))


def coslog4(t: float) -> float:
    """½(1 − cos(2π·log₂(1 + 15t))), four cycles of doubling length (Holzmüller et al. 2024, RealMLP, §3)."""
    return 0.5 * (1 - math.cos(2 * math.pi * math.log2(1 + 15 * t)))


def warm_up(share: float, then: Schedule = constant) -> Schedule:
    """Return a schedule that rises linearly from 0 to 1 and then follows ``then`` from its start to its end.

    Parameters
    ----------
    share
        The share of the training that the rise takes.
    then
        The schedule for the rest of the training.

    Raises
    ------
    ValueError
        If the share is not in (0, 1).
    """
    if not 0 < share < 1:
        raise ValueError(f"the share of the warm-up must be between 0 and 1 (exclusive), not {share}")

    def schedule(t: float) -> float:
        return t / share if t < share else then((t - share) / (1 - share))

    return schedule
