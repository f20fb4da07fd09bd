"""About how many rows a file has, for showing the time that is left."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from estimator.market.tables import CSV_SUFFIXES

_SAMPLE_BYTES = 1 << 20
"""Start of a file of text whose lines are counted."""


def expected_rows(path: Path) -> int | None:
    """Return about how many rows a file has; None if that cannot be known without reading it."""
    name = path.name.lower()
    try:
        if name.endswith(("parquet",)):
            return int(pq.read_metadata(path).num_rows)
        if name.endswith(CSV_SUFFIXES) and not name.endswith(".gz"):
            with path.open("rb") as file:
                sample = file.read(_SAMPLE_BYTES)
            lines = sample.count(b"\n")
            return max(round(lines * path.stat().st_size / len(sample)) - 1, 0) if lines else None
    except (OSError, pa.ArrowInvalid):
        pass  # whoever reads the file says what is wrong with it
    return None
