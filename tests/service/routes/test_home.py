"""The page's files and `GET /sales`; what the page does in a browser is tried in `tests/browser`."""

import gzip
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from openapi_schema_validator import OAS31Validator

from estimator.registry import load_version
from estimator.training import train_market
from service.settings import Settings
from tests.service.ready import ready_client
from tests.town import make_town


def loaded_by(text: str) -> list[str]:
    """Return the files that a page or a module loads."""
    return re.findall(r'(?:src|href)="(home/[^"]+)"', text) + [
        f"home/{name}" for name in re.findall(r'from "\./([^"]+)"', text)
    ]


def test_the_page_and_its_files_come_from_this_server_and_hold_no_script_or_style(client: FlaskClient) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert page.mimetype == "text/html"
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert not re.search(r"<script[^>]*>[^<]|<style| style=| on[a-z]+=", page.text)
    assert "not an appraisal" in page.text
    waiting, seen = loaded_by(page.text), set()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        file = client.get(f"/{path}")
        assert file.status_code == 200, path
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", file.text), path
        if path.endswith(".js"):
            assert file.mimetype == "text/javascript"
            waiting += loaded_by(file.text)
    folder = Path(__file__).parents[3] / "service" / "pages" / "home"
    assert {f"home/{file.name}" for file in folder.iterdir()} == seen | {"home/index.html"}, "no file is left over"


@pytest.mark.parametrize("name", ["index.html", "other.js", "..%2fdocs.js", ""])
def test_nothing_else_is_served_beside_them(client: FlaskClient, name: str) -> None:
    assert client.get(f"/home/{name}").status_code == 404


def test_the_sold_homes_are_those_the_model_knows(client: FlaskClient, models: Path) -> None:
    told = client.get("/sales").get_json()
    sold = load_version(models / "king_county").appraiser.sold
    assert sold is not None
    assert told["count"] == len(sold) > 500
    assert (told["size_name"], told["size_unit"], told["currency"]) == ("square_footage", "ft²", "USD")
    for name, column in (
        ("latitude", sold.facts["latitude"]),
        ("longitude", sold.facts["longitude"]),
        ("size", sold.facts["square_footage"]),
        ("price", sold.price),
    ):
        np.testing.assert_array_equal(told[name], column)
    assert told["date"] == [str(day) for day in sold.date]  # type: ignore[union-attr]
    assert told["date"] == sorted(told["date"])
    assert told["model_version"] == client.get("/model").get_json()["model_version"]


def test_whoever_takes_gzip_gets_the_same_in_fewer_bytes(client: FlaskClient) -> None:
    plain = client.get("/sales")
    zipped = client.get("/sales", headers={"Accept-Encoding": "br, gzip"})
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(zipped.data) == plain.data
    assert len(zipped.data) < len(plain.data) / 3
    assert "Content-Encoding" not in plain.headers
    for answer in (plain, zipped):
        assert "Accept-Encoding" in answer.headers["Vary"]
    refused = client.get("/sales", headers={"Accept-Encoding": "gzip;q=0"})
    assert refused.data == plain.data


def test_what_a_client_has_is_not_sent_again(client: FlaskClient) -> None:
    for path in ("/", "/home/main.js", "/sales"):
        tag = client.get(path).headers["ETag"]
        again = client.get(path, headers={"If-None-Match": tag, "Accept-Encoding": "gzip"})
        assert (again.status_code, again.data) == (304, b"")


@pytest.fixture(scope="module", params=[False, True], ids=["without places", "with places, without dates"])
def town(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    folder = tmp_path_factory.mktemp("town")
    make_town(folder, places=request.param)
    return ready_client(Settings(model=train_market(folder, None, folder, split=None, seed=0).folder))


def test_another_markets_sold_homes_are_described_too(town: FlaskClient) -> None:
    told = town.get("/sales").get_json()
    described(town).validate(told)
    assert (told["size_name"], told["size_unit"], told["currency"]) == ("size", "m²", "SEK")
    columns = [told[name] for name in ("latitude", "longitude", "price", "size", "date")]
    assert {len(column) for column in columns} == {told["count"]}
    placed = any(feature["kind"] == "latitude" for feature in town.get("/model").get_json()["features"])
    assert (told["count"] > 0) == placed
    assert set(told["date"]) <= {None}


def test_the_sold_homes_are_as_described(client: FlaskClient) -> None:
    told = client.get("/sales").get_json()
    described(client).validate(told)
    document = client.get("/openapi.json").get_json()
    assert list(told) == list(document["components"]["schemas"]["Sales"]["properties"]), "no key goes undescribed"


def described(client: FlaskClient) -> Any:
    document = json.loads(client.get("/openapi.json").data)
    schema = document["paths"]["/sales"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    return OAS31Validator(schema | {"components": document["components"]})
