"""Takes the README's picture of the web page: a valuation in King County, from a running service.

    house-price serve &
    python -m benchmarks.page_picture http://localhost:8000

Needs the dependency group `browser`, Chromium and Pillow.
"""

import io
import os
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

HOME = "#latitude=47.6205&longitude=-122.3145&square_footage=2100&bedrooms=4&grade=8&year_built=1925&condition=4"
WIDTH, HEIGHT = 1280, 1000
ANIMATION_MS = 900
N_ZOOM_OUT = 3
OUT = Path(__file__).with_name("page.png")


def main(address: str) -> None:
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.goto(f"{address}/{HOME}")
        page.wait_for_selector(".price[data-price]")
        page.wait_for_timeout(2 * ANIMATION_MS)
        for _ in range(N_ZOOM_OUT):
            page.click("[aria-label='Zoom out']")
            page.wait_for_timeout(ANIMATION_MS)
        page.mouse.move(5, 5)
        end = page.locator(".explanation").bounding_box()
        assert end is not None
        shot = page.screenshot(full_page=True)
        browser.close()
    picture = Image.open(io.BytesIO(shot)).convert("RGB")
    picture = picture.crop((0, 0, WIDTH, round(end["y"] + end["height"]) + 12))
    # A palette makes the file a third as large, without a visible difference.
    picture.quantize(256, kmeans=10).save(OUT, optimize=True)


if __name__ == "__main__":
    main(sys.argv[1])
