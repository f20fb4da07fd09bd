"""Locations on a plane: degrees → kilometres."""

import math
from collections.abc import Sequence

from estimator.market.arrays import FloatArray
from estimator.market.facts import Facts

KM_PER_DEGREE = 111.2
"""Kilometres in a degree of latitude on a sphere of the Earth's mean radius, 6,371 km: π·6371/180."""


def kilometres(facts: Facts, coordinates: tuple[str, str], mean_latitude: float) -> FloatArray:
    """Project locations onto a plane: km north and east, shape (n, 2). Accurate over a market, not over a globe.

    Parameters
    ----------
    coordinates
        Names of the latitude and the longitude, which are in degrees.
    mean_latitude
        Latitude, in degrees, at which the length of a degree of longitude is taken.
    """
    return project(facts.numbers(coordinates), km_per_degree(mean_latitude))


def km_per_degree(mean_latitude: float) -> tuple[float, float]:
    """Return the kilometres in a degree of latitude and in one of longitude; see `kilometres`."""
    return KM_PER_DEGREE, KM_PER_DEGREE * math.cos(math.radians(mean_latitude))


def project(degrees: FloatArray, km_in_each: Sequence[float] | FloatArray) -> FloatArray:
    """Return places in km from those in degrees, shape (n, 2), or (n, 2k) for k planes; overwrites the degrees."""
    degrees *= km_in_each
    # To the millimetre, so that rounding errors do not decide which of two equally distant homes is nearer.
    return degrees.round(6, out=degrees)
