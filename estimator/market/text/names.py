"""Names of columns and facts, compared as people mean them: without regard to case, blanks and underscores."""

import difflib
import re
from collections.abc import Iterable

MIN_RESEMBLANCE = 0.75
"""Names with at least this ratio of equal characters (`difflib`) are taken for the same one mistyped: `sqftliving`
and `sqftlivng` have 0.95, `grade` and `garage` 0.73."""


def plain_name(name: str) -> str:
    """Return a name in lower case, without blanks, underscores and hyphens, to compare it with others."""
    return re.sub(r"[\s_\-\ufeff]+", "", name).casefold()


def resembling(name: str, names: Iterable[str]) -> str | None:
    """Return the one of some names that another most likely means, or None if it resembles none of them."""
    by_plain = {plain_name(candidate): candidate for candidate in names}
    close = difflib.get_close_matches(plain_name(name), by_plain, n=1, cutoff=MIN_RESEMBLANCE)
    return by_plain[close[0]] if close else None
