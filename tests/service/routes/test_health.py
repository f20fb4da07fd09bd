"""Liveness and readiness."""

from pathlib import Path

from flask.testing import FlaskClient

from service.app import create_app
from service.settings import Settings
from tests.service.homes import HOME


def test_a_server_with_its_model_is_alive_and_ready(client: FlaskClient) -> None:
    assert client.get("/livez").status_code == 200
    assert client.get("/readyz").status_code == 200


def test_a_server_without_a_model_is_alive_but_not_ready(tmp_path: Path) -> None:
    client = create_app(Settings(model=tmp_path / "nothing")).test_client()
    assert client.get("/livez").status_code == 200
    for answer in (
        client.get("/readyz"),
        client.get("/model"),
        client.get("/openapi.json"),
        client.post("/predict", json=HOME),
    ):
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "1"
        assert answer.get_json(force=True)["type"] == "/problems/not-ready"
