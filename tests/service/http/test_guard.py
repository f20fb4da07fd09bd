"""API keys, rate limits, concurrency, hosts, CORS, security headers, request IDs and the log."""

import dataclasses
import hashlib
import json
import logging
import time

import pytest
from flask.testing import FlaskClient

from service.http.deadline import ENVIRON_KEY, RequestDeadline
from service.http.guard import PUBLIC_ENDPOINTS, network_of
from service.http.headers import CONTENT_SECURITY_POLICY, SECURITY_HEADERS
from service.http.tracing import JsonLines
from service.settings import Settings, SettingsError
from tests.service.homes import HOME
from tests.service.ready import ready_client

KEY, OTHER = "correct horse battery staple", "the key after it"
HASHES = tuple(hashlib.sha256(key.encode()).hexdigest() for key in (KEY, OTHER))
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture(scope="module")
def keyed(settings: Settings) -> FlaskClient:
    return ready_client(dataclasses.replace(settings, api_keys=HASHES))


@pytest.mark.parametrize(
    "headers",
    [{"Authorization": f"Bearer {KEY}"}, {"authorization": f"bearer {OTHER}"}, {"X-API-Key": KEY}],
    ids=["bearer", "another key", "x-api-key"],
)
def test_known_keys_are_accepted(keyed: FlaskClient, headers: dict[str, str]) -> None:
    assert keyed.post("/predict", json=HOME, headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        *({}, {"X-API-Key": "wrong"}, {"X-API-Key": ""}, {"X-API-Key": HASHES[0]}, {"X-API-Key": KEY[:-1]}),
        *({"Authorization": KEY}, {"Authorization": f"Basic {KEY}"}, {"Authorization": "Bearer"}),
        {"Authorization": "Bearer \xff\xfe"},
    ],
)
def test_other_keys_are_refused(keyed: FlaskClient, headers: dict[str, str]) -> None:
    answer = keyed.post("/predict", json=HOME, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.get_json(force=True)["type"] == "/problems/no-key"
    assert KEY not in answer.text


def test_all_endpoints_require_a_key_except_public_ones(keyed: FlaskClient) -> None:
    rules = list(keyed.application.url_map.iter_rules())
    for rule in rules:
        path = str(rule).replace("<name>", "x").replace("<version>", "x")
        method = "POST" if "POST" in (rule.methods or ()) else "GET"
        with keyed.open(path, method=method) as answer:
            status = answer.status_code
        assert (status == 401) == (rule.endpoint not in PUBLIC_ENDPOINTS), str(rule)
    assert {"predict.predict", "batch.batch", "model.model", "metrics.metrics"} <= {
        rule.endpoint for rule in rules if rule.endpoint not in PUBLIC_ENDPOINTS
    }


def test_requests_above_the_rate_limit_get_retry_after(settings: Settings) -> None:
    client = ready_client(dataclasses.replace(settings, rate_limit="1000/second; 3/hour"))
    assert [client.post("/predict", json=HOME).status_code for _ in range(4)] == [200, 200, 200, 429]
    answer = client.get("/model")
    assert answer.status_code == 429
    assert answer.get_json(force=True)["type"] == "/problems/too-many-requests"
    assert 0 < int(answer.headers["Retry-After"]) <= 3600
    assert client.get("/readyz").status_code == 200
    assert client.get("/model", environ_overrides={"REMOTE_ADDR": "10.0.0.9"}).status_code == 200


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2::3", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::4", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::3", "2001:db8:1:3::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("unix:", "unix:"),
        ("", ""),
    ],
)
def test_a_client_is_an_address_or_a_network_of_ipv6_addresses(address: str, network: str) -> None:
    assert network_of(address) == network


def test_a_client_cannot_escape_its_limit_with_the_addresses_of_its_network(settings: Settings) -> None:
    client = ready_client(dataclasses.replace(settings, rate_limit="2/hour", proxies=1))
    statuses = [
        client.post("/predict", json=HOME, headers={"X-Forwarded-For": f"2001:db8::{number}"}).status_code
        for number in range(1, 4)
    ]
    assert statuses == [200, 200, 429]
    other = client.post("/predict", json=HOME, headers={"X-Forwarded-For": "2001:db8:0:1::1"})
    assert other.status_code == 200


def test_rate_limits_are_per_key(settings: Settings) -> None:
    client = ready_client(dataclasses.replace(settings, rate_limit="2/hour", api_keys=HASHES))
    statuses = [client.get("/model", headers={"X-API-Key": key}).status_code for key in (KEY, KEY, KEY, OTHER)]
    assert statuses == [200, 200, 429, 200]


def test_a_forwarded_address_counts_only_behind_a_proxy(settings: Settings) -> None:
    for proxies, expected in ((0, [200, 429]), (1, [200, 200])):
        client = ready_client(dataclasses.replace(settings, rate_limit="1/hour", proxies=proxies))
        headers_by_client = [{"X-Forwarded-For": address} for address in ("10.0.0.1", "10.0.0.2")]
        assert [client.get("/model", headers=headers).status_code for headers in headers_by_client] == expected


def test_a_request_is_not_begun_after_its_deadline_or_for_a_client_that_has_gone(client: FlaskClient) -> None:
    late = RequestDeadline(ends=time.monotonic() - 1)
    answer = client.post("/predict", json=HOME, environ_overrides={ENVIRON_KEY: late})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert answer.get_json(force=True)["type"] == "/problems/deadline-exceeded"
    gone = RequestDeadline(client_gone=lambda: True)
    assert client.post("/predict", json=HOME, environ_overrides={ENVIRON_KEY: gone}).status_code == 499


