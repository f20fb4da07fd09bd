"""Real servers and real Chromium. Needs the group `browser` and Chromium: `make test-browser`."""

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
from tests.conftest import thin_king_county
from tests.service.test_server import PATIENCE, free_port, start
from tests.town import make_town

with suppress(ImportError):  # the other tests go without
    from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent
OpenPage = Callable[..., Any]

REPORT_VIOLATIONS = """
addEventListener("securitypolicyviolation",
  (event) => console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`));
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)


@contextmanager
def serving(model: Path, folder: Path, **settings: object) -> Iterator[str]:
    """Serve a model; yield the server's address."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    log = folder / f"server-{port}.log"
    process = start(port, log, model=model, workers=1, **settings)
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            with suppress(OSError), urllib.request.urlopen(f"{address}/readyz"):
                break
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield address
    finally:
        process.terminate()
        process.wait(PATIENCE)


@pytest.fixture(scope="session")
def small_king_county(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A version that learned from every 30th of King County's sales."""
    folder = tmp_path_factory.mktemp("models")
    return train_market(thin_king_county(folder / "market", every=30), None, folder, split=None, seed=0).folder


@pytest.fixture(scope="session")
def king_county(small_king_county: Path) -> Iterator[str]:
    """Its service."""
    with serving(small_king_county, small_king_county.parent) as address:
        yield address


@pytest.fixture
def guarded(small_king_county: Path) -> Iterator[str]:
    """Its service, for whoever has the key `open sesame`."""
    key = hashlib.sha256(b"open sesame").hexdigest()
    with serving(small_king_county, small_king_county.parent, api_keys=key) as address:
        yield address


@pytest.fixture(scope="session", params=[False, True], ids=["without places", "with places"])
def town(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The service of a market with other facts, and without days of sale."""
    folder = tmp_path_factory.mktemp("town")
    make_town(folder, places=request.param)
    with serving(train_market(folder, None, folder, split=None, seed=0).folder, folder) as address:
        yield address


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Debian's Chromium where it is installed, else Playwright's."""
    with sync_playwright() as playwright:
        # As root, as in many containers, Chromium's sandbox cannot be had.
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Any, king_county: str) -> Iterator[OpenPage]:
    """Open the page; afterwards, whatever it complained of or asked of another host fails the test.

    A refused request is a complaint to the browser: tests that make the server refuse say `refusals=True`.
    """
    contexts, complaints = [], []

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

        def hear(message: Any) -> None:
            refused = refusals and message.text.startswith("Failed to load resource")
            if message.type in {"error", "warning"} and not refused:
                complaints.append(message.text)

        def see(request: Any) -> None:
            if not request.url.startswith((address, "blob:" + address, "data:")):
                complaints.append(f"asked for {request.url}")

        page.on("console", hear)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", see)
        if before:
            before(page)
        page.goto(f"{address}/{fragment}")
        if wait:
            page.wait_for_function("() => performance.getEntriesByName('mapped').length > 0")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []
