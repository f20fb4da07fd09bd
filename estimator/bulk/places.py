"""Geometries of answers: a map of values for files of geometries, and for homes with coordinates."""

from pathlib import Path

import pyarrow as pa

from estimator.errors import DataError
from estimator.market.geometry import GEOJSON, GEOMETRY, WKB, geometry_of, with_encoding, with_points
from estimator.market.homes_file import HomesTable
from estimator.market.tables import GEO_JSON, GEO_PARQUET


def for_target(table: pa.Table, homes: HomesTable, target: Path) -> pa.Table:
    """Return answered homes as the target has them: a map with geometries, Parquet with WKB, text with GeoJSON.

    Raises
    ------
    DataError
        A map is asked for, and there are neither geometries nor coordinates, or a column has the name of theirs.
    """
    is_map = target.name.lower().endswith((GEO_JSON, GEO_PARQUET))
    if is_map and geometry_of(table.schema) is None:
        if GEOMETRY in table.column_names:
            raise DataError(f"column '{GEOMETRY}' has the name of a column of the map {target}; rename it")
        coordinates = homes.forms.market.coordinates
        if coordinates is None:
            raise DataError(f"{target}: neither the homes nor the market have locations for a map")
        facts = homes.check()[0]
        latitude, longitude = coordinates
        table = with_points(table, facts[longitude], facts[latitude])
    return with_encoding(table, WKB if target.name.lower().endswith("parquet") else GEOJSON)
