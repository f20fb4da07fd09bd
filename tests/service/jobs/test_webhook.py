"""A webhook goes to hosts that the settings name, once, and follows no redirect."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from service.jobs import webhook
from service.jobs.webhook import MAX_LENGTH, is_allowed, tell

ORIGINS = ("https://hooks.example.com", "http://10.0.0.5:8080")


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com",
        "https://hooks.example.com/a/b?c=d",
        "http://10.0.0.5:8080/x",
        ORIGINS[0] + "?q",
    ],
)
def test_urls_of_named_hosts_are_allowed(url: str) -> None:
    assert is_allowed(url, ORIGINS)
    assert not is_allowed(url, ())


@pytest.mark.parametrize(
    "url",
    [
        *("", "hooks.example.com", "http://hooks.example.com/", "https://hooks.example.com:444/"),
        *("https://hooks.example.com.evil.com/", "https://hooks.example.com@evil.com/", "https://evil.com/"),
        *("https://evil.com#https://hooks.example.com", "https://evil.com/https://hooks.example.com"),
        *("https://me:key@hooks.example.com/", "http://10.0.0.5/", "http://10.0.0.5:8080@evil.com/"),
        *("https://hooks.example.com/\r\nHost: evil.com", "https://hooks.example.com/ x", "//hooks.example.com/"),
        *("https://hooks.example.com\\@evil.com/", "HTTPS://HOOKS.EXAMPLE.COM/", "https://hooks.example.com/#a"),
        *("file:///etc/passwd", "https://hooks.example.com/" + "a" * MAX_LENGTH, "https://hooks.example.com/\n"),
    ],
)
def test_other_urls_are_not(url: str) -> None:
    assert not is_allowed(url, ORIGINS)


class Receiver(HTTPServer):
    """Keeps what it is sent, and answers with the statuses it was given, in turn."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.received: list[tuple[str, object]] = []
        self.statuses: list[int] = []


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.received.append((self.path, body))
        self.send_response(self.server.statuses.pop(0))
        self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        yield receiver
        receiver.shutdown()


def test_it_is_tried_again_a_few_times(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "PAUSE_SECONDS", 0.0)
    url = f"http://127.0.0.1:{receiver.server_port}/hook?a=b"
    message = {"id": "1", "status": "done"}
    receiver.statuses = [500, 204]
    assert tell(url, message)
    assert receiver.received == [("/hook?a=b", message)] * 2
    receiver.statuses = [307, 302, 500]
    assert not tell(url, message)
    assert {path for path, _ in receiver.received} == {"/hook?a=b"}, "a redirect was followed"
    receiver.server_close()
    assert not tell(url, message)
