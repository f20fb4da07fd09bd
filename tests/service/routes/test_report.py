"""`GET /report`: the training report of the served version, linked from `/model`."""

import gzip
import hashlib
import hmac
import json
import shutil
from pathlib import Path

from flask.testing import FlaskClient

from service.routes.report import REPORT_CONTENT_SECURITY_POLICY
from service.settings import Settings
from tests.service.ready import ready_client


def test_the_report_is_the_one_saved_with_the_version(client: FlaskClient, models: Path) -> None:
    path = client.get("/model").get_json()["report"]
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.mimetype == "text/html"
    assert answer.data == (models / "king_county" / "current" / "report.html").read_bytes()
    assert answer.headers.getlist("Content-Security-Policy") == [REPORT_CONTENT_SECURITY_POLICY]
    assert b"<script" not in answer.data


def test_the_report_and_the_model_agree_in_every_number_that_both_have(client: FlaskClient, models: Path) -> None:
    model = client.get("/model").get_json()
    report = json.loads((models / "king_county" / "current" / "report.json").read_text())
    for name in ("error_figures", "ratio_study", "standards", "gate"):
        assert report[name] == model[name]
    areas = {entry.pop("postal_code"): entry for entry in model["ratio_study"]["all_facts"]["areas"]}
    assert {entry["area"]: entry["study"] for entry in report["by_area"]} == areas
    html = client.get("/report").get_data(as_text=True)
    for row, entry in enumerate(model["standards"]["all_facts"]):
        if entry["value"] is not None:
            place = f'data-of="this" data-at="/standards/all_facts/{row}/value"'
            assert f'<data value="{entry["value"]}" {place}' in html


def test_a_version_without_a_report_gets_404(models: Path, tmp_path: Path) -> None:
    version = tmp_path / "version"
    shutil.copytree((models / "king_county" / "current").resolve(), version)
    manifest = json.loads((version / "manifest.json").read_text())
    del manifest["files"]["report.html"]
    (version / "manifest.json").write_text(json.dumps(manifest))
    client = ready_client(Settings(model=version))
    assert client.get("/model").get_json()["report"] is None
    answer = client.get("/report")
    assert answer.status_code == 404
    assert answer.mimetype == "application/problem+json"
    assert "has no report" in answer.get_json()["detail"]


def test_an_unsigned_report_is_not_served(models: Path, tmp_path: Path) -> None:
    version = tmp_path / "version"
    shutil.copytree((models / "king_county" / "current").resolve(), version)
    key, manifest = b"k" * 32, (version / "manifest.json").read_bytes()
    (tmp_path / "key").write_bytes(key)
    (version / "manifest.json.hmac").write_text(hmac.new(key, manifest, hashlib.sha256).hexdigest())
    client = ready_client(Settings(model=version, key_file=tmp_path / "key"))
    assert client.get("/report").status_code == 200
    (version / "report.html").write_text("forged")
    forged = json.loads(manifest)
    forged["files"]["report.html"] = hashlib.sha256(b"forged").hexdigest()
    (version / "manifest.json").write_text(json.dumps(forged))
    assert client.get("/report").status_code == 404


def test_a_report_is_compressed_and_not_sent_again(client: FlaskClient) -> None:
    plain = client.get("/report")
    packed = client.get("/report", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    again = client.get("/report", headers={"If-None-Match": plain.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    for answer in (plain, packed, again):
        assert answer.headers["Content-Security-Policy"] == REPORT_CONTENT_SECURITY_POLICY
