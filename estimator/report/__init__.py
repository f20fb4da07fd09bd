"""The training report: what a careful owner wants to know before publishing a model.

`collect` collects every number as plain values when a training has just been evaluated; `render` makes the page of
those values alone. Both are saved in the version; `read_report` has them back.
"""

import json
from pathlib import Path
from typing import Any

from estimator.errors import SavedVersionError
from estimator.registry import read_beside
from estimator.report.collect import FORMAT, collect
from estimator.report.page import render
from estimator.report.recorder import Recorder

NUMBERS, PAGE = "report.json", "report.html"


def report_files(evidence: dict[str, Any], version: str) -> dict[str, bytes]:
    """Return the files of a version's report: name → content; evidence: what `collect` returned."""
    report = {"version": version, **evidence}
    return {NUMBERS: json.dumps(report, allow_nan=False).encode(), PAGE: render(report).encode()}


def read_report(path: Path) -> dict[str, Any]:
    """Return the numbers of a version's report; the path is as in `load_version`.

    Raises
    ------
    SavedVersionError
        There is no such version, it was saved without a report, the report was changed since, or is of a format
        that this program does not know.
    """
    report: dict[str, Any] = json.loads(read_beside(path, NUMBERS))
    if report.get("format") != FORMAT:
        raise SavedVersionError(
            f"{path}: the report has format {report.get('format')!r}; this program reads format {FORMAT}"
        )
    return report


__all__ = ["NUMBERS", "PAGE", "Recorder", "collect", "read_report", "render", "report_files"]
