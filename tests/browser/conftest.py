"""Real servers and real Chromium. Needs Chromium and the dependency group `browser`: `make test-browser`."""

import hashlib
import os
import shutil
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from estimator.training import train_market
from tests.conftest import publish_with_fewer_calibration_sales, thin_king_county
from tests.service.test_server import TIMEOUT_SECONDS, free_port, start
from tests.town import make_town

with suppress(ImportError):  # the other tests do not need it
    from playwright.sync_api import sync_playwright

FOLDER = Path(__file__).parent
OpenPage = Callable[..., Any]

REPORT_VIOLATIONS = """
addEventListener("securitypolicyviolation",
  (event) => console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`));
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder."""
    for item in items:
        if FOLDER in item.path.parents:
            item.add_marker(pytest.mark.browser)


@contextmanager
def serving(model: Path, folder: Path, **settings: object) -> Iterator[str]:
    """Serve a model; yield the server's address."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    log = folder / f"server-{port}.log"
    process = start(port, log, model=model, workers=1, **settings)
    try:
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while True:
            with suppress(OSError), urllib.request.urlopen(f"{address}/readyz"):
                break
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield address
    finally:
        process.terminate()
        process.wait(TIMEOUT_SECONDS)


@pytest.fixture(scope="session")
def small_king_county(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A version trained on every 30th of King County's sales."""
    folder = tmp_path_factory.mktemp("models")
    return train_market(thin_king_county(folder / "market", every=30), None, folder, split=None, seed=0).folder


@pytest.fixture(scope="session")
def king_county(small_king_county: Path) -> Iterator[str]:
    """The address of a server of that version."""
    with serving(small_king_county, small_king_county.parent) as address:
        yield address


@pytest.fixture
def server_with_key(small_king_county: Path) -> Iterator[str]:
    """The address of a server that needs the API key `open sesame`."""
    key = hashlib.sha256(b"open sesame").hexdigest()
    with serving(small_king_county, small_king_county.parent, api_keys=key) as address:
        yield address


@pytest.fixture(scope="session")
def without_ranges(small_king_county: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server of that version, as if it had been checked on too few sales for ranges."""
    folder = tmp_path_factory.mktemp("without_ranges") / "king_county"
    publish_with_fewer_calibration_sales(small_king_county, folder, 12)
    with serving(folder, folder.parent) as address:
        yield address


@pytest.fixture(scope="session", params=[False, True], ids=["without locations", "with locations"])
def town(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server of a market with other facts and without sale dates."""
    folder = tmp_path_factory.mktemp("town")
    make_town(folder, places=request.param)
    with serving(train_market(folder, None, folder, split=None, seed=0).folder, folder) as address:
        yield address


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Debian's Chromium where it is installed, else Playwright's."""
    with sync_playwright() as playwright:
        # Chromium's sandbox does not work as root, as in many containers.
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Any, king_county: str) -> Iterator[OpenPage]:
    """Open the page. Console errors and requests to other hosts fail the test when it ends.

    The browser logs each failed request as an error: tests that cause some pass `refusals=True`.
    """
    contexts, errors = [], []

    def open_page(
        fragment: str = "", *, address: str = king_county, width: int = 1280, height: int = 900,
        scheme: str = "light", refusals: bool = False, before: Callable[[Any], None] | None = None,
        wait: bool = True,
    ) -> Any:  # fmt: skip
        context = chromium.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.add_init_script(REPORT_VIOLATIONS)

        def on_console(message: Any) -> None:
            refused = refusals and message.text.startswith("Failed to load resource")
            if message.type in {"error", "warning"} and not refused:
                errors.append(message.text)

        def on_request(request: Any) -> None:
            if not request.url.startswith((address, "blob:" + address, "data:")):
                errors.append(f"request to {request.url}")

        page.on("console", on_console)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", on_request)
        if before:
            before(page)
        page.goto(f"{address}/{fragment}")
        if wait:
            page.wait_for_function("() => performance.getEntriesByName('mapped').length > 0")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []
