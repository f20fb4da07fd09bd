"""Networks and trials that are trained by the processes of a real Dask cluster on this machine."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from estimator.cluster import connect
from estimator.errors import LostProcessError
from estimator.model.recipe import RECIPE
from estimator.model.trials import TRIALS
from estimator.registry import APPRAISER, TEACHER
from tests.conftest import environment, run_command
from tests.town import make_town

distributed = pytest.importorskip("distributed", reason="needs the optional group `dask`")

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # Dask's own warnings are Dask's


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Address of the scheduler of two worker processes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", environment()["PYTHONPATH"])
        with distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0", host="127.0.0.1"
        ) as cluster:
            yield cluster.scheduler_address


@pytest.fixture
def town(tmp_path: Path) -> Path:
    """A folder with a market of 200 sales whose recipe has three small networks."""
    make_town(tmp_path / "town", 200, places=True)
    (tmp_path / "town" / RECIPE).write_text("epochs = 4\nnetworks = 3\nwidth = 16\n")
    return tmp_path


def test_a_cluster_trains_the_model_of_one_machine(town: Path, address: str) -> None:
    versions = {}
    for name, options in (("here", []), ("cluster", ["--cluster", address])):
        run = run_command(
            "train", "--market", town / "town", "--models", town / name, "--publish-anyway", *options
        )
        assert run.exit_code == 0, run.output
        versions[name] = town / name / "town" / "current"
    for file in (APPRAISER, TEACHER):
        assert (versions["cluster"] / file).read_bytes() == (versions["here"] / file).read_bytes()
    epochs = [
        [
            (epoch["network"], epoch["epoch"], epoch["train_loss"])
            for epoch in json.loads((version / "report.json").read_text())["learning"]
        ]
        for version in versions.values()
    ]
    assert epochs[0] == epochs[1]
    assert {epoch[0] for epoch in epochs[0]} == {1, 2, 3}


def test_a_cluster_finds_the_settings_of_one_machine(town: Path, address: str) -> None:
    pytest.importorskip("optuna", reason="needs the optional group `tune`")
    found = []
    for studies, options in (("here", ["--jobs", "1"]), ("cluster", ["--cluster", address])):
        run = run_command(
            "tune", "--market", town / "town", "--studies", town / studies, "--trials", "4", *options
        )
        assert run.exit_code == 0, run.output
        found.append([(town / "town" / name).read_text() for name in (RECIPE, TRIALS)])
    assert found[0] == found[1]


def test_jobs_of_this_machine_and_a_cluster_exclude_each_other(town: Path, address: str) -> None:
    run = run_command("tune", "--market", town / "town", "--jobs", "2", "--cluster", address)
    assert run.exit_code == 2
    assert "--jobs is for this machine" in run.output


def test_an_address_without_a_scheduler_is_an_error(town: Path) -> None:
    address = "tcp://127.0.0.1:9"
    run = run_command("train", "--market", town / "town", "--models", town / "models", "--cluster", address)
    assert run.exit_code == 2
    assert f"{address}: no Dask scheduler answers here" in run.output
    assert not (town / "models").exists()


def test_work_that_ends_every_worker_is_an_error_of_the_cluster(address: str) -> None:
    with pytest.raises(LostProcessError, match="ended during the work"), connect(address) as client:
        client.submit(os._exit, 1).result()
    with connect(address) as client:
        client.wait_for_workers(2, 60)  # a cluster that is closed while it starts a new worker fails
