"""Words that stand for a missing value in text."""

from collections.abc import Collection

import pyarrow as pa
import pyarrow.compute as pc

MISSING_WORDS = frozenset(
    {"na", "n/a", "#n/a", "nan", "-nan", "null", "none", "nil", "(null)", "<na>", "nat", "-", "--", "?", "."}
    | {"n.a.", "n/d", "missing", "unknown", "undefined", "not available", "no data", "not disclosed", "tbd"}
    | {"[null]", "(blank)", "\\n", "---", "–", "—", "..", "..."}
    | {"#value!", "#ref!", "#div/0!", "#null!", "#num!", "#name?"}
)
"""What R, pandas, SQL (`\\N`), spreadsheets and people write where they know nothing, in lower case."""
_MARKED_AS_TEXT = r"""^(?:="(.*)"|'([0-9+.\-].*))$"""
"""What keeps spreadsheets from taking a code such as `02138` for a number: `="02138"` or `'02138`."""


def strip(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return text without the blanks and a spreadsheet's marks around it; text that is then empty becomes null."""
    text = pc.utf8_trim_whitespace(column.cast(pa.string()))
    # Hardly any file has such marks, and looking at first letters is quick.
    if pc.any(pc.or_(pc.starts_with(text, '="'), pc.starts_with(text, "'"))).as_py():
        text = pc.replace_substring_regex(text, _MARKED_AS_TEXT, r"\1\2")
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)


def is_missing(text: pa.ChunkedArray, own: Collection[str] = ()) -> pa.ChunkedArray:
    """Return where text is a word for a missing value, whatever its case; null where the text is null.

    Parameters
    ----------
    text
        Without blanks around it.
    own
        Further words, such as the market's own.
    """
    words = [*MISSING_WORDS, *(word.strip().lower() for word in own)]
    found = pc.is_in(pc.utf8_lower(text), value_set=pa.array(words, pa.string()))
    return pc.if_else(pc.is_valid(text), found, pa.scalar(None, pa.bool_()))


def drop_missing(text: pa.ChunkedArray, own: Collection[str] = ()) -> pa.ChunkedArray:
    """Return text with null in the place of words for a missing value; see `is_missing`."""
    return pc.if_else(is_missing(text, own), pa.scalar(None, pa.string()), text)
