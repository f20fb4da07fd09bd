"""Write a draft as a market file, with a comment for each guess: how sure it is, and why."""

import json
import tomllib
from collections.abc import Iterator, Sequence

from estimator.drafting.draft import Draft
from estimator.drafting.facts import DraftedFact
from estimator.drafting.roles import Guess
from estimator.market.market import Market
from estimator.wording import plural

DATE_FORMAT_REASON = "a guess: no date shows whether the month or the day is first"
WHERE_REASON = "likely: rows without a price are no sales"
_WIDTH = 118
"""Characters in a line of comment."""


def market_toml(draft: Draft, name: str, sales: Sequence[str], columns: Sequence[str] = ()) -> str:
    """Return the text of a market file.

    Parameters
    ----------
    name
        The market's name.
    sales
        The sales files, relative to the market file.
    columns
        Names of the columns, for files without a header line.

    Raises
    ------
    MarketError
        The draft is no valid market.
    """
    parts = ["\n".join(_head(draft, name, sales, columns))]
    parts += ["\n".join(_fact(fact)) for fact in draft.facts]
    text = "\n\n".join(parts) + "\n"
    Market.from_dict(tomllib.loads(text))
    return text


def _head(draft: Draft, name: str, sales: Sequence[str], columns: Sequence[str]) -> Iterator[str]:
    """Give the lines before the facts."""
    rows = plural(draft.rows, "sale")
    yield f"# A draft by `house-price new-market` from {rows}. Each guess says how sure it is:"
    yield "# sure, likely or a guess. Look at those that are not sure, correct what is wrong, then `check`."
    for note in draft.notes:
        yield from _comment(f"NOTE: {note}")
    yield ""
    yield f"name = {_text(name)}"
    yield f"currency = {_text(draft.currency)}  # {draft.currency_reason}"
    yield f"sales = {_text(sales[0]) if len(sales) == 1 else _texts(sales)}"
    if columns:
        yield f"columns = {_texts(columns)}  # the file has no header line"
    if draft.where is not None:
        yield f"where = {_text(draft.where)}  # {WHERE_REASON}"
    yield from _role("price", draft.price)
    yield from _role("sale_date", draft.sale_date)
    if draft.date_format is not None:
        yield f"date_format = {_text(draft.date_format)}  # {DATE_FORMAT_REASON}"
    yield from _role("sale_id", draft.sale_id)
    if draft.decimal_mark == ",":
        yield "decimal_comma = true  # likely: the numbers show it"
    if draft.missing:
        columns_of_codes = ", ".join(sorted(set(draft.missing.values())))
        reason = _one_line(f"a guess: no other value of {columns_of_codes} is below 0")
        yield f"missing = {_texts(list(draft.missing))}  # {reason}"
    if draft.ignored:
        yield "ignore = ["
        for column, reason in draft.ignored.items():
            yield f"    {_text(column)},  # {_one_line(reason)}"
        yield "]"


def _role(key: str, guess: Guess | None) -> Iterator[str]:
    if guess is not None:
        yield f"{key} = {_text(guess.column)}  # {certainty_text(guess.certainty)}: {_one_line(guess.reason)}"


def _fact(fact: DraftedFact) -> Iterator[str]:
    """Give the lines of one fact."""
    remarks = "; ".join(fact.remarks)
    yield from _comment(f"{certainty_text(fact.certainty)}{'. ' if remarks else ''}{remarks}")
    yield "[[features]]"
    yield f"name = {_text(fact.name)}"
    if fact.column != fact.name:
        yield f"column = {_text(fact.column)}"
    yield f"kind = {_text(fact.kind)}"
    if fact.unit:
        yield f"unit = {_text(fact.unit)}"
    if fact.required:
        yield "required = true"
    if fact.bounds is not None:
        yield f"minimum = {fact.bounds.minimum:.10g}"
        yield f"maximum = {fact.bounds.maximum:.10g}"
    if fact.price_effect is not None:
        yield f"price_effect = {_text(fact.price_effect)}"
    if not fact.changeable:
        yield "changeable = false"
    if fact.aliases:
        yield f"aliases = {_texts(fact.aliases)}"
    if fact.description:
        yield f"description = {_text(fact.description)}"


def certainty_text(certainty: str) -> str:
    """Return how sure a guess is, as comments and the command's output say it."""
    return "a guess" if certainty == "guess" else certainty


def _comment(text: str) -> Iterator[str]:
    """Give a text as lines of comment."""
    line = "#"
    for word in _one_line(text).split(" "):
        if len(line) + 1 + len(word) > _WIDTH and line != "#":
            yield line
            line = "#"
        line += f" {word}"
    yield line


def _one_line(text: str) -> str:
    """Return text that a comment can hold: a value of the file may contain line breaks."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _text(value: str) -> str:
    # JSON's strings are TOML's, except that TOML wants DEL escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")


def _texts(values: Sequence[str]) -> str:
    return "[" + ", ".join(map(_text, values)) + "]"
