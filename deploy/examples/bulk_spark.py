"""Value a data set of Parquet files with Spark: `spark-submit bulk_spark.py MODEL HOMES ANSWERS`.

The model's folder must be under the same path on every machine, and the package installed there.
"""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd
from pyspark.sql import SparkSession
from pyspark.sql.types import StructType

from estimator.bulk.frames import value_frame, value_frames
from estimator.bulk.model import source_of
from estimator.registry import load_version


def main(model: str, homes: str, answers: str) -> None:
    """Value the frames of each task; a worker process loads the model once, and checks its hash."""
    source = source_of(load_version(Path(model)))
    spark = SparkSession.builder.appName("house prices").getOrCreate()
    table = spark.read.parquet(homes)

    def value(frames: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        return value_frames(frames, source)

    first = table.limit(1).toPandas()
    added = value_frame(first, source).columns[len(first.columns) :]
    numbers = ("price", "low", "high", "fsd", "probability_within_10")
    types = {f"valuation_{name}": "double" for name in numbers}
    schema = StructType(list(table.schema.fields))
    for name in added:
        schema.add(name, types.get(name, "string"))
    table.mapInPandas(value, schema).write.parquet(answers)
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
