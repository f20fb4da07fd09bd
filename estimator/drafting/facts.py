"""Draft the declaration of one fact from a column: kind, unit, bounds and effect on the price."""

import re
from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc

from estimator.drafting.bounds import Bounds, amount_bounds, coordinate_bounds, rating_bounds, year_bounds
from estimator.drafting.effects import PriceSample, price_effect
from estimator.drafting.known_facts import SIZE, KnownFact, words_of
from estimator.drafting.profiles import Profile
from estimator.drafting.roles import Certainty
from estimator.market.arrays import FloatArray
from estimator.market.feature import PriceEffect
from estimator.market.kinds import KINDS
from estimator.market.values import MAX_LABEL_LENGTH
from estimator.wording import plural

_MAX_DISTINCT_SHARE = 0.5
"""Text of which more than this share differs, and more than `_MIN_DISTINCT` cells, is free text: labels that occur
once teach nothing."""
_MIN_DISTINCT = 50
_MIN_LABEL_ROWS, _MAX_RARE_SHARE = 5, 0.95
"""Text is no label either if more than this share of the cells have a label that fewer rows have: an identifier of
homes or of sales, of which some have a few rows."""
_MIN_REQUIRED_SHARE = 0.95
"""Share of known values from which location and size are required: a sale without them would be set aside."""
_CODE_WORDS = r"\b(code|cd|class|type|zone|zoning|district|ward|tract|block group|school|use|luc|id)\b"
"""Words of names whose whole numbers are codes, not amounts."""
_NUMBER_WORDS = r"\b(id|no|nr|nbr|num|number|key|identifier|pin|parcel|ref)$"
"""Last words of names whose whole numbers, hardly two of them alike, identify something."""
_MAX_CODES = 300
_MAX_RATING = 12
"""Whole numbers up to this many different ones, up to this size, are ratings or counts."""
_SIZE_IN_FEET = 400.0
"""Living areas with a larger median are in ft², others in m²."""
_LAND_IN_FEET = 2_500.0


@dataclass(frozen=True)
class DraftedFact:
    """A fact as the draft declares it; see `Feature`.

    Parameters
    ----------
    certainty
        How sure the meaning is.
    remarks
        What the user should know or look at, in the draft's comments.
    """

    name: str
    column: str
    kind: str
    description: str
    certainty: Certainty
    unit: str = ""
    required: bool = False
    bounds: Bounds | None = None
    price_effect: PriceEffect | None = None
    changeable: bool = True
    aliases: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def is_coordinate(self) -> bool:
        """Whether it is a latitude or a longitude."""
        return KINDS[self.kind].is_coordinate


def fact_name(column: str) -> str:
    """Return a name for requests: the column's, in lower case with underscores, starting with a letter."""
    name = words_of(column).replace(" ", "_") or "column"
    return name if name[0].isalpha() else f"fact_{name}"


def unusable_reason(profile: Profile, known: KnownFact | None) -> str | None:
    """Return why the values of a column can be no fact, or None.

    Parameters
    ----------
    known
        The known fact that its name means or resembles. A postal code is one even where hardly two homes share it:
        areas are looked up by it.
    """
    if not profile.known:
        return "it is empty"
    if profile.distinct == 1 and profile.known_share > 0.5:
        return f"it is '{profile.most_frequent(1)[0]}' everywhere"
    if known is None and profile.is_number and (reason := _identifier_reason(profile)) is not None:
        return reason
    if profile.is_number or profile.is_boolean or (known is not None and KINDS[known.kind].is_location):
        return None
    return _unusable_labels_reason(profile)


def _identifier_reason(profile: Profile) -> str | None:
    """Return why numbers are no amounts, or None."""
    if profile.is_rounded:
        return f"a spreadsheet has rounded it, as '{profile.most_frequent(1)[0]}': save it as text"
    if profile.numbers_rows:
        return "it numbers the rows"
    if profile.has_leading_zeros and profile.distinct > _MAX_CODES:
        return "numbers with zeros in front: they identify something"
    differ = profile.distinct > max(_MAX_DISTINCT_SHARE * profile.known, _MIN_DISTINCT)
    if differ and profile.is_whole and re.search(_NUMBER_WORDS, words_of(profile.name)):
        return "it identifies something"
    return None


def _unusable_labels_reason(profile: Profile) -> str | None:
    """Return why text can be no labels, or None."""
    if pc.max(pc.utf8_length(profile.text)).as_py() > MAX_LABEL_LENGTH:
        return "free text"
    if profile.distinct > max(_MAX_DISTINCT_SHARE * profile.known, _MIN_DISTINCT):
        return f"free text: {100 * profile.distinct / profile.known:.0f}% of its values differ"
    if profile.distinct > _MIN_DISTINCT and profile.rare_share(_MIN_LABEL_ROWS) > _MAX_RARE_SHARE:
        return f"hardly any of its {profile.distinct:,} different values is in {_MIN_LABEL_ROWS} rows or more"
    return None


