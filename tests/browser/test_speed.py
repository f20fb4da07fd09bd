"""How fast the page is and how much it weighs, on the machine it is served from."""

import gzip
import json
import logging
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.browser.asking import HOME, link, shown_price
from tests.browser.conftest import OpenPage
from tests.conftest import KING_COUNTY

_log = logging.getLogger(__name__)  # pytest --log-cli-level=INFO shows what was measured

FRAMES = """
(moves) => new Promise((done) => {
  const stage = document.querySelector(".stage"), box = stage.getBoundingClientRect();
  stage.setPointerCapture = () => {};
  const send = (type, step) => stage.dispatchEvent(new PointerEvent(type, {
    pointerId: 1, button: 0, buttons: 1, bubbles: true,
    clientX: box.x + box.width / 2 + 120 * Math.sin(step / 12), clientY: box.y + 150 + 60 * Math.cos(step / 9) }));
  const times = [];
  let step = 0, before;
  send("pointerdown", 0);
  const frame = (now) => {
    if (before !== undefined) times.push(now - before);
    before = now;
    if (step++ < moves) { send("pointermove", step); requestAnimationFrame(frame); }
    else { send("pointerup", step); done(times); }
  };
  requestAnimationFrame(frame);
})
"""


def every_sale() -> dict[str, Any]:
    """Return all of King County's sales as `GET /sales` gives them."""
    sales = pd.read_csv(KING_COUNTY / "sales.csv.gz", dtype={"date": str})
    return {
        "model_version": "",
        "currency": "USD",
        "size_name": "square_footage",
        "size_unit": "ft²",
        "count": len(sales),
        "latitude": sales["lat"].tolist(),
        "longitude": sales["long"].tolist(),
        "price": sales["price"].tolist(),
        "size": sales["sqft_living"].tolist(),
        "date": sales["date"].tolist(),
    }


def test_the_first_price_is_there_at_once(open_page: OpenPage) -> None:
    page = open_page()
    for name, value in HOME.items():
        if name not in {"grade", "bedrooms"}:
            page.fill(f"[name={name}]", str(value))
    took = page.evaluate(
        """() => new Promise((done) => {
        new MutationObserver((_, watcher) => {
          if (!document.querySelector(".price[data-price]")) return;
          watcher.disconnect();
          requestAnimationFrame(() => done(performance.now() - start));
        }).observe(document.querySelector("#answer"), { childList: true, subtree: true, attributes: true });
        const start = performance.now();
        document.querySelector(".primary").click();
        })"""
    )
    _log.info("%s: %.1f", "first price, ms", took)
    assert took < 300


def test_the_page_is_light_and_soon_there(open_page: OpenPage) -> None:
    body = gzip.compress(json.dumps(every_sale(), separators=(",", ":")).encode())
    page = open_page(link(HOME))
    shown_price(page)
    loaded = page.evaluate(
        """() => [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
        .map(({ name, encodedBodySize }) => [name, encodedBodySize])"""
    )
    without_sales = sum(size for name, size in loaded if not name.endswith("/sales"))
    weight = without_sales + len(body)
    interactive = page.evaluate("performance.getEntriesByName('interactive')[0].startTime")
    _log.info("%s: %.1f", "bytes", weight)
    _log.info("%s: %.1f", "interactive, ms", interactive)
    assert weight < 1_500_000
    assert interactive < 1000


@pytest.mark.parametrize("zoomed", [False, True])
def test_the_map_draws_every_home_and_moves_smoothly(open_page: OpenPage, *, zoomed: bool) -> None:
    sales = every_sale()
    assert sales["count"] == 21613
    page = open_page(
        width=1600,
        height=1000,
        before=lambda page: page.route("**/sales", lambda route: route.fulfill(json=sales)),
    )
    page.wait_for_selector("text=21,613 sold homes")
    if zoomed:
        page.click("[aria-label='Zoom in']")
        page.wait_for_timeout(600)
    coloured = page.evaluate(
        """() => { const canvas = document.querySelector("canvas");
        const image = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        const data = new Uint32Array(image.data.buffer);
        return data.reduce((count, pixel) => count + (pixel !== data[0]), 0) / data.length; }"""
    )
    assert coloured > 0.03
    times = np.array(page.evaluate(FRAMES, 180))
    _log.info("%s: %.1f", "frame, ms (median)", float(np.median(times)))
    _log.info("%s: %.1f", "frame, ms (95th percentile)", float(np.percentile(times, 95)))
    assert np.median(times) < 25
    assert np.percentile(times, 95) < 60
