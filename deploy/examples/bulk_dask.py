"""Value a data set of Parquet files on a Dask cluster: `python bulk_dask.py SCHEDULER MODEL HOMES ANSWERS`.

For files alone, `house-price predict --cluster` does the same. This is the way in a pipeline of one's own.
"""

import sys
from pathlib import Path

import dask.dataframe as dd
from distributed import Client

from estimator.bulk.frames import value_frame
from estimator.bulk.model import source_of
from estimator.registry import load_version


def main(scheduler: str, model: str, homes: str, answers: str) -> None:
    """Value each partition where it is; a worker loads the model once, and checks its hash."""
    with Client(scheduler):
        source = source_of(load_version(Path(model)))
        frame = dd.read_parquet(homes)
        schema = value_frame(frame._meta, source)  # a frame without rows: names and types
        frame.map_partitions(value_frame, source, meta=schema).to_parquet(answers)


if __name__ == "__main__":
    main(*sys.argv[1:])
