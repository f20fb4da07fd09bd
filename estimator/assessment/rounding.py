"""How the figures of an assessment are rounded in manifests, reports and answers."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

DECIMALS = 4
"""Decimal places. Verdicts use the rounded figures, so that they never contradict them."""


def rounded_figures(figures: "DataclassInstance") -> dict[str, Any]:
    """Return a dataclass's fields by name, its floating-point numbers rounded to `DECIMALS`."""
    return {
        name: round(value, DECIMALS) if isinstance(value, float) else value
        for name, value in asdict(figures).items()
    }
