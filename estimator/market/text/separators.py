"""What separates the cells of a text file."""

import re

SEPARATORS = (",", ";", "\t", "|")
"""The usual ones, the most usual first."""
SEPARATOR_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}

_QUOTED = re.compile(r'"(?:[^"]|"")*("|$)')


def detect_separator(header: str) -> str:
    """Return what separates the names in the first line of a file: what occurs most outside quotes.

    A line without any of `SEPARATORS` is one column; its separator is the comma.
    """
    bare = _QUOTED.sub("", header)
    return max(SEPARATORS, key=bare.count)
