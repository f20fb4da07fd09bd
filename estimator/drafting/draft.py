"""Draft a market from the columns of its sales: which one is what, which are facts, and which are not used."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from estimator.drafting.currencies import country_of, price_symbol_currency
from estimator.drafting.effects import PriceSample
from estimator.drafting.facts import DraftedFact, draft_fact, fact_name, may_be_required
from estimator.drafting.known_facts import LATITUDE, LONGITUDE, SIZE
from estimator.drafting.missing_codes import missing_codes
from estimator.drafting.notes import draft_notes, quoted
from estimator.drafting.profiles import Profile, detect_table_decimal_mark, has_points_for_thousands, profile_table
from estimator.drafting.roles import (
    Guess,
    find_home,
    find_price,
    find_sale_date,
)
from estimator.drafting.sorting import SortedColumns, place, sort_columns
from estimator.errors import DataError
from estimator.market.text.names import plain_name
from estimator.market.text.numbers import DecimalMark

UNKNOWN_CURRENCY = "XXX"
"""ISO 4217's code for no currency, where nothing in a file tells it."""

_MAX_UNPRICED_SHARE = 0.05
"""With a larger share of rows without a price, the file also lists homes that were not sold."""


@dataclass(frozen=True)
class Draft:
    """What a market file will declare, with the reasons.

    Parameters
    ----------
    rows
        How many sales were looked at.
    currency, currency_reason
        ISO 4217 code, and where it comes from.
    price, sale_date, sale_id
        Columns by role; None where the file has none.
    date_format
        The form of the dates, if the market must declare it; a guess.
    decimal_mark
        What separates decimals in the file; None in a file with types.
    missing
        Text that stands for a value that is not known → the column that shows it.
    facts
        The facts, in the order of the market file.
    ignored
        Column → why it is not used.
    notes
        What the user should know or do, in short sentences.
    where
        Condition for the rows that are sales; None if all are.
    """

    rows: int
    currency: str
    currency_reason: str
    price: Guess
    sale_date: Guess | None
    sale_id: Guess | None
    date_format: str | None
    decimal_mark: DecimalMark | None
    missing: Mapping[str, str]
    facts: tuple[DraftedFact, ...]
    ignored: dict[str, str]
    notes: tuple[str, ...]
    where: str | None = None


def draft_market(
    table: pa.Table, price: str | None = None, currency: str | None = None, *, is_text: bool = True
) -> Draft:
    """Draft a market from a table of sales.

    Parameters
    ----------
    table
        n sales, of text or typed.
    price
        The column of sale prices, if the user named it.
    currency
        The currency, if the layout of the file tells it.
    is_text
        Whether the file is of text, whose numbers and dates may have many forms.

    Raises
    ------
    DataError
        No column can be taken for the sale price, or none for a fact.
    """
    # Programs write a column of row numbers without a name.
    table = table.select([name for name in table.column_names if name.strip()])
    decimal_mark = _decimal_mark(table, price) if is_text else None
    profiles = profile_table(table, decimal_mark)
    missing = missing_codes(profiles) if is_text else {}
    if missing:
        profiles = profile_table(table, decimal_mark, missing)
    by_name = {profile.name: profile for profile in profiles}
    found_price = find_price(profiles, price)
    sale_date = find_sale_date(profiles)
    sale_id = find_home(profiles, found_price.column)
    roles = {guess.column for guess in (found_price, sale_date, sale_id) if guess is not None}
    paid, sold = by_name[found_price.column], by_name[sale_date.column] if sale_date else None
    columns = sort_columns([each for each in profiles if each.name not in roles], paid.numbers, sold)
    if not columns.facts:
        raise DataError("no column is a fact about the homes, such as the size; a market needs at least one")
    facts = _draft_facts(columns, _price_sample(paid, columns), _newest_year(sold), table.column_names)
    where = _where(paid)
    code, reason = _currency(paid, table, facts, by_name, currency)
    is_in_doubt = sold is not None and sold.date_form is not None and sold.date_form.format is None
    return Draft(
        rows=table.num_rows,
        currency=code,
        currency_reason=reason,
        price=found_price,
        sale_date=sale_date,
        sale_id=sale_id,
        date_format="%m/%d/%Y" if is_in_doubt else None,
        decimal_mark=decimal_mark,
        missing=missing,
        facts=facts,
        ignored=columns.ignored,
        notes=draft_notes(facts, paid, where, sale_date, sale_id, profiles),
        where=where,
    )


