"""Files valued by the processes of a real Dask cluster on this machine."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.conftest import KING_COUNTY, environment, run_command

distributed = pytest.importorskip("distributed", reason="needs the optional group `dask`")

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # Dask's own warnings are Dask's
N_FILES = 12


@pytest.fixture(scope="module")
def parcels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A partitioned data set: sold homes in files of some thousand rows."""
    sales = pd.read_csv(KING_COUNTY / "sales.csv.gz")
    sales.loc[::500, "sqft_living"] = -1
    folder = tmp_path_factory.mktemp("data") / "parcels"
    for number in range(N_FILES):
        (folder / f"part={number}").mkdir(parents=True)
        sales.iloc[number::6].to_parquet(folder / f"part={number}" / "homes.parquet", index=False)
    return folder


@pytest.fixture(scope="module")
def local(small_models: Path, parcels: Path) -> dict[str, bytes]:
    """The answers of a run on this machine alone."""
    assert run_command("predict", "--model", small_models, parcels, parcels.parent / "local").exit_code == 0
    return contents(parcels.parent / "local")


@pytest.fixture(params=[2, 1])
def cluster(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A scheduler and worker processes, each with one thread."""
    monkeypatch.setenv("PYTHONPATH", environment()["PYTHONPATH"])
    with distributed.LocalCluster(
        n_workers=request.param, threads_per_worker=1, dashboard_address="127.0.0.1:0", host="127.0.0.1"
    ) as cluster:
        yield cluster


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder and of the folders in it."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_cluster_gives_the_answers_of_one_machine_even_if_a_worker_is_killed(
    small_models: Path, parcels: Path, local: dict[str, bytes], cluster: Any, tmp_path: Path
) -> None:
    valued = tmp_path / "valued"
    command = [sys.executable, "-m", "estimator", "predict", "--model", str(small_models)]
    command += ["--cluster", cluster.scheduler_address, str(parcels), str(valued)]
    process = subprocess.Popen(
        command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    if len(cluster.workers) == 2:
        while process.poll() is None and len(list(valued.rglob("homes.parquet"))) < 3:
            time.sleep(0.01)
        os.kill(cluster.workers[0].pid, signal.SIGKILL)
    out, errors = process.communicate()
    assert process.returncode == 0, errors
    assert contents(valued) == local
    n = sum(len(pd.read_parquet(path, columns=["error"])) for path in valued.rglob("*.parquet"))
    failed = sum((pd.read_parquet(path)["error"] != "").sum() for path in valued.rglob("*.parquet"))
    assert out == f"valued {n - failed:,} homes, {failed:,} with an error: {valued}\n"
    assert "column square_footage: " in errors


def test_an_address_without_a_scheduler_is_an_error(small_models: Path, parcels: Path, tmp_path: Path) -> None:
    address = "tcp://127.0.0.1:9"
    run = run_command("predict", "--model", small_models, "--cluster", address, parcels, tmp_path / "out")
    assert run.exit_code == 2
    assert f"{address}: no Dask scheduler answers here" in run.output
