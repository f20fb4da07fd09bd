"""Reports are saved with a version and read back."""

import json
from pathlib import Path

import pytest

from estimator.appraiser import Appraiser
from estimator.errors import SavedVersionError
from estimator.registry import publish, save_version
from estimator.report import NUMBERS
from estimator.report.collect import FORMAT
from estimator.report.files import read_report
from estimator.report.page import render
from tests.conftest import estimator
from tests.report.page_parser import Report


@pytest.mark.training
def test_the_report_command_renders_the_report_of_a_saved_version(town: Path, tmp_path: Path) -> None:
    run = estimator("report", "--model", town, tmp_path / "out.html", "--compare", town.parent)
    assert (run.returncode, run.stderr, run.stdout) == (0, "", f"written to {tmp_path / 'out.html'}\n")
    report = read_report(town)
    assert (tmp_path / "out.html").read_text(encoding="utf-8") == render(report, report)


def test_a_missing_changed_or_outdated_report_is_refused(appraiser: Appraiser, tmp_path: Path) -> None:
    def save(report: Report) -> Path:
        return save_version(tmp_path / "market", appraiser, {}, lambda _: {NUMBERS: json.dumps(report).encode()})

    with pytest.raises(SavedVersionError, match=f"has format 0 and this program reads format {FORMAT}: train"):
        read_report(save({"format": 0}))
    version = save({"format": FORMAT})
    assert read_report(version) == {"format": FORMAT}
    (version / NUMBERS).write_text("{}")
    with pytest.raises(SavedVersionError, match=r"report\.json: the file was changed"):
        read_report(version)
    publish(save_version(tmp_path / "market", appraiser, {}))
    run = estimator("report", "--model", tmp_path / "market", tmp_path / "out.html")
    assert run.returncode == 2
    assert "the version was saved without report.json; train it again" in run.stderr
    assert not (tmp_path / "out.html").exists()
