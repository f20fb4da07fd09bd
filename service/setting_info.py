"""What is known about a setting: its unit, its description, and how it is checked and read."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from environs import Env, validate
from limits import parse_many
from marshmallow import ValidationError


@dataclass(frozen=True, slots=True)
class SettingInfo:
    """Documentation and validation of one setting.

    Parameters
    ----------
    unit
        Unit or format of the value.
    description
        One or two sentences.
    bounds
        Minimum and maximum of a number.
    check
        Raises ValidationError for an invalid string, or an invalid entry of a list.
    secret
        Whether error messages must not show the value.
    """

    unit: str
    description: str
    bounds: tuple[int, int] | None = None
    check: Callable[[str], None] | None = None
    secret: bool = False


def matching(pattern: str, message: str) -> Callable[[str], None]:
    """Return a check that raises `message` for a string that does not match a pattern."""

    def check(text: str) -> None:
        if not re.fullmatch(pattern, text):
            raise ValidationError(message)

    return check


CHECK_ORIGIN = matching(
    r"https?://[A-Za-z0-9.-]+(:[0-9]+)?",
    "an entry must consist of scheme, host and optional port; * is not accepted",
)
"""Raises a ValidationError for text that is not an origin such as `https://app.example.com`."""


CHECK_GEOCODER = matching(
    r"https?://[^\s{}]+\{query\}[^\s{}]*", "it must be a URL with {query} where the address belongs"
)
"""Raises a ValidationError for text that is not the URL of a geocoder."""


def check_rate(text: str) -> None:
    """Raise a ValidationError for text that is not a rate such as `20/second`."""
    try:
        parse_many(text)
    except ValueError as error:
        raise ValidationError("write a rate like '20/second' or '5/second; 1000/hour'") from error


def read_setting(env: Env, name: str, default: Any, info: SettingInfo) -> Any:
    """Read one setting; its errors are kept in `env` until that is sealed."""
    variable = name.upper()
    if info.bounds is not None:
        return env.int(variable, default, validate=validate.Range(*info.bounds))
    if isinstance(default, Path) or default is None:
        return env.path(variable, default)
    if isinstance(default, tuple):
        entries = env.list(variable, list(default), validate=lambda texts: _check(info, *map(str.strip, texts)))
        return tuple(map(str.strip, entries or ()))
    return env.str(variable, default, validate=lambda text: _check(info, text) if text != default else None)


def _check(info: SettingInfo, *texts: str) -> None:
    if info.check is not None:
        for text in texts:
            info.check(text)
