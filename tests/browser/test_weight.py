"""How many bytes the page loads, and whether it draws all homes. `benchmarks.page_speed` measures its speed."""

import gzip
import json
import logging
from typing import Any

import pandas as pd
import pytest

from tests.browser.conftest import OpenPage
from tests.browser.page_actions import HOME, link, shown_price
from tests.conftest import KING_COUNTY

_log = logging.getLogger(__name__)  # shown by pytest --log-cli-level=INFO


def all_sales() -> dict[str, Any]:
    """Return all of King County's sales in the form of `GET /sales`."""
    sales = pd.read_csv(KING_COUNTY / "sales.csv.gz", dtype={"date": str, "zipcode": str})
    areas = sales.groupby("zipcode").agg({"lat": "median", "long": "median", "price": "count"})
    areas = areas.join(pd.read_csv(KING_COUNTY / "areas.csv", dtype={"postal_code": str}).set_index("postal_code"))
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
        "areas": {
            "postal_code": areas.index.tolist(),
            "name": areas["city"].tolist(),
            "latitude": areas["lat"].round(5).tolist(),
            "longitude": areas["long"].round(5).tolist(),
            "count": areas["price"].tolist(),
        },
    }


def test_the_page_loads_few_bytes(open_page: OpenPage) -> None:
    body = gzip.compress(json.dumps(all_sales(), separators=(",", ":")).encode())
    page = open_page(link(HOME))
    shown_price(page)
    loaded = page.evaluate(
        """() => [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
        .map(({ name, encodedBodySize }) => [name, encodedBodySize])"""
    )
    without_sales = sum(size for name, size in loaded if not name.endswith("/sales"))
    weight = without_sales + len(body)
    _log.info("%s: %.1f", "bytes", weight)
    assert weight < 400_000


@pytest.mark.parametrize("zoomed", [False, True])
def test_the_map_draws_all_homes(open_page: OpenPage, *, zoomed: bool) -> None:
    sales = all_sales()
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
    coloured_share = page.evaluate(
        """() => { const canvas = document.querySelector("canvas");
        const image = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        const data = new Uint32Array(image.data.buffer);
        return data.reduce((count, pixel) => count + (pixel !== data[0]), 0) / data.length; }"""
    )
    assert coloured_share > 0.03
