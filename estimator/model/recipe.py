"""How the networks are built and trained: the defaults, and a market's `recipe.toml` that overrides some of them.

The file is flat, one setting per line, for people to read and edit. `tune` writes it, `train` reads it. Knows no
sales.
"""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from estimator.atomic_file import replace_atomically
from estimator.errors import DataError
from estimator.model.losses import LOSSES

RECIPE = "recipe.toml"
"""The file's name, in the market's folder."""

Settings = dict[str, Any]
"""Name of a setting of `Recipe` → its value."""

BY_SIZE = 0
"""Value of `networks`: as many as `Recipe.for_sales` chooses."""
MANY_NETWORKS, FEW_NETWORKS = 8, 4
"""Networks by default where training is short, and elsewhere. See benchmarks/DECISIONS.md, "Number of
networks"."""
MAX_FACTS_OF_MANY = 150_000
"""`MANY_NETWORKS` are trained up to this number of training sales × facts. King County has nearly twice as many,
so its `FEW_NETWORKS` take as long."""

MIN_BATCH_SIZE = 16
"""With fewer sales in a step its gradient is mostly noise."""


@dataclass(frozen=True)
class Recipe:
    """How the networks are built and trained. The defaults were chosen on validation sales.

    What each was compared with: benchmarks/DECISIONS.md, "Number of networks", "Members of a network", "Width of
    the networks", "Epochs and learning-rate schedule", "Patience", "Training sales with facts withheld" and
    "Losses of the networks".

    Parameters
    ----------
    networks
        Trained in parallel and averaged: more of them make a price depend less on the seed. 0: chosen by the
        numbers of sales and facts, see `for_sales`.
    members
        In each network; they share most of their weights.
    depth, width
        Hidden layers, and neurons in each.
    waves, waves_width, waves_sigma
        Trained waves per number, what they are projected to, and the scale of their initial frequencies.
    losses
        Names of losses in `LOSSES`, one per network in turn: by default the first network is trained on the RMSE,
        the second on Huber's loss, the third on the RMSE again. All are validated by the RMSE.
    equity_weight
        ρ of the penalty ρ·Cov(error, log price)² on values that are too low for expensive homes and too high for
        cheap ones, both standardised; 0 for none. `house-price equity` shows what a weight gains and costs.
    learning_rate, weight_decay
        Of AdamW.
    batch_size
        Sales in a step, at most.
    least_steps
        Steps in an epoch, at least, with smaller batches if necessary: a few hundred sales would otherwise make
        two steps per epoch, too few to learn anything.
    epochs
        Passes over the sales, at most; the validation sales choose the best one.
    patience
        Epochs without a better validation loss before a network's training stops.
    clip_norm
        Largest norm of a step's gradient, so that one odd sale does not dominate it.
    withheld_share
        Share of the training sales that is used a second time with facts withheld.
    student
        Whether one network, which the trained ones teach, values homes in their place.
    keep_teacher
        Whether these are saved beside it, for `--teacher`.
    """

    networks: int = BY_SIZE
    members: int = 4
    depth: int = 3
    width: int = 128
    waves: int = 24
    waves_width: int = 8
    waves_sigma: float = 0.2
    losses: tuple[str, ...] = ("rmse", "huber")
    equity_weight: float = 0.0
    learning_rate: float = 1.5e-3
    weight_decay: float = 1e-2
    batch_size: int = 256
    least_steps: int = 50
    epochs: int = 30
    patience: int = 8
    clip_norm: float = 1.0
    withheld_share: float = 0.3
    student: bool = True
    keep_teacher: bool = True

    def for_sales(self, n: int, n_facts: int) -> "Recipe":
        """Return the recipe with the number of networks for n training sales with some facts each."""
        if self.networks != BY_SIZE:
            return self
        return replace(self, networks=MANY_NETWORKS if n * n_facts <= MAX_FACTS_OF_MANY else FEW_NETWORKS)

    def as_dict(self) -> Settings:
        """Return the settings as JSON and TOML store them."""
        return asdict(self) | {"losses": list(self.losses)}


