"""The API's page: grouped by task, with samples that run as they are shown."""

import json
import subprocess
import sys
from contextlib import suppress
from typing import Any

import pytest

from service.openapi.tasks import TASKS
from tests.browser.conftest import OpenPage
from tests.browser.page_actions import call_api

with suppress(ImportError):
    from axe_playwright_python.sync_playwright import Axe


def open_docs(open_page: OpenPage, **options: Any) -> Any:
    page = open_page("docs", wait=False, **options)
    page.wait_for_selector("#api .opblock")
    return page


def test_routes_are_grouped_and_their_samples_run(open_page: OpenPage) -> None:
    page = open_docs(open_page)
    assert page.locator(".opblock-tag a span").all_inner_texts() == list(TASKS)
    page.click("#operations-Value_homes-post_predict .opblock-summary-control")
    page.wait_for_selector("#operations-Value_homes-post_predict .renderedMarkdown pre")
    curl, python = page.locator("#operations-Value_homes-post_predict .renderedMarkdown pre").all_inner_texts()
    example = call_api(page, "model")["example"]["answer"]
    for command in (["sh", "-c", curl], [sys.executable, "-c", python]):
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert json.loads(done.stdout) == example
    page.click("#operations-Value_homes-post_predict_batch .opblock-summary-control")
    page.wait_for_selector("#operations-Value_homes-post_predict_batch .renderedMarkdown pre")
    curl, python = page.locator(
        "#operations-Value_homes-post_predict_batch .renderedMarkdown pre"
    ).all_inner_texts()
    done = subprocess.run(["sh", "-c", curl], capture_output=True, text=True, check=True)
    assert str(example["price"]) in done.stdout
    assert subprocess.run([sys.executable, "-c", python], capture_output=True, text=True, check=True).stdout
    page.click("text=Value a home")
    page.wait_for_selector("#form .field")


@pytest.mark.parametrize(("scheme", "width"), [("light", 390), ("dark", 1280)])
def test_the_page_is_readable_in_both_colours_and_on_a_phone(open_page: OpenPage, scheme: str, width: int) -> None:
    page = open_docs(open_page, scheme=scheme, width=width)
    channels = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    assert (max(channels) < 60) == (scheme == "dark")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    serious = [
        (rule["id"], [node["html"][:160] for node in rule["nodes"]][:3])
        for rule in Axe().run(page).response["violations"]
        if rule["impact"] in {"serious", "critical"}
    ]
    assert serious == []
