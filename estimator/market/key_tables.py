"""Tables of all keys and kinds of a market file, for docs/markets.md, made from the code that reads it."""

import dataclasses
import inspect
import re
from collections.abc import Iterator, Mapping

from estimator.market.feature import FEATURE_KEYS, Feature, Keys, type_name
from estimator.market.gate_limits import GateLimits
from estimator.market.kinds import KINDS
from estimator.market.market import MARKET_KEYS, Market


def key_table(declared: type, keys: Keys) -> list[str]:
    """Return a table of keys with type and meaning, in Markdown.

    Parameters
    ----------
    declared
        The dataclass that they are read into; its docstring says what they mean, its fields have the defaults.
    keys
        Key → type, and whether it is required.
    """
    meanings, defaults = _meanings(declared), _defaults(declared)
    lines = ["| key | value | default | meaning |", "| --- | --- | --- | --- |"]
    for key, (expected, required) in keys.items():
        default = "required" if required else defaults.get(key, "")
        lines.append(f"| `{key}` | {type_name(expected)} | {default} | {meanings[key]} |")
    return lines


def market_keys() -> list[str]:
    """Return the table of the keys of a market."""
    return key_table(Market, MARKET_KEYS)


def feature_keys() -> list[str]:
    """Return the table of the keys of a fact, `[[features]]`."""
    return key_table(Feature, FEATURE_KEYS)


def gate_keys() -> list[str]:
    """Return the table of the keys of `[gate]`."""
    return key_table(GateLimits, {field.name: ((int, float), False) for field in dataclasses.fields(GateLimits)})


def kind_table() -> list[str]:
    """Return the table of all kinds of facts."""
    lines = ["| kind | in JSON | bounds | `price_effect` | in a market |", "| --- | --- | --- | --- | --- |"]
    for name, kind in KINDS.items():
        json = " or ".join(kind.json_types) + (f" ({kind.json_format})" if kind.json_format else "")
        low, high = kind.default_bounds
        bounds = ("no" if not kind.allows_bounds else "yes") if low is None else f"{low:g} to {high:g} or narrower"
        effect = "yes" if kind.allows_price_effect else "no"
        lines.append(f"| `{name}` | {json} | {bounds} | {effect} | {'at most one' if kind.is_unique else 'any'} |")
    return lines


TABLES = {"market": market_keys, "features": feature_keys, "kinds": kind_table, "gate": gate_keys}
"""Name of a table's place in docs/markets.md → what makes the table."""


def _meanings(declared: type) -> Mapping[str, str]:
    """Return field → what the docstring of a dataclass says of it, in one line."""
    text = inspect.getdoc(declared) or ""
    parameters = text.partition("Parameters\n----------\n")[2]
    meanings = {}
    for names, meaning in re.findall(r"^(\w[\w, ]*)\n((?:    .*\n?|\n)+)", parameters + "\n", re.MULTILINE):
        for name in names.split(", "):
            meanings[name] = " ".join(meaning.split())
    return meanings


def _defaults(declared: type) -> Mapping[str, str]:
    return dict(_default_texts(declared))


def _default_texts(declared: type) -> Iterator[tuple[str, str]]:
    for field in dataclasses.fields(declared):
        if field.default not in (dataclasses.MISSING, None, "", ()) and not dataclasses.is_dataclass(
            field.default
        ):
            text = str(field.default).lower() if isinstance(field.default, bool) else f"{field.default:g}"
            yield field.name, text