DEFAULTS = Recipe()


BOUNDS: Mapping[str, tuple[float, float]] = {
    "networks": (BY_SIZE, 32),
    "members": (1, 64),
    "depth": (1, 16),
    "width": (1, 2048),
    "waves": (1, 256),
    "waves_width": (1, 64),
    "waves_sigma": (1e-4, 100.0),
    "equity_weight": (0.0, 1000.0),
    "learning_rate": (1e-6, 1.0),
    "weight_decay": (0.0, 10.0),
    "batch_size": (MIN_BATCH_SIZE, 65_536),
    "least_steps": (1, 10_000),
    "epochs": (1, 1000),
    "patience": (1, 1000),
    "clip_norm": (1e-3, 1000.0),
    "withheld_share": (0.0, 1.0),
}
"""Smallest and largest value of each number in a file: far beyond what was useful in any market, but narrow enough
to catch a typing error before it becomes a training of days.
"""

_TYPE_NAMES = {int: "a whole number", float: "a number"}


def read_settings(folder: Path) -> Settings:
    """Read the settings that a market's folder declares; none if it has no `recipe.toml`.

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
        return {name: _check_setting(name, value) for name, value in declared.items()}
    except DataError as error:
        raise DataError(f"{file}: {error}") from error


def read_recipe(folder: Path) -> Recipe:
    """Return the defaults, overridden by the settings in a market's folder; raises as `read_settings`."""
    return replace(DEFAULTS, **read_settings(folder))


def read_remarks(folder: Path) -> str:
    """Return the comment lines of a market's `recipe.toml` as one text; empty if there is no file."""
    file = folder / RECIPE
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return " ".join(line.lstrip("# ").rstrip() for line in lines if line.startswith("#"))


def write_settings(folder: Path, settings: Settings, remarks: str) -> Path:
    """Write a market's `recipe.toml` atomically, with remarks as comment lines at its top; return its path.

    Raises
    ------
    DataError
        The file cannot be written.
    """
    file = folder / RECIPE
    lines = [f"# {line}" for line in remarks.splitlines()]
    lines += [f"{name} = {_toml(value)}" for name, value in settings.items()]
    try:
        with replace_atomically(file) as temporary:
            temporary.write(("\n".join(lines) + "\n").encode())
    except OSError as error:
        raise DataError(f"{file}: {error}") from error
    return file


def _check_setting(name: str, value: object) -> int | float | tuple[str, ...]:
    """Return a declared value after checking its setting's name, type and bounds."""
    types = {field.name: field.type for field in fields(Recipe)}
    if name not in types:
        raise DataError(f"unknown setting '{name}'; known settings are {', '.join(types)}")
    if name == "losses":
        return _check_losses(value)
    if types[name] is bool:
        if not isinstance(value, bool):
            raise DataError(f"'{name}' is {_toml(value)}; it must be true or false")
        return value
    number_type = float if types[name] is float else int
    low, high = BOUNDS[name]
    # bool is an int in Python, but not in TOML; a whole number is valid where a number is.
    is_number = isinstance(value, (int, number_type)) and not isinstance(value, bool)
    if not (isinstance(value, (int, float)) and is_number and low <= value <= high):
        raise DataError(
            f"'{name}' is {_toml(value)}; it must be {_TYPE_NAMES[number_type]} from {low:g} to {high:g}"
        )
    return number_type(value)


def _check_losses(value: object) -> tuple[str, ...]:
    """Return the declared names of losses."""
    if not (isinstance(value, list) and value and all(name in list(LOSSES) for name in value)):
        raise DataError(f"'losses' is {_toml(value)}; it must be a list of one or more of {', '.join(LOSSES)}")
    return tuple(value)


def _toml(value: object) -> str:
    """Return a setting's value as TOML writes it."""
    return repr(value) if isinstance(value, float) else json.dumps(value, default=str, ensure_ascii=False)