def draft_fact(
    profile: Profile, known: KnownFact | None, sample: PriceSample, newest: int, *, exact: bool, named: bool
) -> DraftedFact:
    """Return the declaration of a column.

    Parameters
    ----------
    known
        The known fact that its name means, or resembles; None if unknown.
    sample
        The sales by which the effect on the price is judged.
    newest
        The year of the newest sale, or this year.
    exact
        Whether the name is one of the fact's usual names.
    named
        Whether the draft's fact has the known fact's name: another column may have taken it.
    """
    kind, certainty = _kind(profile, known, exact=exact)
    unit, remarks = _unit(profile, known, kind)
    bounds = _bounds(profile, known, kind, newest)
    effect: PriceEffect | None = None
    if KINDS[kind].allows_price_effect:
        effect, effect_remarks = price_effect(known, _as_numbers(profile, kind), sample)
        remarks += effect_remarks
    remarks += _value_remarks(profile, kind, bounds)
    takes_name = known is not None and named
    return DraftedFact(
        name=known.name if known is not None and takes_name else fact_name(profile.name),
        column=profile.name,
        kind=kind,
        description=known.description if known is not None and takes_name else "",
        certainty=certainty,
        unit=unit,
        bounds=bounds,
        price_effect=effect,
        changeable=known is None or known.changeable,
        aliases=known.aliases if known is not None and takes_name else (),
        remarks=tuple(remarks),
    )


def may_be_required(profile: Profile) -> bool:
    """Whether so few values are missing that a location or size can be required."""
    return profile.known_share >= _MIN_REQUIRED_SHARE


def _kind(profile: Profile, known: KnownFact | None, *, exact: bool) -> tuple[str, Certainty]:
    certainty: Certainty = "sure" if exact else "likely" if known is not None else "guess"
    if known is not None and KINDS[known.kind].is_location:
        return known.kind, certainty
    if profile.is_boolean and not (known is not None and known.keeps_number):
        return "boolean", certainty
    if not profile.is_number:
        return ("date" if profile.days is not None else "category"), certainty
    if not profile.is_whole:
        return "number", certainty
    is_code = known is None and (
        profile.has_leading_zeros or re.search(_CODE_WORDS, words_of(profile.name)) is not None
    )
    if (is_code or (known is not None and KINDS[known.kind].is_label)) and profile.distinct <= _MAX_CODES:
        return "category", "guess" if is_code else certainty
    return ("number" if known is not None and known.measure else "integer"), certainty


def _unit(profile: Profile, known: KnownFact | None, kind: str) -> tuple[str, list[str]]:
    if not KINDS[kind].allows_bounds:
        return "", []
    if KINDS[kind].is_coordinate:
        return "°", []
    if profile.unit or known is None or known.measure not in {"area", "land"}:
        return profile.unit, []
    limit = _SIZE_IN_FEET if known.measure == "area" else _LAND_IN_FEET
    amounts = profile.known_numbers[profile.known_numbers > 0]
    unit = "ft²" if len(amounts) and np.median(amounts) > limit else "m²"
    return unit, [
        f"unit: a guess from the median of {np.median(amounts):,.0f}" if len(amounts) else "unit: a guess"
    ]


def _bounds(profile: Profile, known: KnownFact | None, kind: str, newest: int) -> Bounds | None:
    values = profile.known_numbers
    if not KINDS[kind].allows_bounds or not len(values):
        return None
    if KINDS[kind].is_coordinate:
        return coordinate_bounds(values, abs(KINDS[kind].default_bounds[1] or 180.0))
    if _is_year(profile, known):
        return year_bounds(values, newest)
    if known is not None and known.is_rating and profile.distinct <= _MAX_RATING + 1 and values.min() >= 0:
        return rating_bounds(values)
    if known is SIZE and (values > 0).any():
        # A size of 0 is unknown, however often it is written.
        return amount_bounds(values[values > 0], may_be_zero=False).counting(values)
    return amount_bounds(values, may_be_zero=known is not SIZE)


def _is_year(profile: Profile, known: KnownFact | None) -> bool:
    """Whether whole numbers are years: by the fact's name, or by a word of the column's and the values."""
    if not profile.is_whole:
        return False
    values = profile.known_numbers[profile.known_numbers > 0]
    if not len(values) or not 1500 < np.median(values) < 2200:
        return False
    named = re.search(r"\b(year|yr|blt|built)\b", words_of(profile.name)) is not None
    return (known is not None and known.is_year) or named


def _as_numbers(profile: Profile, kind: str) -> FloatArray:
    return profile.numbers if profile.is_number else KINDS[kind].parse_column(profile.name, profile.text)[0]


def _value_remarks(profile: Profile, kind: str, bounds: Bounds | None) -> list[str]:
    """Return remarks about missing, unreadable and unlikely values."""
    remarks = []
    if profile.known_share < 0.995:
        remarks.append(f"unknown in {100 * (1 - profile.known_share):.0f}% of the rows")
    if KINDS[kind].allows_bounds:
        wrong = profile.known - len(profile.known_numbers)
        if wrong:
            examples = profile.text.filter(pc.and_kleene(pc.is_valid(profile.text), np.isnan(profile.numbers)))
            remarks.append(
                f"{plural(wrong, 'value is no number', 'values are no numbers')}, such as '{examples[0].as_py()}'"
            )
    if bounds is not None and bounds.outside:
        remarks.append(plural(bounds.outside, "value lies", "values lie") + " outside the bounds")
    if KINDS[kind].is_label and not KINDS[kind].is_location:
        shown = ", ".join(profile.most_frequent())
        remarks.append(f"{plural(profile.distinct, 'label')}; the most frequent: {shown}")
    return remarks
