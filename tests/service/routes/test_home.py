"""`GET /`: the files of the page. tests/browser tests the page in a browser."""

import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient


def loaded_by(text: str) -> list[str]:
    """Return the files that a page or a module loads."""
    return re.findall(r'(?:src|href)="(home/[^"]+)"', text) + [
        f"home/{name}" for name in re.findall(r'from "\./([^"]+)"', text)
    ]


def test_the_page_loads_only_local_files_and_has_nothing_inline(client: FlaskClient) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert page.mimetype == "text/html"
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert not re.search(r"<script[^>]*>[^<]|<style| style=| on[a-z]+=", page.text)
    assert "not an appraisal" in page.text
    to_load, loaded = loaded_by(page.text), set()
    while to_load:
        path = to_load.pop()
        if path in loaded:
            continue
        loaded.add(path)
        file = client.get(f"/{path}")
        assert file.status_code == 200, path
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", file.text), path
        if path.endswith(".js"):
            assert file.mimetype == "text/javascript"
            to_load += loaded_by(file.text)
    folder = Path(__file__).parents[3] / "service" / "pages" / "home"
    assert {f"home/{file.name}" for file in folder.iterdir()} == loaded | {"home/index.html"}, "a file is not used"


@pytest.mark.parametrize("name", ["index.html", "other.js", "..%2fdocs.js", ""])
def test_other_files_are_not_served(client: FlaskClient, name: str) -> None:
    assert client.get(f"/home/{name}").status_code == 404


def test_a_matching_etag_gets_304(client: FlaskClient) -> None:
    for path in ("/", "/home/main.js", "/sales"):
        tag = client.get(path).headers["ETag"]
        again = client.get(path, headers={"If-None-Match": tag, "Accept-Encoding": "gzip"})
        assert (again.status_code, again.data) == (304, b"")
