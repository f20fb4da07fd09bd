"""The files of a saved version's report: writing them, and reading the numbers back."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from estimator.appraiser import Appraiser
from estimator.errors import SavedVersionError
from estimator.registry import read_version_file
from estimator.report import NUMBERS, PAGE
from estimator.report.collect import FORMAT
from estimator.report.page import render
from estimator.report.price_index import price_index


def report_files(report_data: dict[str, Any], version: str) -> dict[str, bytes]:
    """Return the files of a version's report as name → content, from what `collect` returned."""
    report = {"version": version, **report_data}
    return {NUMBERS: json.dumps(report, allow_nan=False).encode(), PAGE: render(report).encode()}


def refreshed_report(
    report: Mapping[str, Any], appraiser: Appraiser, entries: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the data of the report of a refreshed version, for `report_files`.

    Price index and gate are the new ones. All other figures stay those of the training.

    Parameters
    ----------
    report
        The report of the version that was refreshed.
    appraiser
        The refreshed appraiser.
    entries
        The entries `refreshed` and `gate` of the new version's manifest.
    """
    kept = {name: value for name, value in report.items() if name != "version"}
    return kept | dict(entries) | {"price_index": price_index(appraiser)}


def read_report(path: Path, key: bytes | None = None) -> dict[str, Any]:
    """Return the numbers of a version's report; `path` and `key` are as in `load_version`.

    Raises
    ------
    SavedVersionError
        The version does not exist, was saved without a report, its report was changed, or has a format that this
        program cannot read.
    """
    report: dict[str, Any] = json.loads(read_version_file(path, NUMBERS, key))
    if report.get("format") != FORMAT:
        raise SavedVersionError(
            f"{path}: the saved report has format {report.get('format')!r} and this program reads format "
            f"{FORMAT}: train it again with `house-price train`"
        )
    return report
