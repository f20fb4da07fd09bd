"""`GET /search`: places by what people know of them, and addresses by a stand-in for a geocoder."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest
from flask.testing import FlaskClient
from openapi_schema_validator import OAS31Validator

from estimator.registry import load_version
from estimator.training import train_market
from service.settings import Settings
from tests.service.ready import ready_client
from tests.town import make_town


def search(client: FlaskClient, text: str, status: int = 200, **parameters: str) -> Any:
    answer = client.get("/search", query_string={"q": text, **parameters})
    assert answer.status_code == status, answer.text
    return json.loads(answer.data)


def found(client: FlaskClient, text: str) -> list[tuple[str, str]]:
    return [(place["found_by"], place["label"]) for place in search(client, text)["places"]]


def test_places_are_found_by_what_people_know_of_them(client: FlaskClient, models: Path) -> None:
    sold = load_version(models / "king_county").appraiser.sold
    assert sold is not None
    assert sold.sale_id is not None
    assert found(client, "47°36'N, 122°18'W") == [("coordinates", "47.6, -122.3")]
    assert found(client, "98103") == [("postal_code", "98103 Seattle")]
    assert [kind for kind, _ in found(client, "981")] == ["postal_code"] * 8
    (city,) = search(client, " bellEVUE")["places"]
    assert (city["found_by"], city["label"]) == ("city", "Bellevue")
    assert (city["latitude"], city["longitude"]) == pytest.approx((47.6, -122.15), abs=0.05)
    (home,) = search(client, str(sold.sale_id[5]))["places"]
    assert home["found_by"] == "sale"
    assert home["facts"]["square_footage"] in sold.facts["square_footage"][sold.sale_id == sold.sale_id[5]]
    assert found(client, "Atlantis") == found(client, "9") == []


def test_areas_are_labelled_where_their_homes_were_sold(client: FlaskClient) -> None:
    sales = client.get("/sales").get_json()
    areas = sales["areas"]
    assert len(areas["postal_code"]) == len(areas["name"]) == len(areas["count"]) > 50
    assert sum(areas["count"]) == sales["count"]
    at = areas["postal_code"].index("98103")
    assert areas["name"][at] == "Seattle"
    assert (areas["latitude"][at], areas["longitude"][at]) == pytest.approx((47.673, -122.342), abs=0.02)


@pytest.mark.training
def test_addresses_of_the_sales_are_found(tmp_path: Path) -> None:
    """A market whose sales have an address column, which is no fact and resembles none."""
    make_town(tmp_path, places=True)
    market, sales = tmp_path / "market.toml", tmp_path / "sales.csv"
    lines = sales.read_text(encoding="utf-8").splitlines()
    named = [f"{lines[0]},site", *(f"{line},No {row}. Harbour St" for row, line in enumerate(lines[1:]))]
    sales.write_text("\n".join(named) + "\n", encoding="utf-8")
    market.write_text(
        market.read_text(encoding="utf-8").replace("[[features]]", 'address = "site"\n\n[[features]]', 1)
    )
    client = ready_client(Settings(model=train_market(tmp_path, None, tmp_path, split=None, seed=0).folder))
    (home,) = search(client, " no 77.  harbour")["places"]
    assert (home["found_by"], home["label"]) == ("address", "No 77. Harbour St")
    sold = client.get("/sales").get_json()
    assert home["latitude"] in sold["latitude"]
    assert "quarter" in home["facts"]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"q": " "}, "q is missing"),
        ({"q": "x" * 501}, "q has 501 characters; the maximum is 500"),
        ({"q": "x", "geocode": "yes"}, "geocode: 'yes' is neither true nor false"),
        ({"q": "x", "near": "1"}, "'near' is not a parameter of /search; the parameters are q, geocode"),
    ],
)
def test_wrong_parameters_are_named(client: FlaskClient, parameters: dict[str, str], message: str) -> None:
    answer = client.get("/search", query_string=parameters)
    assert answer.status_code == 400
    assert answer.get_json()["detail"].startswith(message)


ANSWERS: dict[str, Any] = {
    "nominatim": [{"display_name": "1 Pine St", "lat": "47.61", "lon": "-122.34"}],
    "photon": {
        "features": [
            {"geometry": {"type": "Point", "coordinates": [-122.34, 47.61]}, "properties": {"name": "1 Pine St"}}
        ]
    },
    "google": {
        "results": [{"formatted_address": "1 Pine St", "geometry": {"location": {"lat": 47.61, "lng": -122.34}}}]
    },
    "elsewhere": [{"display_name": "1 Pine St, Portland", "lat": "45.5", "lon": "-122.6"}],
    "odd": {"results": [None, {"lat": "north", "lon": []}, {"lat": 10**400, "lon": 1}, 7]},
}


@contextmanager
def geocoder() -> Iterator[tuple[str, list[str]]]:
    """Run a stand-in for a geocoder; yield its address, and the queries that it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlparse(self.path)
            asked.append(parse_qs(url.query)["q"][0])
            name = url.path[1:]
            if name == "no-http":
                self.wfile.write(b"HTTP/7 nothing\r\n")
                return
            body = json.dumps(ANSWERS[name]).encode() if name in ANSWERS else b"[" * 100_000
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


def test_a_geocoder_is_asked_only_where_one_is_set_and_the_request_asks_for_it(
    client: FlaskClient, models: Path
) -> None:
    assert search(client, "1 Pine St", geocode="true") == {"places": [], "geocoder": False}
    with geocoder() as (address, asked):

        def client_of(name: str) -> FlaskClient:
            return ready_client(Settings(model=models / "king_county", geocoder=f"{address}/{name}?q={{query}}"))

        for name in ("nominatim", "photon", "google"):
            there = client_of(name)
            assert search(there, "1 Pine St")["places"] == []
            answer = search(there, "1 Pine St & more", geocode="true")
            (place,) = answer["places"]
            assert (place["found_by"], place["label"]) == ("geocoder", "1 Pine St")
            assert (place["latitude"], place["longitude"]) == (47.61, -122.34)
        assert asked == ["1 Pine St & more"] * 3
        assert search(client_of("elsewhere"), "1 Pine St", geocode="true")["places"] == [], "outside the market"
        assert search(client_of("odd"), "1 Pine St", geocode="true")["places"] == []
        for name in ("broken", "no-http"):
            broken = search(client_of(name), "1 Pine St", status=502, geocode="true")
            assert broken["type"] == "/problems/geocoder-failed"
        document = there.get("/openapi.json").get_json()
        schema = document["paths"]["/search"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        OAS31Validator(schema | {"components": document["components"]}).validate(answer)
    assert search(client_of("nominatim"), "1 Pine St", status=502, geocode="true")["detail"] == (
        "the geocoder could not be reached"
    )
