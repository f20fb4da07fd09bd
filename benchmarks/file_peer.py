"""The plainest script that values a file with LightGBM: `benchmarks.speed` compares `house-price predict` with it.

    python -m benchmarks.file_peer fit SALES.csv.gz MODEL.txt
    python -m benchmarks.file_peer value MODEL.txt IN.csv|.parquet OUT.csv|.parquet

Needs the dependency group `peers`.
"""

import os
import sys

import lightgbm
import numpy as np
import pandas as pd

N_TREES = 600
NOT_FACTS = ["id", "date", "price"]


def fit(sales: str, target: str) -> None:
    """Train on all sales, and save the trees."""
    table = pd.read_csv(sales)
    model = lightgbm.LGBMRegressor(n_estimators=N_TREES, learning_rate=0.05, verbosity=-1)
    model.fit(table.drop(columns=NOT_FACTS), np.log(table["price"]))
    model.booster_.save_model(target)


def value(model: str, source: str, target: str) -> None:
    """Value the homes of a file, and write them with their prices."""
    booster = lightgbm.Booster(model_file=model)
    homes = pd.read_csv(source) if source.endswith(".csv") else pd.read_parquet(source)
    threads = len(os.sched_getaffinity(0))
    homes["price"] = np.exp(booster.predict(homes[booster.feature_name()], num_threads=threads)).round(2)
    if target.endswith(".csv"):
        homes.to_csv(target, index=False)
    else:
        homes.to_parquet(target)


if __name__ == "__main__":
    if sys.argv[1] == "fit":
        fit(*sys.argv[2:])
    else:
        value(*sys.argv[2:])