def _decimal_mark(table: pa.Table, price: str | None) -> DecimalMark:
    """Return what separates decimals: as any number proves it, or else as the prices let one expect.

    Raises
    ------
    DataError
        As `find_price`.
    """
    proven = detect_table_decimal_mark(table)
    if proven is not None:
        return proven
    profiles = profile_table(table, ".")
    name = find_price(profiles, price).column
    return "," if has_points_for_thousands(next(each for each in profiles if each.name == name)) else "."


def _where(price: Profile) -> str | None:
    """Return the condition that leaves out rows without a price, where they are more than mistakes."""
    if price.known_share >= 1 - _MAX_UNPRICED_SHARE or "`" in price.name:
        return None
    return f"{quoted(price.name)} is not missing"


def _newest_year(sale_date: Profile | None) -> int:
    """Return the year of the newest sale; this year if there are no dates."""
    today = dt.datetime.now(tz=dt.UTC).year
    if sale_date is None or sale_date.days is None:
        return today
    known = sale_date.days[~np.isnat(sale_date.days)]
    # A date in the future is mistyped.
    return min(int(np.max(known).astype("datetime64[Y]").astype(int)) + 1970, today)


def _price_sample(price: Profile, columns: SortedColumns) -> PriceSample:
    controls = [
        profile.numbers
        for profile, known, exact in columns.facts
        if exact and known is not None and known.is_control and profile.is_number
    ]
    return PriceSample(price.numbers, tuple(controls))


def _draft_facts(
    columns: SortedColumns, sample: PriceSample, newest: int, names: Sequence[str]
) -> tuple[DraftedFact, ...]:
    """Return the facts, known ones first, with names that stand for one fact each."""
    ordered = sorted(columns.facts, key=place)
    reserved = {plain_name(name) for name in names}
    taken: set[str] = set()
    facts = []
    for profile, known, exact in ordered:
        own = plain_name(profile.name)
        named = known is not None and known.name not in taken and plain_name(known.name) not in reserved - {own}
        fact = draft_fact(profile, known, sample, newest, exact=exact, named=named)
        fact = _with_free_names(fact, taken, reserved - {own})
        taken.add(fact.name)
        facts.append(fact)
    return _with_required(facts, {profile.name: profile for profile, _, _ in columns.facts})


def _with_free_names(fact: DraftedFact, taken: set[str], reserved: set[str]) -> DraftedFact:
    """Return a fact whose name and aliases stand for no other fact or column."""
    used = {plain_name(name) for name in taken} | reserved
    name, number = fact.name, 2
    while plain_name(name) in used:
        name, number = f"{fact_name(fact.column)}_{number}", number + 1
    own = {plain_name(name), plain_name(fact.column)}
    aliases = tuple(alias for alias in fact.aliases if plain_name(alias) not in used | own)
    return replace(fact, name=name, aliases=aliases)


def _with_required(facts: Sequence[DraftedFact], profiles: dict[str, Profile]) -> tuple[DraftedFact, ...]:
    """Return the facts with the location and one size required, and a coordinate only together with the other."""
    size = next((fact for fact in facts if fact.name == SIZE.name), None)
    coordinates = {fact.kind for fact in facts} >= {"latitude", "longitude"}
    result = []
    for fact in facts:
        is_wanted = fact is size or (coordinates and fact.is_coordinate)
        result.append(replace(fact, required=is_wanted and may_be_required(profiles[fact.column])))
    return tuple(result)


def _currency(
    price: Profile,
    table: pa.Table,
    facts: Sequence[DraftedFact],
    profiles: dict[str, Profile],
    declared: str | None,
) -> tuple[str, str]:
    """Return the currency of the prices, and where it comes from."""
    if declared is not None:
        return declared, "sure: the layout of the file tells it"
    cells = [str(cell) for cell in table.column(price.name).slice(0, 100).to_pylist()]
    code = price_symbol_currency(price, cells)
    if code is not None:
        return code, "likely: the prices or their header name it"
    places = {fact.name: fact.column for fact in facts if fact.is_coordinate}
    if len(places) == 2:
        middle = {name: float(np.nanmedian(profiles[column].numbers)) for name, column in places.items()}
        country = country_of(middle[LATITUDE.name], middle[LONGITUDE.name])
        if country is not None:
            return country[1], f"likely: the homes are in {country[0]}"
    return UNKNOWN_CURRENCY, "a guess is not possible: write the currency's code, such as EUR"
