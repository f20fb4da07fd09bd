"""Convert a file's column into the unit of its fact: m² into ft², projected coordinates into degrees.

Only a column under the name that the market declares as `column` is converted. A value under the fact's own name
is in the fact's unit.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from estimator.errors import MarketError
from estimator.market.arrays import FloatArray
from estimator.market.column_units import unit_factor
from estimator.market.columns import Problem, number_column
from estimator.market.feature import Feature


def convert_columns(
    features: Sequence[Feature], table: pa.Table, found: Mapping[str, str]
) -> dict[str, tuple[pa.ChunkedArray, list[Problem]]]:
    """Convert the columns of a file that have another unit than their facts.

    Parameters
    ----------
    features
        The facts.
    table
        The file's n rows.
    found
        Feature name → its column in the file.

    Returns
    -------
    dict
        Feature name → its values in the fact's unit, n floats, and the cells that are no numbers; only facts whose
        column has another unit.

    Raises
    ------
    MarketError
        As `degrees`.
    """
    numbers: dict[str, FloatArray] = {}
    problems: dict[str, list[Problem]] = {}
    wanted = [each for each in features if each.column_unit and found.get(each.name) == each.column]
    for feature in wanted:
        cells = table.column(feature.column)
        numbers[feature.name], problems[feature.name] = number_column(feature.name, cells)
        if not feature.fact_kind.is_coordinate:
            numbers[feature.name] = numbers[feature.name] * unit_factor(feature.column_unit, feature.unit)
    places = {each.kind: each for each in wanted if each.fact_kind.is_coordinate}
    if len(places) == 2:
        latitude, longitude = places["latitude"], places["longitude"]
        numbers[latitude.name], numbers[longitude.name] = degrees(
            latitude.column_unit, numbers[longitude.name], numbers[latitude.name]
        )
    return {
        name: (pa.chunked_array([pa.array(values, from_pandas=True)]), problems[name])
        for name, values in numbers.items()
    }


def degrees(code: str, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return latitude and longitude (WGS 84) of projected coordinates, each of shape (n,); NaN where unknown.

    Parameters
    ----------
    code
        The system of the coordinates, as `EPSG:2926`.
    x, y
        Easting and northing, in the system's unit.

    Raises
    ------
    MarketError
        The optional package pyproj is not installed, or it knows no such system.
    """
    try:
        import pyproj  # noqa: PLC0415
    except ImportError as error:
        raise MarketError(
            "projected coordinates need pyproj, which is not installed: run"
            " `pip install 'house-price-estimator[projected]'`"
        ) from error
    try:
        transformer = pyproj.Transformer.from_crs(code, "EPSG:4326", always_xy=True)
    except pyproj.exceptions.CRSError as error:
        raise MarketError(f"column_unit '{code}': there is no such system of coordinates") from error
    longitude, latitude = transformer.transform(x, y)
    outside = ~np.isfinite(latitude) | ~np.isfinite(longitude)
    latitude[outside] = longitude[outside] = np.nan
    return latitude, longitude
