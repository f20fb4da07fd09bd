"""Facts that many sales files have: the names of their columns, and what a market file declares about them.

The table is `known_facts.toml`. Names are compared without regard to case, blanks, underscores and hyphens.
"""

import re
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

from estimator.market.feature import PriceEffect
from estimator.market.kinds import KINDS
from estimator.market.text.names import plain_name

Measure = Literal["", "area", "land", "length"]


@dataclass(frozen=True, slots=True)
class KnownFact:
    """A fact about homes that many files have; `known_facts.toml` says what the fields mean."""

    name: str
    kind: str
    description: str
    words: str = ""
    patterns: tuple[str, ...] = ()
    measure: Measure = ""
    price_effect: PriceEffect | None = None
    aliases: tuple[str, ...] = ()
    is_year: bool = False
    keeps_number: bool = False
    is_rating: bool = False
    is_control: bool = False
    changeable: bool = True

    @property
    def needs_numbers(self) -> bool:
        """Whether a column of words cannot be this fact: an amount, but not a rating or a label."""
        return KINDS[self.kind].can_be_size and not self.is_rating


def _read_facts() -> tuple[KnownFact, ...]:
    table = tomllib.loads((files(__package__) / "known_facts.toml").read_text(encoding="utf-8"))
    return tuple(KnownFact(**{key: _plain(value) for key, value in entry.items()}) for entry in table["facts"])


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


FACTS = _read_facts()
"""The known facts, in the order of a market file."""
_BY_NAME = {fact.name: fact for fact in FACTS}
LATITUDE, LONGITUDE, SIZE = _BY_NAME["latitude"], _BY_NAME["longitude"], _BY_NAME["square_footage"]
_BY_WORD = {word: fact for fact in reversed(FACTS) for word in (*fact.words.split(), plain_name(fact.name))}


def words_of(name: str) -> str:
    """Return the words of a column's name in lower case, separated by blanks: `Gr_LivArea3` → `gr liv area 3`."""
    apart = re.sub(
        r"([a-z0-9])([A-Z])|([A-Z]+)([A-Z][a-z])", r"\1\3 \2\4", name.replace("²", "2").replace("㎡", " m2")
    )
    # Digits are words of their own, except in units: m2, sqm2, ft2, but not bedroom2.
    apart = re.sub(r"(?<=[A-Za-z])(?=[0-9])(?!(?<=(?<!oo)m)[23]\b)(?!(?<=ft)[23]\b)", " ", apart)
    return " ".join(re.findall(r"[^\W_]+", apart)).casefold()


def known_fact(name: str) -> tuple[KnownFact, bool] | None:
    """Return the fact that a column's name means, and whether it is one of its usual names; None if unknown."""
    exact = _BY_WORD.get(plain_name(name))
    if exact is not None:
        return exact, True
    words = words_of(name)
    for fact in FACTS:
        if any(re.search(pattern, words) for pattern in fact.patterns):
            return fact, False
    return None
