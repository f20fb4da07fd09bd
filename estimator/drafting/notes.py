"""What a draft tells its user: what the file lacks, what may be wrong with it, and what to do."""

from collections.abc import Sequence

from estimator.drafting.facts import DraftedFact
from estimator.drafting.known_facts import LATITUDE, LONGITUDE, SIZE, known_fact, words_of
from estimator.drafting.leaks import KNOWN_AFTER_SALE, reason_by_name, tells_time_of_sale
from estimator.drafting.profiles import Profile
from estimator.drafting.roles import Guess, unreadable_sale_date
from estimator.wording import plural

_MAX_LABELS = 12
"""A column with more labels hardly says how a home was sold."""
_MIN_LABEL_ROWS = 3
"""What is in fewer rows is a remark of whoever wrote the file."""
_MIN_REPEATED_SHARE = 0.1
"""Share of rows with the price and day of the row above, from which a sale seems to have several rows."""
_MULTIPLES = (
    ({"thousand", "thousands", "000", "000s", "tsd", "k"}, "thousands"),
    ({"million", "millions", "mio", "mn"}, "millions"),
    ({"lakh", "lakhs"}, "lakhs"),
    ({"crore", "crores"}, "crores"),
    ({"만원", "萬元", "万元", "万円"}, "ten thousands"),
)
"""Words of a price's name → the multiples in which prices are given."""


def draft_notes(
    facts: Sequence[DraftedFact],
    price: Profile,
    where: str | None,
    sale_date: Guess | None,
    sale_id: Guess | None,
    profiles: Sequence[Profile],
) -> tuple[str, ...]:
    """Return what the file lacks and what may be wrong with it, and what follows from that.

    Parameters
    ----------
    where
        The condition for rows that the draft has already; None if it has none.
    """
    sold = next((each for each in profiles if sale_date is not None and each.name == sale_date.column), None)
    notes = [
        *_price_notes(price, sold),
        *_kind_of_sale_notes(profiles, where),
        *_size_notes(facts, profiles, where),
        *_place_notes(facts, profiles),
    ]
    if sale_date is None:
        notes.append(_date_note(profiles))
    if sale_id is None:
        notes.append("No column identifies the home: repeat sales of a home are not recognised.")
    return tuple(notes)


def quoted(column: str) -> str:
    """Return a column as a condition names it."""
    return f"`{column}`"


def _price_notes(price: Profile, sold: Profile | None) -> list[str]:
    """Return what is unusual about the prices."""
    notes = []
    words = {*words_of(price.name).split()}
    multiple = next((multiple for names, multiple in _MULTIPLES if names & words), None)
    if multiple is not None:
        notes.append(
            f"{price.name} seems to be in {multiple}: values will be, too. Costs and list prices must be in the"
            " same unit; or write the prices in full, and draft again."
        )
    if sold is not None and sold.days is not None and len(sold.days) > 1:
        same = (
            (price.numbers[1:] == price.numbers[:-1]) & (sold.days[1:] == sold.days[:-1]) & (price.numbers[1:] > 0)
        )
        if same.mean() > _MIN_REPEATED_SHARE:
            rows = plural(int(same.sum()), "row has", "rows have")
            notes.append(
                f"{rows} the price and the day of the row above: a sale seems to have several rows, each with the"
                " price of the whole. Keep one row of each sale, that of the home itself, such as with a condition"
                " for rows (`where`)."
            )
    return notes


def _kind_of_sale_notes(profiles: Sequence[Profile], where: str | None) -> list[str]:
    """Return which columns say how homes were sold: gifts and the like are no sales."""
    kinds = [
        each
        for each in profiles
        if reason_by_name(each.name) == KNOWN_AFTER_SALE
        and known_fact(each.name) is None
        and not each.is_number
        and 1 < each.distinct <= _MAX_LABELS
        and len(each.labels(_MIN_LABEL_ROWS)) > 1
    ]
    if not kinds:
        return []
    shown = "; ".join(f"{each.name}: {', '.join(each.labels(_MIN_LABEL_ROWS)[:5])}" for each in kinds)
    label = kinds[0].most_frequent(1)[0]
    # A warning that hardly any row has is missing for the others.
    is_usual = f" == '{label}'" if kinds[0].known_share > 0.5 else " is missing"
    condition = _condition(quoted(kinds[0].name) + is_usual, where)
    example = "" if "'" in label else f", such as with {condition}"
    return [f"How homes were sold ({shown}): leave out rows that are no sales at a market price{example}."]


def _size_notes(facts: Sequence[DraftedFact], profiles: Sequence[Profile], where: str | None) -> list[str]:
    size = next((fact for fact in facts if fact.name == SIZE.name), None)
    if size is None:
        note = (
            "No column is the size of the home, such as its living area. Without it, homes in one street"
            " get nearly the same value. Add it to the file before you serve a model."
        )
        return [note]
    zeros = next(int((each.numbers == 0).sum()) for each in profiles if each.name == size.column)
    known = f"{quoted(size.column)} > 0" if zeros else f"{quoted(size.column)} is not missing"
    if not size.required:
        note = (
            f"The size, {size.column}, is unknown in too many rows to be required. Leave out the sales without"
            f" it ({_condition(known, where)}) and require it, or accept larger errors."
        )
    elif zeros:
        note = (
            f"The size, {size.column}, is 0 in {plural(zeros, 'row')}, such as land without a home. They will"
            f" be set aside; to leave them out, write {_condition(known, where)}."
        )
    else:
        return []
    return [note]


def _condition(condition: str, where: str | None) -> str:
    """Return a line of the market file with a condition, besides the one that it has."""
    return f'where = "{condition if where is None else f"{where} and {condition}"}"'


def _place_notes(facts: Sequence[DraftedFact], profiles: Sequence[Profile]) -> list[str]:
    kinds = {fact.kind for fact in facts}
    if {"latitude", "longitude"} <= kinds:
        return []
    known = {known_fact(each.name): each for each in profiles}
    places = [known.get((fact, True)) for fact in (LATITUDE, LONGITUDE)]
    if all(each is not None and each.is_number and each.distinct == 1 for each in places):
        return ["All homes are at one place: their coordinates say nothing, and are not asked for."]
    place = "postal code and other parts of the address" if "postal_code" in kinds else "categories"
    return [f"No coordinates: a home's place is known only by {place}. Add latitude and longitude if you can."]


def _date_note(profiles: Sequence[Profile]) -> str:
    """Return what a file without a column of the days of sale has instead, and what follows."""
    odd = unreadable_sale_date(profiles)
    if odd is not None:
        return (
            f"'{odd.name}' has the name of a day of sale, but its values are no dates, such as"
            f" '{odd.most_frequent(1)[0]}'. Save it as dates like 2015-05-27, and draft again."
        )
    parts = [profile.name for profile in profiles if tells_time_of_sale(profile.name)]
    joined = f" Join {_listed(parts)} to one, such as 2015-05-01, and draft again." if len(parts) > 1 else ""
    dates = next((profile.name for profile in profiles if profile.is_date), None)
    if dates is not None and not parts:
        joined = f' If it is {dates}, which has dates, declare sale_date = "{dates}".'
    return (
        "No column is the day of the sale: prices are taken as of one day, and a training splits at random."
        + joined
    )


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]])
