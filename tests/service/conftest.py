"""A small real model, trained once, and the application that serves it."""

from pathlib import Path

import pandas as pd
import pytest
from flask import Flask
from flask.testing import FlaskClient

from estimator.training import train_market
from service.app import create_app
from service.live_model import LiveModel
from service.settings import Settings

KING_COUNTY = Path(__file__).parents[2] / "data" / "king_county"

HOME = {"latitude": 47.6, "longitude": -122.3, "square_footage": 1800, "crime_rate": 5000, "population": 30000}


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
def app(settings: Settings) -> Flask:
    app = create_app(settings)
    assert live_model(app).wait(30)
    return app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def live_model(app: Flask) -> LiveModel:
    live = app.extensions["live_model"]
    assert isinstance(live, LiveModel)
    return live
