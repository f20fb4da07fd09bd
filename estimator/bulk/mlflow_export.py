"""A saved version as an MLflow model, which MLflow's tools serve, register and apply to tables.

Needs the optional packages of the group `mlflow`. MLflow stores a pickled object of this module beside the
version; load such a folder only if you trust whoever wrote it.
"""

import importlib.metadata
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

import estimator
from estimator.appraiser import CONFIDENCE
from estimator.bulk.frames import value_frame
from estimator.bulk.model import source_of
from estimator.errors import DataError
from estimator.registry import APPRAISER, MANIFEST, SavedVersion, load_version

_VERSION = "version"
"""Name of the artifact with the saved version."""


def export_mlflow(saved: SavedVersion, target: Path) -> None:
    """Write a version as an MLflow model with a copy of this package; `target` must not exist.

    The model takes a DataFrame of homes and returns it with their answers; its parameter `confidence` is that of
    the ranges.

    Raises
    ------
    DataError
        MLflow is not installed, or the folder exists or cannot be written.
    """
    try:
        import mlflow.pyfunc  # noqa: PLC0415
        from mlflow.models import ModelSignature  # noqa: PLC0415
        from mlflow.types import ParamSchema, ParamSpec  # noqa: PLC0415
    except ImportError as error:
        raise DataError(
            "this export needs MLflow, which is not installed: run `pip install 'house-price-estimator[mlflow]'`"
        ) from error
    if target.exists():
        raise DataError(f"{target}: there is something here already; name a folder that does not exist")
    confidence = ParamSpec("confidence", "double", CONFIDENCE)
    with tempfile.TemporaryDirectory() as folder:
        version = Path(folder) / _VERSION
        version.mkdir()
        for name in (APPRAISER, MANIFEST):
            shutil.copy(saved.folder / name, version)
        try:
            mlflow.pyfunc.save_model(
                target,
                python_model=_pyfunc(),
                artifacts={_VERSION: str(version)},
                code_paths=[str(Path(estimator.__file__).parent)],
                pip_requirements=_requirements(),
                signature=ModelSignature(params=ParamSchema([confidence])),
            )
        except OSError as error:
            raise DataError(f"{target}: {error}") from error


def _pyfunc() -> Any:
    """Return the object that MLflow asks; its class is made here, since it needs MLflow."""
    import mlflow.pyfunc  # noqa: PLC0415

    class HousePrices(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # MLflow is untyped here
        """Values homes with the version among its artifacts."""

        def load_context(self, context: Any) -> None:
            self.source = source_of(load_version(Path(context.artifacts[_VERSION])))

        def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:  # noqa: ARG002
            return value_frame(model_input, self.source, (params or {}).get("confidence", CONFIDENCE), None)

    return HousePrices()


def _requirements() -> list[str]:
    """Return what the package needs, in the versions that are installed here."""
    names = ["numpy", "scipy", "pandas", "pyarrow", "joblib", "orjson", "threadpoolctl", "mlflow-skinny"]
    return [f"{name}=={importlib.metadata.version(name)}" for name in names]
