"""Spellings of the units that numbers are followed by, and how many of one unit another is."""

SPELLINGS: tuple[tuple[str, ...], ...] = (
    ("ft²", "ft2", "ft^2", "sq ft", "sq. ft", "sqft", "sq.ft", "sf", "square feet", "square foot", "sq feet"),
    (
        "m²",
        "m2",
        "m^2",
        "㎡",
        "mq",
        "qm",
        "mts2",
        "sq m",
        "sq. m",
        "sqm",
        "sq.m",
        "sq metres",
        "sq meters",
        "square metres",
        "square meters",
    ),
    ("sq yd", "yd²", "yd2", "sq. yd", "sqyd", "sq yards", "square yards"),
    ("acres", "acre", "ac"),
    ("ha", "hectares", "hectare"),
    ("ft", "feet", "foot"),
    ("m", "metres", "meters", "metre", "meter"),
    ("km", "kilometres", "kilometers"),
    ("mi", "miles", "mile"),
    ("years", "year", "yrs", "yr"),
    ("°", "deg", "degrees"),
    ("%", "percent", "per cent"),
)
"""One row a unit: what it may be written as, in any case."""


def unit_words(unit: str) -> tuple[str, ...]:
    """Return all spellings of a unit, the longest first; only itself if it is not known, none if it is empty."""
    wanted = unit.strip().casefold()
    if not wanted:
        return ()
    row = next((row for row in SPELLINGS if wanted in map(str.casefold, row)), (unit.strip(),))
    return tuple(sorted(row, key=len, reverse=True))
