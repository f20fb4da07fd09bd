"""A small trained model, and a client of the application that serves it."""

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from service.settings import Settings
from tests.conftest import make_once, thin_king_county, train_small
from tests.service.ready import ready_client


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`models` with a version of King County, trained on the sales in `models/market`; for reading only."""

    def make(folder: Path) -> None:
        folder.mkdir()
        train_small(thin_king_county(folder / "market", every=30), folder)

    return make_once(tmp_path_factory, "models", make)


@pytest.fixture(scope="session")
def settings(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    jobs = tmp_path_factory.mktemp("jobs") / "jobs"
    return Settings(model=models / "king_county", max_rows=50, max_body=100_000, jobs_folder=jobs)


@pytest.fixture(scope="session")
def client(settings: Settings) -> FlaskClient:
    return ready_client(settings)
