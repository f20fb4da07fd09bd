"""`GET /report/versions`: the saved versions, and the report of one beside that of the served version."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from estimator.report.files import read_report
from estimator.report.page import render
from estimator.report.versions import MAX_VERSIONS, reported_versions
from estimator.signing import sign
from service.http.cached_body import CachedBody
from service.http.problems import ProblemError
from service.routes.report import REPORT_CONTENT_SECURITY_POLICY
from service.routes.report_versions import Comparisons
from service.settings import Settings
from tests.service.ready import ready_client

OLDER, OUTDATED, BARE = (
    "20200101T000000.000000Z-older",
    "20200102T000000.000000Z-outdated",
    "20200103T000000Z-bare",
)


@pytest.fixture(scope="module")
def several(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A market's folder with a served version, an older one, one with an outdated report, and one without."""
    folder = tmp_path_factory.mktemp("several") / "king_county"
    served = (models / "king_county" / "current").resolve()
    for name in (served.name, OLDER, OUTDATED, BARE):
        shutil.copytree(served, folder / name)
    (folder / "current").symlink_to(served.name)
    (folder / OUTDATED / "report.json").write_text('{"format": 0}')
    for name, digest in ((OUTDATED, hashlib.sha256(b'{"format": 0}').hexdigest()), (BARE, None)):
        manifest = json.loads((folder / name / "manifest.json").read_text())
        manifest["files"]["report.json"] = digest
        if digest is None:
            del manifest["files"]["report.json"]
        (folder / name / "manifest.json").write_text(json.dumps(manifest))
    (folder / "20200104T000000Z-broken").mkdir()
    (folder / "20200104T000000Z-broken" / "manifest.json").write_text("{")
    return folder


@pytest.fixture(scope="module")
def client(several: Path) -> FlaskClient:
    return ready_client(Settings(model=several))


def test_versions_with_a_report_are_listed_with_links_the_newest_first(client: FlaskClient, several: Path) -> None:
    answer = client.get("/report/versions")
    assert answer.headers["Content-Security-Policy"] == REPORT_CONTENT_SECURITY_POLICY
    html, served = answer.get_data(as_text=True), (several / "current").resolve().name
    assert f"{served} (served)" in html
    assert html.index(served) < html.index(f'href="versions/{OUTDATED}"') < html.index(f'href="versions/{OLDER}"')
    assert BARE not in html
    assert "broken" not in html
    (first, *_) = reported_versions(several)
    manifest = json.loads((several / "current" / "manifest.json").read_text())
    assert (first.mdape, first.created) == (manifest["error_figures"]["all_facts"]["mdape"], manifest["created"])
    assert f"{first.mdape:.2f}%" in html


def test_a_version_is_compared_with_the_served_one_as_the_command_does_it(
    client: FlaskClient, several: Path
) -> None:
    answer = client.get(f"/report/versions/{OLDER}")
    assert answer.status_code == 200
    report = read_report(several)
    assert answer.get_data(as_text=True) == render(report, report)
    again = client.get(f"/report/versions/{OLDER}", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


@pytest.mark.parametrize("name", [BARE, "current", "..", "20200104T000000Z-broken", "nothing"])
def test_what_is_no_version_with_a_report_gets_404(client: FlaskClient, name: str) -> None:
    answer = client.get(f"/report/versions/{name}")
    assert answer.status_code == 404
    assert answer.mimetype == "application/problem+json"


def test_an_outdated_report_gets_404_with_what_to_do(client: FlaskClient) -> None:
    answer = client.get(f"/report/versions/{OUTDATED}")
    assert answer.status_code == 404
    assert "has format 0 and this program reads" in answer.get_json()["detail"]
    assert "train it again" in answer.get_json()["detail"]


def test_with_a_key_only_signed_versions_are_listed_and_a_long_list_is_cut(several: Path, tmp_path: Path) -> None:
    key, name = b"k" * 32, (several / "current").resolve().name
    folder = tmp_path / "market"
    shutil.copytree(several / name, folder / name)
    assert reported_versions(folder, key) == ()
    manifest = (folder / name / "manifest.json").read_bytes()
    (folder / name / "manifest.json.hmac").write_text(sign(key, manifest))
    assert [version.name for version in reported_versions(folder, key)] == [name]
    for index in range(MAX_VERSIONS):
        (folder / f"2019-{index}").mkdir()
        (folder / f"2019-{index}" / "manifest.json").write_bytes(manifest)
    assert len(reported_versions(folder)) == MAX_VERSIONS
    assert len(reported_versions(folder, key)) == 1


def test_a_second_comparison_does_not_wait_for_the_first_one(several: Path) -> None:
    """A thread that waits values no homes; what was drawn once is answered all the same."""
    folder = (several / "current").resolve()
    comparisons = Comparisons(None)
    drawn = comparisons._kept[folder, several / OLDER] = CachedBody(b"drawn before", "text/html")
    with comparisons._drawing:
        assert comparisons.get(folder, several / OLDER) is drawn
        with pytest.raises(ProblemError, match="another comparison is being drawn") as error:
            comparisons.get(folder, folder)
    assert (error.value.code, dict(error.value.get_headers())["Retry-After"]) == (503, "5")
