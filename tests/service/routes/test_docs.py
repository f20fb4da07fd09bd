"""`GET /docs`: the page loads files of this server only."""

import re

import pytest
from flask.testing import FlaskClient


def test_the_page_loads_only_local_files_and_has_no_inline_script(client: FlaskClient) -> None:
    page = client.get("/docs", buffered=True).text
    loaded = re.findall(r'<(?:link|script)[^>]* (?:src|href)="([^"]+)"', page)
    assert len(loaded) >= 5
    assert re.findall(r'<a href="([^"]+)"', page)[:2] == ["./#value", "./#listings"], (
        "the way back to the web page"
    )
    for path in loaded:
        assert "//" not in path
        assert client.get(f"/{path}", buffered=True).status_code == 200
    assert not re.search(r"<script[^>]*>[^<]", page)


@pytest.mark.parametrize("name", ["swagger-ui.js", "..%2fflask_swagger_ui.py", "docs.html", "index.css"])
def test_other_files_of_those_folders_are_not_served(client: FlaskClient, name: str) -> None:
    assert client.get(f"/docs/{name}").status_code == 404
