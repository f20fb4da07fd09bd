"""Whoever uses the page: by keyboard alone, by screen reader, on a telephone, in the dark."""

from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest

from tests.browser.asking import FAR, HOME, ask, facts_in, link, shown_price
from tests.browser.conftest import OpenPage
from tests.browser.test_listings import LISTINGS, written

with suppress(ImportError):
    from axe_playwright_python.sync_playwright import Axe


def unfold(page: Any) -> None:
    page.click(".more summary")


def wait_for_price(page: Any) -> None:
    shown_price(page)
    page.click(".knowledge summary")
    page.click("button:text('Adjustments') >> nth=0")


def leave_out(page: Any) -> None:
    page.click("text=Value this home")
    page.wait_for_selector("[aria-invalid]")


def wait_for_refusal(page: Any) -> None:
    page.wait_for_selector(".refused")


def screen(page: Any) -> None:
    rows = [{**HOME, **row} for row in LISTINGS]
    path = written(page.listings / "listings.csv", rows)
    page.set_input_files("#listings-file", path)
    page.wait_for_selector(".deals")


VIEWS: dict[str, tuple[str, Callable[[Any], None]]] = {
    "empty": ("", lambda page: None),
    "all facts": ("", unfold),
    "valued": (link(HOME), wait_for_price),
    "facts missing": ("", leave_out),
    "refused": (link(FAR), wait_for_refusal),
    "listings": ("#listings", lambda page: None),
    "deals": ("#listings", screen),
}


@pytest.fixture
def view(open_page: OpenPage, tmp_path: Any) -> Callable[..., Any]:
    def view(name: str, **how: Any) -> Any:
        fragment, act = VIEWS[name]
        page = open_page(fragment, refusals=True, **how)
        page.listings = tmp_path
        act(page)
        return page

    return view


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", VIEWS)
def test_axe_finds_nothing_serious(view: Callable[..., Any], name: str, scheme: str) -> None:
    page = view(name, scheme=scheme)
    found = Axe().run(page).response["violations"]
    serious = [
        (rule["id"], [node["html"][:200] for node in rule["nodes"]])
        for rule in found
        if rule["impact"] in {"serious", "critical"}
    ]
    assert serious == []


@pytest.mark.parametrize("width", [320, 360, 800, 1600])
@pytest.mark.parametrize("name", VIEWS)
def test_nothing_sticks_out_at_any_width(view: Callable[..., Any], name: str, width: int) -> None:
    page = view(name, width=width, height=740)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    # What is wider than its place scrolls inside it.
    outside = page.evaluate(
        """width => [...document.querySelectorAll("main *, header *, footer *")].filter((node) => {
          const box = node.getBoundingClientRect();
          const inside = node.closest(".scrolled, .stage, .unseen, .skip, datalist");
          return box.width > 1 && box.right > width + 1 && !inside;
        }).map((node) => node.outerHTML.slice(0, 120))""",
        width,
    )
    assert outside == []


def test_a_home_is_valued_by_keyboard_alone(open_page: OpenPage) -> None:
    page = open_page()
    key = page.keyboard.press

    def go(to: str) -> None:
        """Press Tab until an element has the focus, which must be seen."""
        for _ in range(80):
            key("Tab")
            if page.evaluate("to => document.activeElement.matches(to)", to):
                break
        assert page.evaluate("to => document.activeElement.matches(to)", to), to
        assert page.evaluate(
            """() => {
            const node = document.activeElement;
            const lined = (shown) => {
              const style = shown && getComputedStyle(shown);
              return shown && style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1;
            };
            const rimmed = (knob) => getComputedStyle(knob).strokeWidth === "4px";
            return lined(node) || lined(node.closest(".entry"))
              || (node.matches(".handle") && rimmed(node.querySelector("circle"))); }"""
        ), f"{to} shows no focus"

    key("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    go(".stage")
    for name in ("+", "ArrowLeft", "ArrowUp", "-", "ArrowRight", "Home", "+"):
        key(name)
    page.wait_for_timeout(600)  # the map glides
    key("Enter")
    assert page.input_value("[name=latitude]") != ""
    go("[name=square_footage]")
    page.keyboard.type("1850")
    go("summary")
    key("Enter")
    go("[name=grade]")
    page.keyboard.type("9")
    key("Enter")
    price = shown_price(page)
    facts = facts_in(page)
    assert (facts["square_footage"], facts["grade"]) == (1850, 9)
    assert price == ask(page, "predict", facts)["price"]
    go("#confidence")
    key("ArrowLeft")
    page.wait_for_function("() => location.hash.includes('confidence=0.89')")
    go("#what-if-fact")
    go(".handle")
    before = page.locator(".reading strong").inner_text()
    key("ArrowRight")
    assert page.locator(".reading strong").inner_text() != before
    go("button.small")
    key("Enter")
    page.wait_for_function("price => document.querySelector('.price').dataset.price != price", arg=str(price))
    go(".scrolled")
    go("button[aria-controls=comparable-0]")
    key("Enter")
    assert page.locator("#comparable-0").is_visible()


def test_what_happens_is_announced(open_page: OpenPage) -> None:
    page = open_page(link(HOME), refusals=True)
    shown_price(page)
    assert page.locator(".price").inner_text() in page.locator("[role=status]#status").inner_text()
    page.fill("[name=square_footage]", "")
    page.click("text=Value this home")
    page.wait_for_function("() => document.querySelector('#status').textContent.includes('is required')")


def test_the_maps_colours_rise_in_lightness(open_page: OpenPage) -> None:
    """The order of prices can then be told in grey, and so with any kind of colour vision."""
    page = open_page()
    for dark in (False, True):
        colours = page.evaluate("dark => import('/home/colours.js').then(({ scale }) => scale(dark))", dark)
        linear = [
            [(part / 255 / 12.92) if part < 11 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in colour]
            for colour in colours
        ]
        light = [0.2126 * red + 0.7152 * green + 0.0722 * blue for red, green, blue in linear]
        steps = [after - before for before, after in pairwise(light)]
        assert len(colours) == 256
        assert all(step > -0.002 if dark else step < 0.002 for step in steps)
        ends = sorted((light[0], light[-1]))
        assert (ends[1] + 0.05) / (ends[0] + 0.05) > 6
