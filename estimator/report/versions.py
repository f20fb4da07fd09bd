"""The saved versions of a market that have a report, for choosing one to compare with."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from estimator.assessment.evaluation import ALL_FACTS
from estimator.registry import MANIFEST, SIGNATURE
from estimator.report import NUMBERS
from estimator.report.numbers import measure_name
from estimator.signing import is_signature

MAX_VERSIONS = 30
"""Versions that are listed, the newest ones: each manifest that is read takes some milliseconds."""


@dataclass(frozen=True)
class ReportedVersion:
    """A saved version with a report.

    Parameters
    ----------
    name, created
        As in its manifest.
    passed
        Whether it passed the gate; None if it was saved without one.
    refreshed
        Whether it was made from another one by new sales.
    mdape, coverage
        On the test sales with all facts, in percent; None where there is none.
    not_met
        Standards that are not met; None if it was saved without standards.
    """

    name: str
    created: str
    passed: bool | None
    refreshed: bool
    mdape: float | None
    coverage: float | None
    not_met: tuple[str, ...] | None


def reported_versions(folder: Path, key: bytes | None = None) -> tuple[ReportedVersion, ...]:
    """Return the versions of `models/<market>` that have a report, the newest first, at most `MAX_VERSIONS`.

    Parameters
    ----------
    key
        If given, versions that are not signed with it are left out.
    """
    names = sorted((path.parent.name for path in folder.glob(f"*/{MANIFEST}")), reverse=True)
    found = (version for name in names for version in _read(folder / name, key))
    return tuple(version for version, _ in zip(found, range(MAX_VERSIONS), strict=False))


def _read(folder: Path, key: bytes | None) -> Iterator[ReportedVersion]:
    """Give a version if its manifest can be read and it has a report."""
    if folder.name.startswith(".") or folder.is_symlink():
        return
    try:
        text = (folder / MANIFEST).read_bytes()
        if key is not None and not is_signature((folder / SIGNATURE).read_text("ascii"), key, text):
            return
        manifest: Mapping[str, Any] = json.loads(text)
        if NUMBERS not in manifest["files"]:
            return
        figures = manifest["error_figures"][ALL_FACTS]
        standards = manifest.get("standards")
        yield ReportedVersion(
            folder.name,
            manifest["created"],
            manifest["gate"]["passed"] if manifest.get("gate") else None,
            bool(manifest.get("refreshed")),
            figures["mdape"],
            figures["coverage"],
            None
            if standards is None
            else tuple(measure_name(entry["name"]) for entry in standards[ALL_FACTS] if entry["met"] is False),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return  # what cannot be read cannot be compared with
