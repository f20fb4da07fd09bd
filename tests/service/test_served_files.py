"""A real server reads files of every shape. What it says of others is tested with its routes."""

import csv
import io
import urllib.request
from pathlib import Path

import pytest

from tests.file_shapes import N_HOMES, READ, king_county_sales, text
from tests.service.test_server import TIMEOUT_SECONDS, Server, running

pytestmark = pytest.mark.slow


def values(server: Server, path: str, content: bytes) -> dict[str, tuple[str, str]]:
    """Post a file; return home → its value and its error."""
    headers = {"Content-Type": "text/csv", "Accept": "text/csv"}
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}{path}", content, headers)
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
        header, *rows = csv.reader(io.StringIO(answer.read().decode()))
    names = [name.strip().lower() for name in header]
    homes = [dict(zip(names, cells, strict=True)) for cells in rows]
    return {home["id"].strip(): (home["valuation_price"], home["error"]) for home in homes}


@pytest.mark.parametrize("path", ["/predict/batch", "/screen"])
def test_homes_in_text_of_any_shape_get_the_values_of_the_plain_one(models: Path, path: str) -> None:
    homes = king_county_sales(N_HOMES)
    with running(models) as server:
        plain = values(server, path, text(homes))
        assert sum(price != "" for price, _ in plain.values()) >= 0.9 * N_HOMES
        different = [name for name, shape in READ.items() if values(server, path, shape(homes)) != plain]
    assert different == []
