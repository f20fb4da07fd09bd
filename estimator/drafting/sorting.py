"""Sort the columns of a sales file into facts and columns that are not used, each with its reason."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations, permutations

import numpy as np
import pyarrow.compute as pc

from estimator.drafting.coordinates import coordinate_of, is_projected
from estimator.drafting.facts import unusable_reason
from estimator.drafting.known_facts import FACTS, LATITUDE, LONGITUDE, SIZE, KnownFact, known_fact
from estimator.drafting.leaks import price_factor_reason, reason_by_name, reason_by_values
from estimator.drafting.profiles import MIN_ROWS, Profile
from estimator.drafting.roles import is_transaction_number, unreadable_sale_date
from estimator.market.arrays import FloatArray
from estimator.market.kinds import KINDS
from estimator.market.market import RESERVED_NAMES

_SAME_SHARE = 0.999
"""Two columns of numbers are the same one, or one is the sum of two others, if this share of the rows agrees."""

_QUARTER = r"(?i)^((19|20)[0-9]{2}\W*)?q[1-4](\W*(19|20)[0-9]{2})?$"
_MAX_ROUNDING = 0.02
"""Relative difference that rounding makes, of sizes in m² beside those in ft²."""


@dataclass
class SortedColumns:
    """Columns as they are sorted out: which are facts, and which are not used and why."""

    facts: list[tuple[Profile, KnownFact | None, bool]] = field(default_factory=list)
    ignored: dict[str, str] = field(default_factory=dict)


def sort_columns(profiles: Sequence[Profile], price: FloatArray, sale_date: Profile | None) -> SortedColumns:
    """Sort the columns without a role into facts and columns that are not used."""
    columns = SortedColumns()
    odd_date = unreadable_sale_date(profiles) if sale_date is None else None
    size = next((each for each in profiles if known_fact(each.name) == (SIZE, True) and each.is_number), None)
    for profile in profiles:
        known, exact = known_fact(profile.name) or (coordinate_of(profile), False)
        if known is not None and known.needs_numbers and not (profile.is_number or profile.is_boolean):
            known, exact = None, False  # `Area` may be a part of the town
        other_size = None if size is None or size is profile else size.numbers
        reason = (
            # What the name says is worth telling even where the values are unusable, too.
            (None if exact else reason_by_name(profile.name))
            or (
                "its name is that of the day of sale, but its values are no dates" if profile is odd_date else None
            )
            or ("a date: declare it as sale_date if it is that of the sale" if profile.is_date else None)
            or unusable_reason(profile, known)
            or _unusable_role(profile, known)
            or (reason_by_values(profile, price, other_size) if profile.is_number else None)
            or _same_as(profile, [other for other, _, _ in columns.facts])
        )
        if reason is None:
            columns.facts.append((profile, known, exact))
        else:
            columns.ignored[profile.name] = reason
    _drop_factors(columns, price)
    _drop_sums(columns)
    _drop_places(columns)
    return columns


def _unusable_role(profile: Profile, known: KnownFact | None) -> str | None:
    """Return why a column is something else than a fact, or None."""
    if profile.name in RESERVED_NAMES:
        return "a column of a file that the estimator has valued"
    if not profile.is_number and pc.all(pc.match_substring_regex(profile.text, _QUARTER)).as_py():
        return "the quarter of the sale: write it as dates like 2015-04-01, and draft again"
    if is_projected(profile):
        return 'a projected coordinate: to use it, declare it as latitude or longitude with column_unit = "EPSG:…"'
    if known in (LATITUDE, LONGITUDE) and not profile.is_number:
        return "its name is that of a coordinate, but its values are no numbers"
    return "identifies the sale, not the home" if is_transaction_number(profile) else None


def _same_as(profile: Profile, earlier: Sequence[Profile]) -> str | None:
    """Return that a column repeats an earlier one, or None."""
    if not profile.is_number:
        return None
    for other in earlier:
        if other.is_number and _agrees(profile, other.numbers):
            return f"the same as {other.name}"
        if (
            profile.unit
            and other.unit not in {"", profile.unit}
            and other.is_number
            and _is_multiple(profile, other)
        ):
            return f"the same as {other.name}, in another unit"
    return None


def _is_multiple(profile: Profile, other: Profile) -> bool:
    """Whether a column has the values of another one in another unit, rounded."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = profile.numbers / other.numbers
    ratio = ratio[np.isfinite(ratio) & (ratio > 0)]
    if len(ratio) < max(profile.rows / 2, MIN_ROWS) or np.ptp(other.known_numbers) == 0:
        return False
    return bool((abs(ratio / np.median(ratio) - 1) < _MAX_ROUNDING).mean() >= _SAME_SHARE)


