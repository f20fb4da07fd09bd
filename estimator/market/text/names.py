"""Names of columns and facts, compared as people mean them: without regard to case, blanks and underscores.

Hyphens and points do not count either: R writes `Year Built` as `Year.Built`.
"""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

Thing = TypeVar("Thing")

MIN_RESEMBLANCE = 0.75
"""Names with at least this ratio of equal characters (`difflib`) are taken for the same one mistyped: `sqftliving`
and `sqftlivng` have 0.95, `grade` and `garage` 0.73."""


def plain_name(name: str) -> str:
    """Return a name in lower case, without blanks, underscores, hyphens and points, to compare it with others."""
    return re.sub(r"[\s_.\-\ufeff]+", "", name).casefold()


class LooseNames(Mapping[str, Thing]):
    """Things by name; a name is found as it is written, or else without regard to case, blanks and underscores.

    A name that means two different things, but for case or blanks, is found only as it is written.
    """

    def __init__(self, by_name: Mapping[str, Thing]) -> None:
        self._by_name = dict(by_name)
        plain: dict[str, list[Thing]] = {}
        for name, thing in self._by_name.items():
            plain.setdefault(plain_name(name), []).append(thing)
        self._by_plain = {
            name: things[0] for name, things in plain.items() if all(thing == things[0] for thing in things)
        }

    def __getitem__(self, name: str) -> Thing:
        return self._by_name[name] if name in self._by_name else self._by_plain[plain_name(name)]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)


def resembling(name: str, names: Iterable[str]) -> str | None:
    """Return the one of some names that another most likely means, or None if it resembles none of them."""
    by_plain = {plain_name(candidate): candidate for candidate in names}
    close = difflib.get_close_matches(plain_name(name), by_plain, n=1, cutoff=MIN_RESEMBLANCE)
    return by_plain[close[0]] if close else None
