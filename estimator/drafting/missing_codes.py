"""Find the numbers that a file writes where a value is not known: −1, −9, −99 and the like."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from estimator.drafting.profiles import Profile
from estimator.market.validation.impossible import MAX_RARE_SHARE

CODES = frozenset({-1.0, -9.0, -99.0, -999.0, -9999.0, -99999.0})
"""Usual ones. None is taken for one unless it is the only number below 0 in its column, and not rare there: a
rare one is a mistake, and the sale is set aside as impossible."""
MAX_SCALE = 3
"""A column with no more different values may be a scale from −1 to 1."""


def missing_codes(profiles: Sequence[Profile]) -> Mapping[str, str]:
    """Return text that stands for a value that is not known → the column that shows it.

    A text that is one of several numbers below 0 in another column, such as a longitude, is none.
    """
    codes: dict[str, str] = {}
    values_elsewhere: set[str] = set()
    for profile in profiles:
        below = profile.numbers < 0
        is_rare = below.sum() <= MAX_RARE_SHARE * profile.known
        if not profile.is_number or not below.any():
            continue
        texts = set(profile.text.filter(pa.array(below)).to_pylist())
        numbers = set(np.unique(profile.numbers[below]).tolist())
        if len(numbers) == 1 and numbers <= CODES and not is_rare and profile.distinct > MAX_SCALE:
            codes |= dict.fromkeys(texts, profile.name)
        else:
            values_elsewhere |= texts
    return {text: column for text, column in sorted(codes.items()) if text not in values_elsewhere}