def _drop_factors(columns: SortedColumns, price: FloatArray) -> None:
    """Sort out prices per area, whatever their names."""
    numbers = [profile for profile, known, _ in columns.facts if profile.is_number and not is_place(known)]
    for one, other in permutations(numbers, 2):
        reason = price_factor_reason(one, other, price)
        if reason is not None:
            columns.ignored[one.name] = reason
    columns.facts = [entry for entry in columns.facts if entry[0].name not in columns.ignored]


def is_place(known: KnownFact | None) -> bool:
    """Whether a column is a coordinate or a postal code."""
    return known is not None and KINDS[known.kind].is_location


def _drop_sums(columns: SortedColumns) -> None:
    """Sort out numbers that are the sum or the difference of two others: they say nothing new."""
    kept: list[tuple[Profile, KnownFact | None, bool]] = []
    for entry in sorted(columns.facts, key=place):
        reason = _sum_of(entry[0], [profile for profile, _, _ in kept])
        if reason is None:
            kept.append(entry)
        else:
            columns.ignored[entry[0].name] = reason
    columns.facts = kept


def _drop_places(columns: SortedColumns) -> None:
    """Sort out places of which a market has at most one, and a coordinate without the other one."""
    kept: list[tuple[Profile, KnownFact | None, bool]] = []
    found: dict[str, str] = {}
    for profile, known, exact in columns.facts:
        if known is not None and KINDS[known.kind].is_unique:
            if known.name in found:
                columns.ignored[profile.name] = f"{found[known.name]} is the {known.name.replace('_', ' ')}"
                continue
            found[known.name] = profile.name
        kept.append((profile, known, exact))
    has_both = {LATITUDE.name, LONGITUDE.name} <= found.keys()
    alone = [] if has_both else [each for each in kept if each[1] in (LATITUDE, LONGITUDE)]
    columns.ignored |= {profile.name: "a coordinate without the other one" for profile, _, _ in alone}
    columns.facts = [entry for entry in kept if entry not in alone]


def _sum_of(profile: Profile, earlier: Sequence[Profile]) -> str | None:
    """Return of which two earlier numbers of its unit a column is the sum or the difference, or None."""
    if not profile.is_number or not profile.unit:
        return None
    alike = [other for other in earlier if other.is_number and other.unit == profile.unit]
    for one, other in combinations(alike, 2):
        sums = (
            ("+", one, other, one.numbers + other.numbers),
            ("−", one, other, one.numbers - other.numbers),
            ("−", other, one, other.numbers - one.numbers),
        )
        for sign, first, second, values in sums:
            if _agrees(profile, values):
                return f"it is {first.name} {sign} {second.name}"
    return None


def _agrees(profile: Profile, values: FloatArray) -> bool:
    """Whether a column has some values in nearly all rows, and is known in at least half of them."""
    both = ~np.isnan(profile.numbers) & ~np.isnan(values)
    return bool(
        both.sum() >= max(profile.rows / 2, 1)
        and (profile.numbers[both] == values[both]).mean() >= _SAME_SHARE
        # Zero everywhere is no sum, but a column that says nothing.
        and np.ptp(values[both]) > 0
    )


def place(entry: tuple[Profile, KnownFact | None, bool]) -> tuple[bool, int, bool]:
    """Return where a fact comes in the market file: known facts in their order, the usual name before others."""
    _, known, exact = entry
    return known is None, FACTS.index(known) if known is not None else 0, not exact
