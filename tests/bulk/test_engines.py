"""The examples for Dask, Spark and Ray give the values of a run on one machine, with the real engines."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from estimator.bulk.predict import predict_file
from estimator.registry import load_version
from tests.conftest import KING_COUNTY, ROOT, environment

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
EXAMPLES = ROOT / "deploy" / "examples"
N_FILES = 4


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sold homes in files of some thousand rows, some of which cannot be valued."""
    sales = pd.read_csv(KING_COUNTY / "sales.csv.gz").head(8000)
    sales["row"] = range(len(sales))
    sales.loc[::500, "sqft_living"] = -1
    folder = tmp_path_factory.mktemp("engines") / "homes"
    folder.mkdir()
    for number in range(N_FILES):
        sales.iloc[number::N_FILES].to_parquet(folder / f"{number}.parquet", index=False)
    return folder


@pytest.fixture(scope="module")
def expected(small_models: Path, homes: Path) -> pd.DataFrame:
    """Their answers, by row."""
    appraiser = load_version(small_models).appraiser
    target = homes.parent / "expected.parquet"
    frames = []
    for path in homes.iterdir():
        predict_file(appraiser, path, target)
        frames.append(pd.read_parquet(target))
    return pd.concat(frames).sort_values("row", ignore_index=True)


@pytest.mark.parametrize("engine", ["dask", "pyspark", "ray"])
def test_an_engine_gives_the_same_answers(
    small_models: Path, homes: Path, expected: pd.DataFrame, tmp_path: Path, engine: str
) -> None:
    if importlib.util.find_spec(engine) is None or (engine == "pyspark" and shutil.which("java") is None):
        pytest.skip(f"{engine} is not installed: `make engines` installs it")
    paths = [str(small_models), str(homes), str(tmp_path / "answers")]
    variables = {"PYTHONWARNINGS": "ignore", "RAY_DEDUP_LOGS": "1"}
    if engine == "dask":
        distributed = pytest.importorskip("distributed")
        with distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, dashboard_address="127.0.0.1:0", host="127.0.0.1", env=environment()
        ) as cluster:
            command = [sys.executable, str(EXAMPLES / "bulk_dask.py"), cluster.scheduler_address, *paths]
            run = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    else:
        name = "bulk_spark.py" if engine == "pyspark" else "bulk_ray.py"
        variables |= {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
        command = [sys.executable, str(EXAMPLES / name), *paths]
        run = subprocess.run(command, env=environment(**variables), capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    found = pd.concat([pd.read_parquet(path) for path in sorted((tmp_path / "answers").rglob("*.parquet"))])
    found = found.sort_values("row", ignore_index=True)
    pd.testing.assert_frame_equal(found[expected.columns], expected, check_dtype=False, check_exact=True)
