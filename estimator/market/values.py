"""Parse one value, as JSON gives it, into the value that a column of `Facts` stores, and turn it back.

A stored number is a float, a stored boolean is 0.0 or 1.0, a stored date is its days since 1970-01-01, a stored
label is text. This module knows neither features nor their bounds.
"""

import datetime as dt
import math
import re

Stored = float | str
"""A known value as a column of `Facts` stores it."""
Value = float | int | bool | str
"""A known value as JSON gives it."""

MAX_LABEL_LENGTH = 200
"""Characters in a label: longer than any neighbourhood's name, short enough to store by the million."""
DATE_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"

ZIP4_PATTERN = r"^([0-9]{5})[- ]?[0-9]{4}$"
"""A ZIP code with the four digits of a street, which no table of areas has. No other country's postal codes have
nine digits."""

_EPOCH = dt.date(1970, 1, 1)
_MAX_SHOWN = 60
"""Characters of a value that an error message shows."""
_MAX_SHOWN_INTEGER = 10**_MAX_SHOWN


def parse_number(value: object) -> float:
    """Return a finite number as a float.

    Raises
    ------
    ValueError
        The value is not a number, not finite, or too large for a float.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{format_value(value)} is not a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError("the number is not finite, or too large")
    return number


def parse_integer(value: object) -> float:
    """Return a whole number as a float; `3.0` is a whole number.

    Raises
    ------
    ValueError
        The value is not a whole number.
    """
    number = parse_number(value)
    if not number.is_integer():
        raise ValueError(f"{format_value(value)} is not a whole number")
    return number


def parse_boolean(value: object) -> float:
    """Return 1.0 for true or 1, and 0.0 for false or 0.

    Raises
    ------
    ValueError
        The value is anything else.
    """
    if value in (0, 1):
        return float(value == 1)
    raise ValueError(f"{format_value(value)} is neither true nor false")


def parse_date(value: object) -> dt.date:
    """Return the date that a text like `2015-05-27` names.

    Raises
    ------
    ValueError
        The value is not text of this form, or there is no such day.
    """
    if isinstance(value, str) and re.fullmatch(DATE_PATTERN, value):
        try:
            return dt.date.fromisoformat(value)
        except ValueError:
            pass
    raise ValueError(f"{format_value(value)} is not a date like 2015-05-27")


def parse_day(value: object) -> float:
    """Return a date, given as text, as days since 1970-01-01.

    Raises
    ------
    ValueError
        As `parse_date`.
    """
    return float((parse_date(value) - _EPOCH).days)


def parse_label(value: object) -> str:
    """Return a label without the blanks around it; a whole number becomes text.

    Raises
    ------
    ValueError
        The value is not text, or is empty, too long or not printable.
    """
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _MAX_SHOWN_INTEGER:
        value = str(value)  # a postal code typed without quotes is still that postal code
    if not isinstance(value, str):
        raise ValueError(f"{format_value(value)} is not text")
    label = value.strip()
    if not label:
        raise ValueError("the text is empty; leave out what is unknown")
    if len(label) > MAX_LABEL_LENGTH:
        raise ValueError(f"{format_value(label)} is longer than {MAX_LABEL_LENGTH} characters")
    if not label.isprintable():
        raise ValueError(f"{label!a} contains characters that cannot be printed")
    return label


def parse_postal_code(value: object) -> str:
    """Return a postal code, as `parse_label`; ZIP+4 (`98178-1234`) is the ZIP code of five digits.

    Raises
    ------
    ValueError
        As `parse_label`.
    """
    return re.sub(ZIP4_PATTERN, r"\1", parse_label(value))


def number_to_json(stored: Stored) -> float | int:
    """Return a number as JSON gives it: whole numbers without a decimal point."""
    number = float(stored)
    return int(number) if number.is_integer() else number


def boolean_to_json(stored: Stored) -> bool:
    """Return true for 1.0 and false for 0.0."""
    return bool(float(stored))


def day_to_json(stored: Stored) -> str:
    """Return days since 1970-01-01 as a text like `2015-05-27`."""
    return (_EPOCH + dt.timedelta(days=int(float(stored)))).isoformat()


def label_to_json(stored: Stored) -> str:
    """Return a label as plain text."""
    return str(stored)


def format_value(value: object) -> str:
    """Return a value as an error message shows it: in JSON's words, text in quotes, and cut where it is long."""
    if isinstance(value, (list, dict)):
        return "a list" if isinstance(value, list) else "an object"  # what it contains can be long
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int) and abs(value) >= _MAX_SHOWN_INTEGER:
        return f"a number of more than {_MAX_SHOWN} digits"  # Python refuses to write out thousands
    text = repr(value[: _MAX_SHOWN + 1]) if isinstance(value, str) else str(value)
    return text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "…"


def check_within(value: float, minimum: float, maximum: float) -> float:
    """Return a number that lies between two bounds, both included.

    Raises
    ------
    ValueError
        It does not; the message names all three.
    """
    if not minimum <= value <= maximum:
        raise ValueError(f"{value} is not from {minimum} to {maximum}")
    return value
