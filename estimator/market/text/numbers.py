"""The forms in which people write numbers, and turning them into the one that computers read.

`1180`, `1,180`, `$450,000`, `.75`, `1180.`, `+47.5`, `2,000 sq ft`; with a decimal comma `1.180,5`.
"""

import re
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from estimator.market.text.units import unit_words

DecimalMark = Literal[".", ","]

NUMBER_PATTERN = r"^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$"
"""A number as computers write it."""

_CURRENCY = (
    r"(?:(?:US|A|AU|C|CA|NZ|S|HK|NT|R)?\$|[€£¥₹₩₪₺]|Rs\.?|RM|kr\.?|zł|Kč|USD|EUR|GBP|INR|SGD|AUD|CAD|NZD|CHF|SEK|NOK|DKK"
    r"|JPY|CNY|HKD|ZAR|BRL|MXN|PLN|CZK|HUF|AED|KRW|TWD|ILS|THB|MYR|SAR|TRY)"
)
_SPACES = "[ \u00a0\u2009\u202f'’]"
"""What separates thousands besides commas and points."""
_EXPONENT = r"(?:[eE][+-]?[0-9]+)?"

_AMOUNT = r"[0-9][0-9.,]*"

_NO_CENTS = ",(?:-|–|--)"
"""A dash in the place of decimals, as in `450.000,-`."""
_COMMA_PROVEN = (
    r"^[+-]?(?:[0-9]+,(?:[0-9]{1,2}|[0-9]{4,})|0,[0-9]+"
    rf"|[0-9]{{1,3}}(?:(?:\.|{_SPACES})[0-9]{{3}})+,[0-9]+|[0-9]{{1,3}}(?:\.[0-9]{{3}}){{2,}}|[0-9.]+{_NO_CENTS})$"
)
_POINT_PROVEN = (
    r"^[+-]?(?:[0-9]*\.(?:[0-9]{1,2}|[0-9]{4,})|0\.[0-9]+"
    rf"|[0-9]{{1,3}}(?:(?:,|{_SPACES})[0-9]{{3}})+\.[0-9]+|[0-9]{{1,3}}(?:,[0-9]{{3}}){{2,}})$"
)
_BESIDE = rf"(?:{_CURRENCY}|m²|m2|qm|ha|km)"
"""What may stand beside a number that shows the decimal mark."""
_AMBIGUOUS = r"^[+-]?[1-9][0-9]{0,2},[0-9]{3}$"


def detect_decimal_mark(text: pa.ChunkedArray) -> DecimalMark | None:
    """Return which decimal mark the numbers in some text prove, or None if they prove neither or both.

    `47,5112` and `1.180.000` prove a comma, `47.5112` and `1,180,000` a point; `1,180` proves nothing.
    """
    proven = _proven_marks(text)
    # Hardly any column has only such numbers, and replacing takes longer than looking.
    if not proven and pc.any(pc.match_substring_regex(text, _BESIDE)).as_py():
        proven = _proven_marks(pc.replace_substring_regex(text, rf"^([+-]?){_BESIDE}\s*|\s*{_BESIDE}$", r"\1"))
    return proven.pop() if len(proven) == 1 else None


def _proven_marks(text: pa.ChunkedArray) -> set[DecimalMark]:
    patterns: dict[DecimalMark, str] = {",": _COMMA_PROVEN, ".": _POINT_PROVEN}
    return {mark for mark, pattern in patterns.items() if pc.any(pc.match_substring_regex(text, pattern)).as_py()}


def is_ambiguous_number(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return where text such as `1,180` is one number with a decimal comma and another one without."""
    return pc.match_substring_regex(text, _AMBIGUOUS)


def read_clean_numbers(text: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Return n texts as floats, null where one is empty; None unless all others are numbers with decimal points.

    Arrow reads a column at once, and what it reads, `plain_numbers` reads as the same number.
    """
    for cells in (text, pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)):
        try:
            numbers = cells.cast(pa.float64())
        except pa.ArrowInvalid:
            continue
        return numbers if pc.all(pc.is_finite(numbers)).as_py() in (True, None) else None
    return None


def plain_numbers(text: pa.ChunkedArray, decimal_mark: DecimalMark = ".", unit: str = "") -> pa.ChunkedArray:
    """Return numbers as computers write them; null where text is not a number in any known form.

    Parameters
    ----------
    text
        n texts without blanks around them.
    decimal_mark
        What separates the decimals; the other mark may group thousands.
    unit
        Unit of the column: a number may be followed by it, in one of its usual spellings.
    """
    bare = pc.replace_substring(text, "\u2212", "-")
    bare = pc.replace_substring_regex(bare, rf"^([+-]?)\s*{_CURRENCY}\s*([+-]?)", r"\1\2")
    bare = pc.replace_substring_regex(bare, rf"\s*{_CURRENCY}$", "")
    if decimal_mark == ",":
        bare = pc.replace_substring_regex(bare, rf"([0-9]){_NO_CENTS}$", r"\1")
    for word in unit_words(unit):
        bare = pc.replace_substring_regex(bare, rf"(?i)\s*{re.escape(word)}\.?$", "")
    well_formed = pc.match_substring_regex(bare, _grouped_pattern(decimal_mark))
    group_mark = "," if decimal_mark == "." else r"\."
    plain = pc.replace_substring_regex(bare, f"{group_mark}|{_SPACES}|^\\+", "")
    plain = pc.replace_substring(plain, ",", ".") if decimal_mark == "," else plain
    plain = pc.replace_substring_regex(plain, r"^(-?)\.", r"\10.")
    plain = pc.replace_substring_regex(plain, r"\.($|[eE])", r"\1")
    return pc.if_else(well_formed, plain, pa.scalar(None, pa.string()))


def number_fault(value: str) -> str:
    """Return what a text is that is not a number."""
    if re.fullmatch(rf"{_AMOUNT}\s*(?:-|–|—|to)\s*{_AMOUNT}", value):
        return "a range, not a number; write one number, such as its middle"
    if re.fullmatch(rf"(?:{_CURRENCY}\s*)?{_AMOUNT}\s*(?:[kKM]|[Mm]n|[Mm]io\.?|bn)", value):
        return "an abbreviated number; write all its digits, such as 450000 for 450K"
    if re.fullmatch(rf"{_AMOUNT}\s*[^\W\d_].*", value, re.DOTALL):
        return "a number with words behind it that are not the unit of the fact"
    return "not a number"


def _grouped_pattern(decimal_mark: DecimalMark) -> str:
    """Return the pattern of a number whose thousands may be grouped, as in Europe or as in India (`12,34,567`)."""
    decimal, group = (r"\.", ",") if decimal_mark == "." else (",", r"\.")
    grouped = rf"[0-9]{{1,3}}(?:{group}[0-9]{{2,3}})*{group}[0-9]{{3}}|[0-9]{{1,3}}(?:{_SPACES}[0-9]{{3}})+"
    return rf"^[+-]?(?:(?:{grouped}|[0-9]+)(?:{decimal}[0-9]*)?|{decimal}[0-9]+){_EXPONENT}$"
