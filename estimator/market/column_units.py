"""The unit of a column, where it is another one than that of its fact: which units can be converted, and how."""

import re

from estimator.market.kinds import FactKind
from estimator.market.text.units import SPELLINGS

_SIZES: tuple[dict[str, float], ...] = (
    {"m²": 1.0, "ft²": 0.09290304, "sq yd": 0.83612736, "acres": 4046.8564224, "ha": 10_000.0},
    {"m": 1.0, "ft": 0.3048, "km": 1000.0, "mi": 1609.344},
)
"""Areas in m² and lengths in m: the international foot is 0.3048 m exactly."""
_PROJECTED = re.compile(r"EPSG:([0-9]{4,6})")


def unit_factor(unit: str, target: str) -> float:
    """Return how many of one unit another is: 1 m² is 10.76 ft².

    Raises
    ------
    ValueError
        One of them is unknown, or they measure different things.
    """
    one, other = _usual_spelling(unit), _usual_spelling(target)
    for sizes in _SIZES:
        if one in sizes and other in sizes:
            return sizes[one] / sizes[other]
    known = ", ".join(name for sizes in _SIZES for name in sizes)
    raise ValueError(f"'{unit}' cannot be converted into '{target}'; units that can be are {known}")


def check_column_unit(kind: FactKind, unit: str, column_unit: str, *, has_column: bool) -> None:
    """Check the declaration of a column's unit.

    Parameters
    ----------
    kind, unit
        Kind and unit of the fact.
    has_column
        Whether its column has another name than the fact.

    Raises
    ------
    ValueError
        It cannot be converted into the fact's unit.
    """
    if not has_column:
        raise ValueError("column_unit needs a column with another name: under its own name, a fact is in its unit")
    if kind.is_coordinate:
        if not _PROJECTED.fullmatch(column_unit):
            raise ValueError(f"column_unit '{column_unit}' is no EPSG code of coordinates, such as 'EPSG:2926'")
        return
    if kind.is_label or kind.is_whole:
        raise ValueError("its kind does not allow a column_unit; numbers, latitudes and longitudes do")
    unit_factor(column_unit, unit)


def _usual_spelling(unit: str) -> str:
    wanted = unit.strip().casefold()
    return next((row[0] for row in SPELLINGS if wanted in map(str.casefold, row)), unit.strip())
