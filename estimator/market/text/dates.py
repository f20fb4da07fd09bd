"""The forms in which people write dates: which one a column has, and turning its cells into days.

A date may be followed by a time and a zone; the day is the one that is written. A month without a day, as some
cities publish it, is its first day.
"""

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from estimator.market.arrays import DateArray
from estimator.market.values import format_value

_CLOCK = r"(?:[T ]\s*[0-9]{1,2}:[0-9]{2}|T[0-9]{4})"
_TIME = (
    rf"(?:{_CLOCK}(?::?[0-9]{{2}}(?:[.,][0-9]+)?)?(?:\s?[AaPp]\.?[Mm]\.?)?"
    r"(?:\s?(?:Z|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?))?)?$"
)
"""What may follow a date: hours and minutes, with a colon or, after a T, without."""
_YEAR = r"(?:1[5-9]|2[01])[0-9]{2}"
"""The year of a date that looks like another number otherwise."""
_FIRST_SERIAL, _LAST_SERIAL = 20_000, 80_000
"""Days of 1954 and 2119 as spreadsheets count them."""
_SERIAL_EPOCH = dt.date(1899, 12, 30)
_LAST_SECOND = 1_950_000_000
"""In October 2031; larger numbers may be a year, a month, a day and an hour."""
_WEEKDAY = r"(?i)^(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,?\s+"


@dataclass(frozen=True)
class DateForm:
    """A form of dates.

    Parameters
    ----------
    name
        What messages call it.
    pattern
        Regular expression that a date of this form matches, without the time; None for any text.
    format
        As `strptime` takes it; None if the form leaves open which number is the month.
    """

    name: str
    pattern: str | None
    format: str | None


ISO = DateForm("2015-05-27", r"^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}", "%Y-%m-%d")
_UNAMBIGUOUS = (
    ISO,
    DateForm("20150527", rf"^{_YEAR}[0-9]{{4}}", "%Y%m%d"),
    DateForm("2015/05/27", r"^[0-9]{4}/[0-9]{1,2}/[0-9]{1,2}", "%Y/%m/%d"),
    DateForm("2015.05.27", r"^[0-9]{4}\.[0-9]{1,2}\.[0-9]{1,2}", "%Y.%m.%d"),
    DateForm("27.05.2015", r"^[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{4}", "%d.%m.%Y"),
    DateForm("27.05.15", r"^[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{2}", "%d.%m.%y"),
    DateForm("27 May 2015", r"(?i)^[0-9]{1,2}[ \-./]?[a-z]{3,9}[ \-./,]+[0-9]{4}", "%d %b %Y"),
    DateForm("27-May-15", r"(?i)^[0-9]{1,2}[ \-./]?[a-z]{3,9}[ \-./,]+[0-9]{2}", "%d %b %y"),
    DateForm("May 27, 2015", r"(?i)^[a-z]{3,9}\.?[ \-]?[0-9]{1,2}[ \-./,]+[0-9]{4}", "%b %d %Y"),
    DateForm("2015-05", rf"^{_YEAR}-[0-9]{{1,2}}", "%Y-%m"),
    DateForm("05/2015", rf"^[0-9]{{1,2}}/{_YEAR}", "%m/%Y"),
    DateForm("05-2015", rf"^[0-9]{{1,2}}-{_YEAR}", "%m-%Y"),
    DateForm("May 2015", rf"(?i)^[a-z]{{3,9}}[ \-./,]+{_YEAR}", "%b %Y"),
    DateForm("May-15", r"(?i)^[a-z]{3,9}[\-/][0-9]{2}", "%b %y"),
)
_MONTH_IN_DOUBT = tuple(
    (
        DateForm(f"5{mark}27{mark}{year}", pattern, f"%m{mark}%d{mark}{directive}"),
        DateForm(f"27{mark}5{mark}{year}", pattern, f"%d{mark}%m{mark}{directive}"),
        DateForm(f"3{mark}4{mark}{year}", pattern, None),
    )
    for mark in "/-"
    for year, directive, digits in (("2015", "%Y", 4), ("15", "%y", 2))
    for pattern in [rf"^[0-9]{{1,2}}{mark}[0-9]{{1,2}}{mark}[0-9]{{{digits}}}"]
)
"""Month first, day first, and not known which."""


