"""How fast the page is, beside what the same browser and the same server take for less.

    python -m benchmarks.page_speed [--model models/king_county]

Prints Markdown: milliseconds, and medians of ratios to a peer in the same run, which a busy machine slows alike.
The page's first use beside an empty page of the same server; the first price beside the bare request for it;
frames while the map is moved beside frames while nothing happens. Needs the group `browser` and Chromium.
"""

import argparse
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import sync_playwright

from benchmarks.service import free_port, running
from service.settings import Settings

RUNS = 15
FRAMES = 180
HOME = {"latitude": 47.6, "longitude": -122.3, "square_footage": 2000}

EMPTY = """() => performance.getEntriesByType("navigation")[0].loadEventEnd"""
INTERACTIVE = """() => performance.getEntriesByName("interactive")[0].startTime"""
FIRST_PRICE = """() => new Promise((done) => {
  new MutationObserver((_, watcher) => {
    if (!document.querySelector(".price[data-price]")) return;
    watcher.disconnect();
    requestAnimationFrame(() => done(performance.now() - start));
  }).observe(document.querySelector("#answer"), { childList: true, subtree: true, attributes: true });
  const start = performance.now();
  document.querySelector(".primary").click();
})"""
BARE_REQUEST = """async (home) => {
  const start = performance.now();
  const headers = { "Content-Type": "application/json" };
  await (await fetch("/predict", { method: "POST", headers, body: JSON.stringify(home) })).json();
  return performance.now() - start;
}"""
EACH_FRAME = """({ frames, moves }) => new Promise((done) => {
  const stage = document.querySelector(".stage"), box = stage.getBoundingClientRect();
  stage.setPointerCapture = () => {};
  const send = (type, step) => moves && stage.dispatchEvent(new PointerEvent(type, {
    pointerId: 1, button: 0, buttons: 1, bubbles: true,
    clientX: box.x + box.width / 2 + 120 * Math.sin(step / 12), clientY: box.y + 150 + 60 * Math.cos(step / 9) }));
  const times = [];
  let step = 0, before;
  send("pointerdown", 0);
  const frame = (now) => {
    if (before !== undefined) times.push(now - before);
    before = now;
    if (step++ < frames) { send("pointermove", step); requestAnimationFrame(frame); }
    else { send("pointerup", step); done(times); }
  };
  requestAnimationFrame(frame);
})"""


MOST = {
    "ready to be used ÷ an empty page": 1000,
    "first price ÷ the bare request": 300,
    "a frame while the map moves ÷ while nothing does": 25,
    "… the 95th of a hundred": 60,
}
"""What is measured, and the most milliseconds that a person takes for at once, or for smooth."""


def measure(open_page: Callable[[str], Any]) -> dict[str, list[tuple[float, float]]]:
    """Return of each thing measured its milliseconds and its peer's, run by run."""
    found: dict[str, list[tuple[float, float]]] = {}
    for _ in range(RUNS):
        empty = open_page("livez")
        page = open_page("")
        page.wait_for_function("() => performance.getEntriesByName('mapped').length > 0")
        for name, value in HOME.items():
            page.fill(f"[name={name}]", str(value))
        first, bare = page.evaluate(FIRST_PRICE), page.evaluate(BARE_REQUEST, HOME)
        idle, moving = (
            np.array(page.evaluate(EACH_FRAME, {"frames": FRAMES, "moves": moves})) for moves in (False, True)
        )
        pairs = (
            (page.evaluate(INTERACTIVE), empty.evaluate(EMPTY)),
            (first, bare),
            (np.median(moving), np.median(idle)),
            (np.percentile(moving, 95), np.percentile(idle, 95)),
        )
        for name, (own, peer) in zip(MOST, pairs, strict=True):
            found.setdefault(name, []).append((float(own), float(peer)))
        empty.close()
        page.close()
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="How fast the page is.")
    parser.add_argument("--model", type=Path, default=Settings().model)
    port = free_port()
    variables = {"ESTIMATOR_MODEL": str(parser.parse_args().model), "ESTIMATOR_PORT": str(port)}
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []  # as root Chromium's sandbox cannot be had
    with running([sys.executable, "-m", "service"], port, "/readyz", **variables), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)

        def open_page(path: str) -> Any:
            page = browser.new_page(viewport={"width": 1600, "height": 1000})
            page.goto(f"http://127.0.0.1:{port}/{path}")
            return page

        found = measure(open_page)
        version = browser.version
        browser.close()
    print(f"Chromium {version}, {os.cpu_count()} cores; medians of {RUNS} runs, and the slowest tenth.\n")
    print("| | ms | must | 90th percentile, ms | the peer's, ms | ratio |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, pairs in found.items():
        own, peer = np.array(pairs).T
        theirs = f"{np.percentile(own, 90):.0f} | {np.median(peer):.0f} | {np.median(own / peer):.1f}"
        print(f"| {name} | {np.median(own):.0f} | < {MOST[name]} | {theirs} |")


if __name__ == "__main__":
    main()
