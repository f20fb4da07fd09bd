"""Metrics: requests, outcomes, the served version, drift."""

import os
import re
import time
from pathlib import Path

import numpy as np
import pytest
from flask.testing import FlaskClient

from estimator.market.facts import Facts
from service import metrics
from service.settings import Settings
from tests.service.homes import FAR, HOME
from tests.service.ready import ready_client


def figures(client: FlaskClient) -> dict[str, float]:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain; version=")
    lines = re.findall(r"^([a-z_]+(?:\{[^}]*\})?) (\S+)$", answer.text, re.MULTILINE)
    return {name: float(value) for name, value in lines}


def added(client: FlaskClient, before: dict[str, float]) -> dict[str, float]:
    return {name: value - before.get(name, 0) for name, value in figures(client).items()}


def test_requests_are_counted_by_route_and_status_never_by_path(client: FlaskClient) -> None:
    before = figures(client)
    client.post("/predict", json=HOME)
    client.post("/predict", json={})
    for path in ("/secret/1", "/secret/2", "/docs/none", "/problems/none"):
        client.get(path)
    client.open("/predict", method="BREW")
    now = added(client, before)
    assert now['estimator_requests_total{method="POST",route="/predict",status="200"}'] == 1
    assert now['estimator_requests_total{method="POST",route="/predict",status="422"}'] == 1
    assert now['estimator_requests_total{method="GET",route="unmatched",status="404"}'] == 2
    assert now['estimator_requests_total{method="GET",route="/docs/<name>",status="404"}'] == 1
    assert now['estimator_requests_total{method="other",route="unmatched",status="405"}'] == 1
    assert now['estimator_request_seconds_count{route="/predict"}'] == 2
    assert "secret" not in client.get("/metrics").text


def test_homes_are_counted_by_outcome(client: FlaskClient) -> None:
    before = figures(client)
    client.post("/predict", json=HOME)
    client.post("/predict", json=[HOME, FAR, {}, 3])
    client.post("/predict", json=FAR)
    client.post("/predict", json={})
    names = ",".join(HOME)
    rows = [",".join(map(str, home.values())) for home in (HOME, FAR, HOME | {"latitude": 1})]
    client.post("/predict/batch", data="\n".join([names, *rows]), content_type="text/csv")
    now = added(client, before)
    assert now["estimator_rows_valued_total"] == 3
    assert now['estimator_rows_refused_total{reason="out-of-reach"}'] == 3
    assert now['estimator_rows_refused_total{reason="invalid-facts"}'] == 4


def test_metrics_have_the_served_version_and_its_age(settings: Settings) -> None:
    client = ready_client(
        settings
    )  # a new one, because the gauges show the last model that was loaded in the process
    version = client.get("/model").get_json()["model_version"]
    now = figures(client)
    assert now[f'estimator_workers_serving{{model_version="{version}"}}'] == 1
    assert 0 <= now["estimator_model_age_seconds"] < 3600
    assert now["estimator_model_created_timestamp_seconds"] == pytest.approx(time.time(), abs=3600)


def test_drift_is_the_mean_of_inputs_in_training_standard_deviations(client: FlaskClient) -> None:
    key = '{fact="square_footage"}'
    before = figures(client)
    homes = [HOME | {"square_footage": size} for size in (900, 1400, 2500)]
    client.post("/predict", json=[*homes, {"square_footage": 19_000}])
    now = added(client, before)
    snapshot = client.application.extensions["live_model"].snapshot()
    mean, deviation = snapshot.input_statistics["square_footage"].values()
    expected = ((np.array([900, 1400, 2500]) - mean) / deviation).sum()
    assert now["estimator_input_count" + key] == 3
    assert now["estimator_input_deviation_sum" + key] == pytest.approx(expected)
    total = figures(client)
    assert total["estimator_input_drift" + key] == pytest.approx(
        total["estimator_input_deviation_sum" + key] / total["estimator_input_count" + key]
    )


def test_unknown_inputs_are_not_counted() -> None:
    inputs = {"never_counted": {"mean": 100.0, "standard_deviation": 10.0}}
    metrics.observe_inputs(Facts({"never_counted": np.array([np.nan, 90.0])}), np.array([True, False]), inputs)
    assert b'fact="never_counted"' not in metrics.exposition()


def test_failed_loads_are_exported(settings: Settings) -> None:
    assert "estimator_failed_loads_total" in figures(ready_client(settings))


def test_the_empty_file_of_a_worker_that_has_just_started_is_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(metrics.FOLDER, str(tmp_path))
    (tmp_path / f"counter_{os.getpid()}.db").touch()
    assert metrics.exposition().startswith(b"# HELP")


def test_inputs_reach_the_metrics_without_a_scrape_of_their_process(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = {"seen_later": {"mean": 100.0, "standard_deviation": 10.0}}
    metrics.observe_inputs(Facts({"seen_later": np.array([90.0, 130.0])}), np.array([True, True]), inputs)
    monkeypatch.setattr(metrics, "flush", lambda: None)
    deadline = time.monotonic() + 30
    while (seen := re.search(rb'estimator_input_drift{fact="seen_later"} (\S+)', metrics.exposition())) is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert float(seen[1]) == pytest.approx(1.0)


def test_inputs_of_a_long_list_are_kept_no_longer_than_their_request() -> None:
    waiting = metrics._WaitingInputs()
    n = metrics.MAX_WAITING_HOMES + 1
    inputs = {"long_list": {"mean": 0.0, "standard_deviation": 1.0}}
    waiting.add(Facts({"long_list": np.ones(n)}), np.ones(n, np.bool_), inputs)
    assert waiting._waiting == []
    assert f'estimator_input_count{{fact="long_list"}} {float(n)}'.encode() in metrics.exposition()