def detect_date_form(text: pa.ChunkedArray, declared: str | None = None) -> DateForm:
    """Return the form of most dates in some text that are not ISO's; ISO's if there are no others.

    ISO dates are read beside any other form. Where day and month are numbers in an order that varies by country,
    one that is above 12 proves the order. If none is, or if two contradict each other, the form has no `format`.

    Parameters
    ----------
    text
        n texts without blanks around them.
    declared
        The form that the market declares, as `strptime` takes it: no doubt is left.
    """
    if declared is not None:
        return DateForm(declared, None, declared)
    text = _without_weekday(text)
    counts = {form: _count(text, form) for form in (*_UNAMBIGUOUS, *(forms[2] for forms in _MONTH_IN_DOUBT))}
    best = max(counts, key=lambda form: counts[form] if form is not ISO else 0)
    if not counts[best] or best is ISO:
        return ISO
    if best.format is not None:
        return best
    month_first, day_first, unknown = next(forms for forms in _MONTH_IN_DOUBT if forms[2] is best)
    bare = _without_time(text.filter(pc.fill_null(_matches(text, best), False)))
    numbers = pc.extract_regex(bare, r"^(?P<first>[0-9]+)[/-](?P<second>[0-9]+)")
    first, second = (np.array(pc.cast(pc.struct_field(numbers, name), pa.int64())) for name in ("first", "second"))
    proves_day_first, proves_month_first = bool((first > 12).any()), bool((second > 12).any())
    if proves_day_first == proves_month_first:
        return unknown
    return day_first if proves_day_first else month_first


def parse_dates(text: pa.ChunkedArray, form: DateForm) -> DateArray:
    """Return the days of n dates of a form, and of ISO dates: datetime64[D], NaT where text is neither."""
    days = np.full(len(text), "NaT", "datetime64[D]")
    if form.pattern is not None:
        text = _without_weekday(text)
    for each in dict.fromkeys((form, ISO)):
        if each.format is None:
            continue
        wanted = pc.fill_null(_matches(text, each), False)
        rows = np.flatnonzero(wanted.to_numpy(zero_copy_only=False) & np.isnat(days))
        if len(rows):
            days[rows] = _parse(text.take(pa.array(rows)), each)
    return days


def days_of_distinct(text: pa.ChunkedArray, parse: Callable[[str], dt.date]) -> DateArray:
    """Return the days that n texts name: datetime64[D], NaT where there is none or `parse` raises a ValueError.

    Each distinct text is parsed once: a file of millions of rows names a few thousand days.
    """
    coded = pa.chunked_array([text]).combine_chunks().dictionary_encode()
    days = np.array([_day_or_none(each, parse) for each in coded.dictionary.to_pylist()], "datetime64[D]")
    row = pc.fill_null(coded.indices, len(days)).to_numpy(zero_copy_only=False)
    found: DateArray = np.append(days, np.datetime64("NaT"))[row]
    return found


def _day_or_none(text: str, parse: Callable[[str], dt.date]) -> dt.date | None:
    try:
        return parse(text)
    except ValueError:
        return None


