"""The trials of a search for settings, as a table beside a market's recipe: `tune` writes it, reports show it."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from estimator.atomic_file import replace_atomically
from estimator.errors import DataError
from estimator.model.recipe import Settings

TRIALS = "trials.csv"
"""Name of the file next to it, with the trials of the search that found the recipe."""
LOG_RMSE = "log_rmse"
"""Its last column: on the validation sales; empty where training with the settings failed."""


def write_trials(folder: Path, trials: Sequence[Settings]) -> Path:
    """Write the trials of a search, the settings and the `LOG_RMSE` of each, best first; return the file's path.

    Raises
    ------
    DataError
        The file cannot be written.
    """
    file = folder / TRIALS
    table = pd.DataFrame(list(trials)).replace(math.inf, math.nan).sort_values(LOG_RMSE, kind="stable")
    try:
        with replace_atomically(file) as temporary:
            temporary.write(table.to_csv(index=False).encode())
    except OSError as error:
        raise DataError(f"{file}: {error}") from error
    return file


def read_trials(folder: Path) -> list[dict[str, float | None]]:
    """Return the trials of the search that found a market's recipe, best first; empty if there was no search.

    Raises
    ------
    DataError
        The file was not written by `write_trials`.
    """
    file = folder / TRIALS
    try:
        table = pd.read_csv(file, dtype=np.float64)
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise DataError(f"{file}: {error}") from error
    return [
        {str(name): None if math.isnan(value) else float(value) for name, value in row.items()}
        for row in table.to_dict("records")
    ]
