"""Value a data set of Parquet files with Ray Data: `python bulk_ray.py MODEL HOMES ANSWERS`.

The model's folder must be under the same path on every machine, and the package installed there.
"""

import sys
from functools import partial
from pathlib import Path

import ray

from estimator.bulk.frames import value_arrow
from estimator.bulk.model import source_of
from estimator.registry import load_version


def main(model: str, homes: str, answers: str) -> None:
    """Value batch after batch; a worker process loads the model once, and checks its hash."""
    source = source_of(load_version(Path(model)))
    value = partial(value_arrow, source=source, threads=1)  # Ray gives each core a task of its own
    table = ray.data.read_parquet(homes)
    table.map_batches(value, batch_format="pyarrow", batch_size=8192).write_parquet(answers)


if __name__ == "__main__":
    main(*sys.argv[1:])
