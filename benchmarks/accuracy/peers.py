"""The models that are compared: ours and its peers. Libraries are imported when they are used."""

import importlib.metadata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from benchmarks.accuracy import boosting, linear, nearest, networks, ours
from benchmarks.accuracy.model_inputs import Fit

Variant = Literal["plain", "comparables", "whole"]
"""Inputs of a model: facts only (`plain`), with features of comparables, or facts for our own model (`whole`)."""

VARIANTS: tuple[Variant, ...] = get_args(Variant)
WITH_AND_WITHOUT: tuple[Variant, ...] = ("plain", "comparables")

OURS = "ours"


@dataclass(frozen=True)
class Peer:
    """A model that is compared.

    Parameters
    ----------
    title
        Name in the table.
    fit
        Function that trains it.
    packages
        Packages whose versions can change its predictions.
    variants
        Inputs it is trained with.
    seeds
        Maximum number of seeds: one where nothing is random or a training takes hours.
    """

    title: str
    fit: Fit
    packages: tuple[str, ...]
    variants: tuple[Variant, ...] = WITH_AND_WITHOUT
    seeds: int = 3

    def versions(self) -> dict[str, str]:
        """Return the installed versions of the packages, or `absent`."""
        return {name: version(name) for name in self.packages}


def version(package: str) -> str:
    """Return the installed version of a package, or `absent`."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "absent"


PEERS: Mapping[str, Peer] = {
    OURS: Peer("this project", ours.fit_ours, ("numpy",), variants=("whole",)),
    "nearest": Peer("nearest comparables alone", nearest.fit_nearest, ("scipy",), variants=("plain",), seeds=1),
    "ridge": Peer("ridge regression", linear.fit_ridge, ("scikit-learn",), seeds=1),
    "mlp": Peer("MLPRegressor", linear.fit_mlp, ("scikit-learn",)),
    "histogram": Peer("HistGradientBoosting", linear.fit_histogram_boosting, ("scikit-learn",)),
    "lightgbm": Peer("LightGBM", boosting.fit_lightgbm, ("lightgbm",)),
    "xgboost": Peer("XGBoost", boosting.fit_xgboost, ("xgboost-cpu",)),
    "catboost": Peer("CatBoost", boosting.fit_catboost, ("catboost",)),
    "realmlp": Peer("RealMLP-TD", networks.fit_realmlp, ("pytabkit", "torch")),
    "tabm": Peer("TabM", networks.fit_tabm, ("pytabkit", "torch"), seeds=1),
}
"""Name → model, in the order of the table."""
