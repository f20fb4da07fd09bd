"""How a report's page writes numbers, each in a `data` element that names its place in the JSON, and measures."""

from collections.abc import Callable, Mapping
from typing import Any

from markupsafe import Markup

Report = Mapping[str, Any]
NumberWriter = Callable[..., Markup]

_FORMATS: Mapping[str, Callable[[float], str]] = {
    "count": lambda value: f"{value:,.0f}",
    "money": lambda value: f"{value:,.0f}",
    "percent": lambda value: f"{value:.1f}%",
    "bound": lambda value: f"{value:.10g}%",
    "exact": lambda value: f"{value:.2f}%",
    "points": lambda value: f"{value:+.1f}%",
    "change": lambda value: f"{value:+,.0f}",
    "ratio": lambda value: f"{value:.3f}",
    "log": lambda value: f"{value:+.3f}",
    "loss": lambda value: f"{value:.4f}",
    "plain": lambda value: f"{value:.10g}",
}
"""Kind of number → its format; amounts are in whole units of the currency."""

_ABBREVIATIONS = frozenset({"cod", "prd", "prb", "mki", "vei"})
"""Words in names of measures that are written in capitals."""
_OTHER_NAMES = {"fsd_ratio": "FSD honesty"}
"""Measures that the report calls by another name than its JSON."""

_MAX_UNBROKEN_LENGTH = 10
"""Length of a date: longer texts may be wrapped in a table."""


def write_numbers(report: Report, report_id: str) -> NumberWriter:
    """Return a function that writes a number of a report; `report_id` distinguishes two reports on one page."""

    def number(*keys: str | int, kind: str = "plain") -> Markup:
        value: Any = report
        for key in keys:
            value = value[key]
        pointer = "".join("/" + str(key).replace("~", "~0").replace("/", "~1") for key in keys)
        if value is None:
            return Markup("–")
        if isinstance(value, list):  # the names of a recipe's losses
            value = ", ".join(value)
        shown = value
        if isinstance(value, bool):
            shown, value = ("yes" if value else "no"), str(value).lower()
        elif not isinstance(value, str):
            shown = _FORMATS[kind](value).replace("-", "−")
        css_class = Markup(' class="text"') if isinstance(value, str) and len(value) > _MAX_UNBROKEN_LENGTH else ""
        element = Markup('<data value="{}" data-of="{}" data-at="{}"{}>{}</data>')
        return element.format(value, report_id, pointer, css_class, shown)

    return number


def measure_name(name: str) -> str:
    """Return the name of a measure as people write it: `COD`, `median ratio`."""
    words = (word.upper() if word in _ABBREVIATIONS else word for word in name.split("_"))
    return _OTHER_NAMES.get(name) or " ".join(words)


def trusted(text: str) -> Markup:
    """Mark SVG of the charts as safe HTML; the charts escape the texts that come from sales."""
    return Markup(text)  # noqa: S704
