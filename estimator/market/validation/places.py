"""Sales whose coordinates cannot be right: at 0, 0, swapped, with a lost sign, or far from all other sales.

A town apart from the others is not wrong: a few sales beside each other are never far.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from estimator.market.arrays import BoolArray, FloatArray
from estimator.market.columns import number_column
from estimator.market.plane import KM_PER_DEGREE
from estimator.market.sales import Sales
from estimator.market.validation.parsed_sales import Finding, ParsedSales
from estimator.market.validation.reasons import FAR_PLACE, MIRRORED_PLACE, SWAPPED_PLACE, ZERO_PLACE

MIN_SALES = 20
"""With fewer located sales it is not known where the others are."""
FAR_RADII = 2.0
MIN_FAR_KM = 50.0
"""A home is far if its neighbours are farther away than this many radii of the market, in a small market than this
many kilometres. A nearer one may be in a village in the mountains, where homes are seldom sold."""
NEIGHBOURS = 3
"""A home with this many sales near it is not far from all others."""
BEYOND_RADII = 5.0
BEYOND_KM = 100.0
"""Several sales beside each other are wrong, too, if they lie farther from the middle of the market than this many
of its radii plus this many kilometres."""
_ZERO_DEGREES = 0.01
"""A kilometre: zeros that stand for an unknown place may be rounded."""


def misplaced(parsed: ParsedSales, usable: BoolArray, known: Sales | None) -> list[Finding]:
    """Return the sales whose coordinates cannot be right.

    Parameters
    ----------
    usable
        Which rows are not set aside yet, shape (n,). Rows whose only fault are their coordinates count too.
    known
        Sales that are right already, to compare with; None if there are none.
    """
    coordinates = parsed.market.coordinates
    if coordinates is None or not set(coordinates) <= set(parsed.columns):
        return []
    degrees = np.column_stack([_unbounded(parsed, name) for name in coordinates])
    located = usable & ~np.isnan(degrees).any(axis=1)
    zero = located & (np.abs(degrees) < _ZERO_DEGREES).all(axis=1)
    before = np.empty((0, 2)) if known is None else known.facts.numbers(coordinates)
    reference = np.concatenate((degrees[located & ~zero], before[~np.isnan(before).any(axis=1)]))
    findings = [
        Finding(int(row), coordinates[0], ZERO_PLACE, "0, 0 is written where a place is not known")
        for row in np.flatnonzero(zero)
    ]
    if len(reference) < MIN_SALES:
        return findings
    middle = np.median(reference, axis=0)
    if np.abs(middle).max() < 1.0:
        findings = []  # a market on the equator and the meridian of Greenwich
    rows = np.flatnonzero(located & ~zero)
    return findings + _far(rows, degrees, reference, middle, coordinates)


def _unbounded(parsed: ParsedSales, name: str) -> FloatArray:
    """Return a coordinate of every row, whether or not it is within its bounds; NaN where it is no number."""
    feature = parsed.market.by_name[name]
    if feature.column_unit and parsed.columns[name] == feature.column:
        return parsed.sales.facts[name]  # projected in the file: swapped ones are nowhere on earth
    return number_column(name, parsed.plain.column(parsed.columns[name]))[0]


def _far(
    rows: NDArray[np.intp],
    degrees: FloatArray,
    reference: FloatArray,
    middle: FloatArray,
    coordinates: tuple[str, str],
) -> list[Finding]:
    """Return those of some rows that are far from the others, and how they came to be there, where it shows."""
    distance = _kilometres(degrees[rows], middle)
    radius = float(np.quantile(_kilometres(reference, middle), 0.9))
    beyond = distance > BEYOND_RADII * radius + BEYOND_KM
    near = _plane(reference, middle)[_kilometres(reference, middle) <= BEYOND_RADII * radius + BEYOND_KM]
    bound = max(MIN_FAR_KM, FAR_RADII * radius)
    candidates = np.flatnonzero(~beyond & (distance > bound))
    if len(candidates):
        # The home itself is among the sales: its neighbours come after it.
        nearest = np.asarray(KDTree(near).query(_plane(degrees[rows[candidates]], middle), k=NEIGHBOURS + 1)[0])
        beyond[candidates] = nearest[:, -1] > bound
    findings = []
    for index in np.flatnonzero(beyond).tolist():
        row = int(rows[index])
        reason, detail = _explain(degrees[row], middle, radius, float(distance[index]))
        findings.append(Finding(row, coordinates[0], reason, detail))
    return findings


def _explain(place: FloatArray, middle: FloatArray, radius: float, distance: float) -> tuple[str, str]:
    """Return how a place far from the middle of the market may have come about."""
    within = max(3 * radius, radius + MIN_FAR_KM)
    latitude, longitude = place.tolist()
    shown = f"{latitude:.15g}, {longitude:.15g}"

    def fits(*turned: float) -> bool:
        return abs(turned[0]) <= 90.0 and _kilometres(np.array([turned]), middle)[0] <= within

    for turned in ((longitude, latitude), (-longitude, latitude), (longitude, -latitude), (-longitude, -latitude)):
        if fits(*turned):
            return SWAPPED_PLACE, f"{shown}: latitude and longitude are swapped"
    for turned in ((latitude, -longitude), (-latitude, longitude), (-latitude, -longitude)):
        if fits(*turned):
            return MIRRORED_PLACE, f"{shown}: with the other sign it is where the other sales are"
    return FAR_PLACE, f"{shown} is {distance:,.0f} km from the middle of all sales, and no other sale is near it"


def _plane(degrees: FloatArray, middle: FloatArray) -> FloatArray:
    """Return places as km north and east, shape (n, 2), the shorter way around the earth."""
    east = (degrees[:, 1] - middle[1] + 180.0) % 360.0 - 180.0
    return np.column_stack((degrees[:, 0], east * np.cos(np.radians(middle[0])))) * KM_PER_DEGREE


def _kilometres(degrees: FloatArray, middle: FloatArray) -> FloatArray:
    """Return how far places are from the middle of the market, shape (n,)."""
    away = _plane(degrees, middle) - (float(middle[0]) * KM_PER_DEGREE, 0.0)
    distance: FloatArray = np.hypot(away[:, 0], away[:, 1])
    return distance
