"""How the learning rate moves in training: functions of the progress t, from 0 at the start to 1 at the end.

Each gives the factor by which the optimiser's learning rate is multiplied. Any function of this form will do.
"""

import math
from collections.abc import Callable

Schedule = Callable[[float], float]


def constant(t: float) -> float:  # noqa: ARG001 - every schedule has this form
    """1 all the way."""
    return 1.0


def cosine(t: float) -> float:
    """½(1 + cos πt): from 1 down to 0, slowly at both ends (Loshchilov and Hutter 2017, eq. 5)."""
    return 0.5 * (1 + math.cos(math.pi * t))


def coslog4(t: float) -> float:
    """½(1 − cos(2π·log₂(1 + 15t))): four waves, each longer than the last.

    Holzmüller et al. 2024 (RealMLP), §3.
    """
    return 0.5 * (1 - math.cos(2 * math.pi * math.log2(1 + 15 * t)))


def warm_up(share: float, then: Schedule = constant) -> Schedule:
    """Rise from 0 to 1 on a straight line, then follow ``then`` from its start.

    Parameters
    ----------
    share
        The part of the training in which to rise.
    then
        The schedule for the rest.

    Raises
    ------
    ValueError
        If the share is not in (0, 1).
    """
    if not 0 < share < 1:
        raise ValueError(f"the share of the warm-up must lie in (0, 1), not {share}")

    def schedule(t: float) -> float:
        return t / share if t < share else then((t - share) / (1 - share))

    return schedule