def date_fault(value: str) -> tuple[str, str]:
    """Return a text that is no date as messages show it, and what it is instead."""
    shown = format_value(value)
    if re.fullmatch(r"[0-9]{5}(?:\.[0-9]+)?", value) and _FIRST_SERIAL <= float(value) <= _LAST_SERIAL:
        day = _SERIAL_EPOCH + dt.timedelta(days=int(float(value)))
        return f"{shown} ({day})", f"a day as Excel counts them; save the column as dates like {ISO.name}"
    if re.fullmatch(r"[0-9]{10}(?:[0-9]{3})?", value) and int(value[:10]) <= _LAST_SECOND:
        unit = "seconds" if len(value) == 10 else "milliseconds"
        day = dt.date(1970, 1, 1) + dt.timedelta(seconds=int(value[:10]))
        return f"{shown} ({day})", f"the {unit} since 1970; save the column as dates like {ISO.name}"
    return shown, _other_form(re.sub(_WEEKDAY, "", value)) or f"not a date like {ISO.name}"


def _other_form(value: str) -> str | None:
    """Return why a text is not read that is a date in a form of its own; None if it is none."""
    for form in _UNAMBIGUOUS:
        if _is_of(value, form):
            return (
                f"a date like {form.name}, but most dates of the column, or date_format, have another form;"
                f" write all in one form, such as {ISO.name}"
            )
    for month_first, day_first, _ in _MONTH_IN_DOUBT:
        is_month_first, is_day_first = (_is_of(value, form) for form in (month_first, day_first))
        if is_month_first and is_day_first:
            return (
                f"a date whose month is in doubt; declare date_format in market.toml as '{month_first.format}' or"
                f" '{day_first.format}', or write dates like {ISO.name}"
            )
        if is_month_first or is_day_first:
            first, other = ("month", "day") if is_month_first else ("day", "month")
            return (
                f"a date with the {first} first, but other dates of the column, or date_format, have the {other}"
                f" first; write all in one form, such as {ISO.name}"
            )
    return None


def _is_of(value: str, form: DateForm) -> bool:
    """Return whether one text is a date of a form; without Arrow, because a file can have many that are not."""
    pattern, directives = form.pattern, form.format
    if pattern is None or directives is None or not re.match(pattern + _TIME, value):
        return False
    if "%b" in directives:
        return True
    written = re.match(pattern, value)
    try:
        return written is not None and bool(dt.datetime.strptime(written[0], directives))  # noqa: DTZ007
    except ValueError:
        return False


def check_date_format(declared: str) -> None:
    """Check a form as a market declares it.

    Raises
    ------
    ValueError
        It does not say year, month and day.
    """
    example = dt.date(2015, 5, 27)
    try:
        found = dt.datetime.strptime(example.strftime(declared), declared).date()  # noqa: DTZ007
    except ValueError:
        found = None
    if found != example:
        raise ValueError(
            f"{format_value(declared)} is not a form of dates; it must name day, month and year, such as"
            " '%d/%m/%Y' or '%m/%d/%y'"
        )


def _count(text: pa.ChunkedArray, form: DateForm) -> int:
    return pc.sum(_matches(text, form)).as_py() or 0


def _matches(text: pa.ChunkedArray, form: DateForm) -> pa.ChunkedArray:
    """Return where text is of a form, followed by a time or nothing."""
    if form.pattern is None:
        return pc.is_valid(text)
    return pc.match_substring_regex(text, form.pattern + _TIME)


def _without_weekday(text: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.replace_substring_regex(text, _WEEKDAY, "")


def _without_time(text: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.replace_substring_regex(text, rf"([0-9])\s*{_CLOCK}.*$", r"\1")


def _parse(text: pa.ChunkedArray, form: DateForm) -> DateArray:
    """Return the days of texts that match a form; NaT for a day that does not exist."""
    if form.pattern is not None:
        text = _without_time(text)
        if "%b" in str(form.format):
            text = pc.replace_substring_regex(text, r"(?i)([a-z]{3})[a-z]*", r" \1 ")
            text = pc.utf8_trim_whitespace(pc.replace_substring_regex(text, r"[ \-./,]+", " "))
    return days_of_distinct(text, lambda each: dt.datetime.strptime(each, str(form.format)).date())  # noqa: DTZ007
