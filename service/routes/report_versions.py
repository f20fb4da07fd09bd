"""`GET /report/versions`: the saved versions, each with a link to its report beside that of the served version.

A comparison is drawn by a process of its own, with low priority, so that a worker keeps little memory and
valuations do not wait for it.
"""

import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from flask import Blueprint, Response, abort, request
from jinja2 import Environment, PackageLoader, StrictUndefined

from estimator.report.versions import MAX_VERSIONS, reported_versions
from service.http.cached_body import CachedBody
from service.http.problems import BUSY, ProblemError
from service.live_model import LiveModel
from service.routes.report import REPORT_CONTENT_SECURITY_POLICY

VERSIONS_PATH = "/report/versions"

COMPARISONS_KEPT = 4
"""Comparisons that a worker keeps, of about half a megabyte each, compressed: a reader goes back and forth."""

RETRY_SECONDS = "5"
"""When to ask again while another comparison is drawn: about as long as that takes."""
DRAWING_SECONDS = 60
"""A comparison is drawn in about five seconds; on a busy machine it may take longer, but not for ever."""

_HTML = "text/html; charset=utf-8"
_DRAW = "import os; os.nice(10); from estimator.cli import main; main()"
_PAGES = Environment(loader=PackageLoader("service", "pages"), autoescape=True, undefined=StrictUndefined)


def report_versions_routes(live: LiveModel, key_file: Path | None, key: bytes | None) -> Blueprint:
    """Return the routes; with a key, only versions that are signed with it are listed and compared."""
    routes = Blueprint("report_versions", __name__)
    comparisons = Comparisons(key_file)
    page = _PAGES.get_template("versions.html")

    @routes.get(VERSIONS_PATH)
    def versions() -> Response:
        snapshot = live.snapshot()
        listed = reported_versions(snapshot.folder.parent, key)
        html = page.render(served=snapshot.version, versions=listed, most=MAX_VERSIONS)
        return _with_policy(CachedBody(html.encode(), _HTML).answer(request))

    @routes.get(f"{VERSIONS_PATH}/<version>")
    def compare(version: str) -> Response:
        snapshot = live.snapshot()
        names = {entry.name for entry in reported_versions(snapshot.folder.parent, key)}
        if version not in names or snapshot.version not in names:
            abort(404, f"there is no report of version '{version}' to compare with that of {snapshot.version}")
        return _with_policy(comparisons.get(snapshot.folder, snapshot.folder.parent / version).answer(request))

    return routes


class Comparisons:
    """Draws comparisons, one at a time, and keeps the last ones.

    Parameters
    ----------
    key_file
        File of the key that the versions must be signed with, if any.
    """

    def __init__(self, key_file: Path | None) -> None:
        self._key_file = key_file
        self._kept: dict[tuple[Path, Path], CachedBody] = {}
        self._drawing = threading.Lock()

    def get(self, folder: Path, other: Path) -> CachedBody:
        """Return the page of two versions.

        Raises
        ------
        ProblemError
            Another comparison is being drawn (503): requests that wait would keep threads from valuing homes.
        NotFound
            The reports cannot be compared (404).
        """
        pair = folder, other
        body = self._kept.get(pair)
        if body is None:
            if not self._drawing.acquire(blocking=False):
                raise ProblemError(
                    BUSY, "another comparison is being drawn", headers={"Retry-After": RETRY_SECONDS}
                )
            try:
                body = self._kept[pair] = CachedBody(_draw(folder, other, self._key_file), _HTML)
            finally:
                self._drawing.release()
            for oldest in list(self._kept)[:-COMPARISONS_KEPT]:
                self._kept.pop(oldest, None)
        return body


def _with_policy(answer: Response) -> Response:
    answer.headers["Content-Security-Policy"] = REPORT_CONTENT_SECURITY_POLICY
    return answer


def _draw(folder: Path, other: Path, key_file: Path | None) -> bytes:
    """Return the page of two versions, drawn by the command `report`; 404 with its message if it cannot."""
    key = [] if key_file is None else ["--key-file", str(key_file)]
    with tempfile.TemporaryDirectory() as temporary:
        target = Path(temporary) / "comparison.html"
        command = [sys.executable, "-c", _DRAW, "report", "--model", str(folder), "--compare", str(other)]
        try:
            run = subprocess.run(  # noqa: S603  # paths of folders that were listed
                [*command, *key, str(target)], capture_output=True, text=True, timeout=DRAWING_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise ProblemError(BUSY, f"the comparison was not drawn within {DRAWING_SECONDS} seconds") from None
        if run.returncode != 0:
            why = run.stderr.strip().rpartition("\n")[2].removeprefix("Error: ")
            abort(404, f"the reports cannot be compared: {why}")
        return target.read_bytes()
