"""Heads of requests become the environ that PEP 3333 describes; ambiguous ones are refused."""

import h11
import pytest

from service.front.head import RequestHead, environ_of, request_head
from service.http.problems import ProblemError


def head_of(*headers: tuple[str, str], method: str = "GET", target: str = "/model") -> RequestHead:
    request = h11.Request(method=method, target=target, headers=[("Host", "here"), *headers])
    return request_head(request, ("10.0.0.1", 4711), ("10.0.0.2", 8000))


def test_the_environ_is_that_of_pep_3333() -> None:
    headers = (("Content-Type", "text/csv"), ("Content-Length", "3"), ("X-Api-Key", "k"))
    assert environ_of(head_of(*headers, method="POST", target="/caf%C3%A9/a%2Fb?x=%20&y")) == {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/caf\xc3\xa9/a/b",
        "QUERY_STRING": "x=%20&y",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": "10.0.0.2",
        "SERVER_PORT": "8000",
        "REMOTE_ADDR": "10.0.0.1",
        "REMOTE_PORT": "4711",
        "wsgi.url_scheme": "http",
        "CONTENT_TYPE": "text/csv",
        "CONTENT_LENGTH": "3",
        "HTTP_HOST": "here",
        "HTTP_X_API_KEY": "k",
    }


def test_repeated_headers_are_joined() -> None:
    assert head_of(("Accept", "a"), ("accept", "b")).header("Accept") == "a,b"


def test_a_header_with_an_underscore_cannot_pass_for_one_with_a_hyphen() -> None:
    forwarded = (("X-Forwarded-For", "10.0.0.3"), ("X_Forwarded_For", "10.0.0.4"))
    assert environ_of(head_of(*forwarded))["HTTP_X_FORWARDED_FOR"] == "10.0.0.3"


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [("http://there/model?a=b", "/model", "a=b"), ("http://there", "/", ""), ("https://there?a", "/", "a")],
)
def test_the_host_of_an_absolute_target_counts(target: str, path: str, query: str) -> None:
    head = head_of(target=target)
    assert (head.path, head.query, head.header("Host")) == (path, query, "there")


@pytest.mark.parametrize("target", ["model", "*", "http:///model", "http://a@b/", "ftp://there/"])
def test_other_targets_are_refused(target: str) -> None:
    with pytest.raises(ProblemError) as error:
        head_of(target=target)
    assert error.value.problem_type.name == "malformed-request"


def test_options_may_ask_about_the_whole_server() -> None:
    assert head_of(method="OPTIONS", target="*").path == "*"
