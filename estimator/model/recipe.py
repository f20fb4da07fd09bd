"""How the networks are built and trained: the defaults, and the `recipe.toml` in which a market may have its own.

The file is flat, and a person's to read and to change: a line a setting. `tune` writes it, `train` reads it. Knows
no sales and no networks.
"""

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from estimator.errors import DataError
from estimator.market.tables import replace_whole

RECIPE = "recipe.toml"
"""The file's name, in the market's folder."""

TRIALS = "trials.csv"
"""The file beside it, of what was tried before it was found."""
LOG_RMSE = "log_rmse"
"""Its last column: of the validation sales; empty where nothing could be learned by the settings."""

Settings = dict[str, Any]
"""Name of a setting of `Recipe` → its value, an int or a float."""

LEAST_BATCH = 16
"""Fewer sales than this in a step make its gradient mostly noise."""


@dataclass(frozen=True)
class Recipe:
    """How the network is built and trained; chosen on King County's validation sales.

    Parameters
    ----------
    networks
        Trained side by side, and averaged. On validation sales (King County by time and at random, with the
        story's facts at random, and Ames; two seeds each) the log RMSE is .17 % lower with two than with one, .1 %
        lower with four than with two, and .06 % with eight than with four; and what one network makes of a home,
        but not the others, moves its price .7 times as far with twice as many.
    members
        In each network; 16 lowered the log RMSE by .0005 and took twice as long.
    depth, width
        Hidden layers and neurons in each. Of 96 neurons, four networks were .15 to .25 % further off (King County
        by time and at random, and Ames; one seed), of 64 .3 to .7 %.
    waves, waves_width, waves_sigma
        Trained waves a number, what they are mixed into, and where their frequencies start.
    learning_rate, weight_decay
        Of AdamW.
    batch_size
        Sales in a step, at most.
    least_steps
        Steps in an epoch, at least, in smaller batches: some hundred sales would otherwise be learned
        from in two steps an epoch, too few to learn anything.
    epochs
        Passes over the sales, at most. Without dropout, which made the errors larger, it begins to fit them too
        closely after 4 to 25; the validation sales decide. Planned for 6, 10 or 15, so that the rate falls to 0
        sooner, networks are more alike, and four of them .2 to 2.3 % further off (the same sales).
    patience
        Passes without a better validation loss before a network's training stops. In 24 trainings of King
        County, Ames and California a better one never came more than 7 passes after the one before it.
    clip_norm
        Longest gradient of a step, so that one odd sale does not throw the network.
    withheld_share
        Sales learned from once more with facts withheld, for each sale. Without any, the error on homes with
        only place and size is a quarter higher (.254 for .205 log RMSE at random, one seed).
    """

    networks: int = 8
    members: int = 8
    depth: int = 3
    width: int = 128
    waves: int = 24
    waves_width: int = 8
    waves_sigma: float = 0.2
    learning_rate: float = 1.5e-3
    weight_decay: float = 1e-2
    batch_size: int = 256
    least_steps: int = 50
    epochs: int = 30
    patience: int = 8
    clip_norm: float = 1.0
    withheld_share: float = 0.3


DEFAULTS = Recipe()


BOUNDS: Mapping[str, tuple[float, float]] = {
    "networks": (1, 32),
    "members": (1, 64),
    "depth": (1, 16),
    "width": (1, 2048),
    "waves": (1, 256),
    "waves_width": (1, 64),
    "waves_sigma": (1e-4, 100.0),
    "learning_rate": (1e-6, 1.0),
    "weight_decay": (0.0, 10.0),
    "batch_size": (LEAST_BATCH, 65_536),
    "least_steps": (1, 10_000),
    "epochs": (1, 1000),
    "patience": (1, 1000),
    "clip_norm": (1e-3, 1000.0),
    "withheld_share": (0.0, 1.0),
}
"""Least and greatest value of each setting in a file. A share is a share, a count is at least one; the rest leaves
room far beyond what has been of use in any market, and tells a slip of the pen from a training of days.
"""

_KINDS = {int: "a whole number", float: "a number"}


def read_settings(folder: Path) -> Settings:
    """Read the settings that a market's folder declares; none where it has no `recipe.toml`.

    Raises
    ------
    DataError
        The file is not TOML, or a setting in it is unknown, of the wrong type or out of bounds.
    """
    file = folder / RECIPE
    try:
        declared = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"{file}: {error}") from error
    try:
        return {name: _checked(name, value) for name, value in declared.items()}
    except DataError as error:
        raise DataError(f"{file}: {error}") from error


def read_recipe(folder: Path) -> Recipe:
    """Read a market's recipe: the defaults, but for the settings that its folder declares; raises the same."""
    return replace(DEFAULTS, **read_settings(folder))


def read_remarks(folder: Path) -> str:
    """Return what a market's `recipe.toml` says to people above its settings; nothing where there is none."""
    file = folder / RECIPE
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return " ".join(line.lstrip("# ").rstrip() for line in lines if line.startswith("#"))


def write_settings(folder: Path, settings: Settings, remarks: str) -> Path:
    """Write a market's `recipe.toml`, whole or not at all, with remarks for people above; return its path.

    Raises
    ------
    DataError
        The file cannot be written.
    """
    file = folder / RECIPE
    lines = [f"# {line}" for line in remarks.splitlines()]
    lines += [f"{name} = {value!r}" for name, value in settings.items()]
    try:
        with replace_whole(file) as beside:
            beside.write(("\n".join(lines) + "\n").encode())
    except OSError as error:
        raise DataError(f"{file}: {error}") from error
    return file


def write_trials(folder: Path, trials: Sequence[Settings]) -> Path:
    """Write what was tried, settings and `LOG_RMSE` of each, best first; return the file's path.

    Raises
    ------
    DataError
        The file cannot be written.
    """
    file = folder / TRIALS
    table = pd.DataFrame(list(trials)).replace(math.inf, math.nan).sort_values(LOG_RMSE, kind="stable")
    try:
        with replace_whole(file) as beside:
            beside.write(table.to_csv(index=False).encode())
    except OSError as error:
        raise DataError(f"{file}: {error}") from error
    return file


def read_trials(folder: Path) -> list[dict[str, float | None]]:
    """Return what was tried before the market's recipe was found, best first; nothing where it was not searched.

    Raises
    ------
    DataError
        The file is not one that `write_trials` wrote.
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


def _checked(name: str, value: object) -> int | float:
    """Return a declared value after checking its setting's name, type and bounds."""
    kinds = {field.name: field.type for field in fields(Recipe)}
    if name not in kinds:
        raise DataError(f"'{name}' is no setting; known are {', '.join(kinds)}")
    kind = float if kinds[name] is float else int
    least, greatest = BOUNDS[name]
    # bool is an int to Python, not to a reader of the file; a whole number is a number to both.
    number = isinstance(value, (int, kind)) and not isinstance(value, bool)
    if not (isinstance(value, (int, float)) and number and least <= value <= greatest):
        raise DataError(f"'{name}' is {value!r}; it takes {_KINDS[kind]} from {least:g} to {greatest:g}")
    return kind(value)
