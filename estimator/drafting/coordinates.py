"""Recognise coordinates in columns named x and y and the like: in degrees, or projected, in metres or feet."""

import re

import numpy as np

from estimator.drafting.known_facts import LATITUDE, LONGITUDE, KnownFact, words_of
from estimator.drafting.profiles import Profile

_EAST = r"^(x|x ?coord\w*|coord\w* ?x|gis ?x|point x|easting|lambert x|utm [xe])$"
_NORTH = r"^(y|y ?coord\w*|coord\w* ?y|gis ?y|point y|northing|lambert y|utm [yn])$"
_MAX_DEGREES = 180.0
_MAX_SPREAD = 10.0
"""Degrees that a market spans at most: x and y may also be counts or positions in a grid."""


def coordinate_of(profile: Profile) -> KnownFact | None:
    """Return which coordinate in degrees a column named x, y or the like has; None if it has none."""
    fact = _named_coordinate(profile)
    if fact is None or profile.is_whole or is_projected(profile):
        return None
    return fact if np.ptp(np.quantile(profile.known_numbers, (0.05, 0.95))) <= _MAX_SPREAD else None


def is_projected(profile: Profile) -> bool:
    """Whether a column's name is that of a coordinate and its values are too large for degrees."""
    if _named_coordinate(profile) is None:
        return False
    return bool(np.median(np.abs(profile.known_numbers)) > _MAX_DEGREES)


def _named_coordinate(profile: Profile) -> KnownFact | None:
    words = words_of(profile.name)
    if not profile.is_number:
        return None
    if re.search(_EAST, words):
        return LONGITUDE
    return LATITUDE if re.search(_NORTH, words) else None
