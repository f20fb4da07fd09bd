"""A small real model, trained once, and the application that serves it."""

from pathlib import Path

import pandas as pd
import pytest
from flask.testing import FlaskClient

from estimator.training import train_market
from service.settings import Settings
from tests.service.ready import ready_client

KING_COUNTY = Path(__file__).parents[2] / "data" / "king_county"


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a version of King County, learned from every 30th of its sales."""
    folder = tmp_path_factory.mktemp("models")
    sales = pd.read_csv(KING_COUNTY / "sales.csv.gz", dtype=str).iloc[::30]
    sales.to_csv(folder / "sales.csv", index=False)
    train_market(KING_COUNTY, folder / "sales.csv", folder, split=None, seed=0)
    return folder


@pytest.fixture(scope="session")
def settings(models: Path) -> Settings:
    return Settings(model=models / "king_county", max_rows=50, max_body=100_000)


@pytest.fixture(scope="session")
def client(settings: Settings) -> FlaskClient:
    return ready_client(settings)