def test_untrusted_hosts_are_refused(settings: Settings) -> None:
    client = ready_client(dataclasses.replace(settings, trusted_hosts=("localhost", ".example.com")))
    hosts = ("localhost:8000", "api.example.com", "evil.com", "example.com.evil.com")
    assert [client.get("/model", headers={"Host": host}).status_code for host in hosts] == [200, 200, 400, 400]


def test_cors_is_off_except_for_listed_origins(client: FlaskClient, settings: Settings) -> None:
    site = {"Origin": "https://app.example.com"}
    preflight_headers = site | {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    assert "Access-Control-Allow-Origin" not in client.post("/predict", json=HOME, headers=site).headers
    assert "Access-Control-Allow-Origin" not in client.options("/predict", headers=preflight_headers).headers
    named = ready_client(dataclasses.replace(settings, cors_origins=("https://app.example.com",), api_keys=HASHES))
    preflight = named.options("/predict", headers=preflight_headers)
    assert preflight.status_code == 204
    assert preflight.headers["Access-Control-Allow-Origin"] == "https://app.example.com"
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    answer = named.post("/predict", json=HOME, headers=site | {"X-API-Key": KEY})
    assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example.com"
    assert "Origin" in answer.headers["Vary"]
    assert "Access-Control-Allow-Credentials" not in answer.headers
    other = named.get("/model", headers={"Origin": "https://evil.com", "X-API-Key": KEY})
    assert "Access-Control-Allow-Origin" not in other.headers


@pytest.mark.parametrize("path", ["/docs", "/model", "/livez", "/no-such", "/predict", "/problems/busy"])
def test_every_answer_has_the_security_headers(client: FlaskClient, path: str) -> None:
    with client.get(path) as answer:
        headers = answer.headers
    assert {name: headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert "unsafe" not in CONTENT_SECURITY_POLICY


def test_the_docs_page_has_no_inline_scripts_or_styles(client: FlaskClient) -> None:
    with client.get("/docs") as answer:
        page = answer.get_data(as_text=True)
    assert "<style" not in page
    assert "style=" not in page
    assert page.count("<script") == page.count("<script src=")


def test_request_ids_and_traces_are_returned(client: FlaskClient) -> None:
    answer = client.get("/model", headers={"X-Request-ID": "order-66", "traceparent": TRACE})
    assert (answer.headers["X-Request-ID"], answer.headers["traceparent"]) == ("order-66", TRACE)
    failed = client.post("/predict", json={}, headers={"X-Request-ID": "order-67"})
    assert failed.headers["X-Request-ID"] == "order-67"


@pytest.mark.parametrize("name", ["", "a b", "x" * 129, "\xff", '"}'])
def test_a_request_without_a_valid_id_gets_one(client: FlaskClient, name: str) -> None:
    answer = client.get("/model", headers={"X-Request-ID": name, "traceparent": TRACE[:-1]})
    assert len(answer.headers["X-Request-ID"]) == 32
    assert "traceparent" not in answer.headers


def test_the_log_has_route_and_status_but_no_data_of_the_request(
    keyed: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    lines = []
    formatter = JsonLines()
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(formatter.format(record))  # type: ignore[method-assign]
    log = logging.getLogger("service.requests")
    log.addHandler(handler)
    with caplog.at_level(logging.INFO, "service.requests"):
        keyed.post(
            "/predict?confidence=0.55",
            json=HOME | {"postal_code": "98103"},
            headers={"X-API-Key": KEY, "X-Request-ID": "order-66", "traceparent": TRACE},
        )
        keyed.get("/model/secret-path")
    log.removeHandler(handler)
    first, second = map(json.loads, lines)
    assert (first["method"], first["route"], first["status"]) == ("POST", "/predict", 200)
    assert (first["request_id"], first["trace_id"]) == ("order-66", TRACE[3:35])
    assert second["route"] == "unmatched"
    for secret in ("98103", "square_footage", "0.55", KEY, HASHES[0], "secret-path", "127.0.0.1"):
        assert secret not in "".join(lines)


def test_a_log_record_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    try:
        int("two\nlines")
    except ValueError:
        logging.getLogger("service").exception("went\nwrong")
    line = JsonLines().format(caplog.records[-1])
    assert "\n" not in line
    assert json.loads(line)["message"] == "went\nwrong"


def test_invalid_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESTIMATOR_API_KEYS", "the-plain-key")
    monkeypatch.setenv("ESTIMATOR_RATE_LIMIT_STORAGE", "mongodb://user:password@host")
    monkeypatch.setenv("ESTIMATOR_RATE_LIMIT", "often")
    monkeypatch.setenv("ESTIMATOR_CORS_ORIGINS", "*")
    monkeypatch.setenv("ESTIMATOR_TRUSTED_HOSTS", "a.com:80")
    with pytest.raises(SettingsError) as error:
        Settings.from_environment()
    message = str(error.value)
    for name in ("API_KEYS", "RATE_LIMIT_STORAGE", "RATE_LIMIT", "CORS_ORIGINS", "TRUSTED_HOSTS"):
        assert f"ESTIMATOR_{name} is " in message
    assert "the-plain-key" not in message
    assert "password" not in message


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESTIMATOR_API_KEYS", ",".join(HASHES))
    monkeypatch.setenv("ESTIMATOR_TRUSTED_HOSTS", "localhost, .example.com")
    settings = Settings.from_environment()
    assert settings.api_keys == HASHES
    assert settings.trusted_hosts == ("localhost", ".example.com")
