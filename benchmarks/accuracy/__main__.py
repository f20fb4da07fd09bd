"""`python -m benchmarks.accuracy run`, then `table`; `tune` before them, once. See `--help`."""

# ruff: noqa: E402 - the environment comes first

import os

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"  # before any library starts its threads

from benchmarks.accuracy.cli import cli

if __name__ == "__main__":
    cli()
