"""Recognise columns of projected coordinates: easting and northing in metres or feet instead of degrees."""

import re

import numpy as np

from estimator.drafting.known_facts import words_of
from estimator.drafting.profiles import Profile

_NAMES = r"^([xy]|[xy] ?coord\w*|coord\w* ?[xy]|gis ?[xy]|point [xy]|easting|northing|lambert [xy]|utm [xyen])$"
_MAX_DEGREES = 180.0


def is_projected(profile: Profile) -> bool:
    """Whether a column's name is that of a coordinate and its values are too large for degrees."""
    if not profile.is_number or not re.search(_NAMES, words_of(profile.name)):
        return False
    return bool(np.median(np.abs(profile.known_numbers)) > _MAX_DEGREES)
