"""Accessibility: the page by keyboard alone, by screen reader, on a phone, in dark mode."""

from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest

from tests.browser.conftest import OpenPage
from tests.browser.page_actions import HOME, REFUSED_HOME, call_api, facts_in_address, link, shown_price
from tests.browser.test_listings import LISTINGS, write_csv

with suppress(ImportError):
    from axe_playwright_python.sync_playwright import Axe


def open_all_facts(page: Any) -> None:
    page.click(".more summary")
    page.fill("#find", "981")
    page.wait_for_selector(".found-places button")


def wait_for_price(page: Any) -> None:
    shown_price(page)
    page.click(".facts-used summary")
    page.click("button:text('Adjustments') >> nth=0")


def choose_comparables(page: Any) -> None:
    """Choose some, of a home for which everything is shown: reasons, looked-up facts, the forecast."""
    shown_price(page)
    page.click(".day button")
    page.wait_for_selector("text=the price index forecasts")
    shown_price(page)
    page.click(".waterfall .link")
    page.click(".facts-used summary")
    page.select_option("#choice-size", "20")
    page.wait_for_selector(".suggested strong")
    page.click("[aria-label='Pin comparable 2']")
    page.wait_for_selector("[aria-pressed=true]")
    page.click("[aria-label='Drop comparable 1']")
    page.wait_for_selector("text=Take back 1 dropped sale")


def submit_without_facts(page: Any) -> None:
    page.click("text=Value this home")
    page.wait_for_selector("[aria-invalid]")


def wait_for_refusal(page: Any) -> None:
    page.wait_for_selector(".refused")


def screen(page: Any) -> None:
    page.set_input_files("#listings-file", page.listings)
    page.wait_for_selector(".deals")


def filter_deals(page: Any) -> None:
    screen(page)
    page.click(".filters summary")
    page.select_option("[aria-label='Filter by another fact']", "square_footage")


def edit_deal(page: Any) -> None:
    screen(page)
    page.click("[aria-label='Edit fair']")
    page.fill("#edit-list_price", "0")
    page.press("#edit-list_price", "Tab")
    page.wait_for_selector("#edit-list_price[aria-invalid]")


def open_deal(page: Any) -> None:
    screen(page)
    page.check("text=All figures")
    page.click(".deals a:text('fair')")
    shown_price(page)


def paste_without_rows(page: Any) -> None:
    page.click("text=Paste rows from a spreadsheet")
    page.click("text=Find deals")


VIEWS: dict[str, tuple[str, Callable[[Any], None]]] = {
    "empty": ("", lambda page: None),
    "all facts": ("", open_all_facts),
    "valued": (link(HOME), wait_for_price),
    "comparables chosen": (link(HOME), choose_comparables),
    "facts missing": ("", submit_without_facts),
    "refused": (link(REFUSED_HOME), wait_for_refusal),
    "listings": ("#listings", lambda page: None),
    "listings, pasting": ("#listings", paste_without_rows),
    "deals": ("#listings", screen),
    "deals, filtered": ("#listings", filter_deals),
    "deal edited": ("#listings", edit_deal),
    "deal opened": ("#listings", open_deal),
}


@pytest.fixture
def view(open_page: OpenPage, tmp_path: Any) -> Callable[..., Any]:
    def view(name: str, **options: Any) -> Any:
        fragment, prepare = VIEWS[name]
        page = open_page(fragment, refusals=True, **options)
        page.listings = write_csv(tmp_path / "listings.csv", LISTINGS)
        prepare(page)
        return page

    return view


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", VIEWS)
def test_axe_finds_nothing_serious(view: Callable[..., Any], name: str, scheme: str) -> None:
    page = view(name, scheme=scheme)
    violations = Axe().run(page).response["violations"]
    serious = [
        (rule["id"], [node["html"][:200] for node in rule["nodes"]])
        for rule in violations
        if rule["impact"] in {"serious", "critical"}
    ]
    assert serious == []


@pytest.mark.parametrize("width", [320, 360, 800, 1600])
@pytest.mark.parametrize("name", VIEWS)
def test_nothing_overflows_at_any_width(view: Callable[..., Any], name: str, width: int) -> None:
    page = view(name, width=width, height=740)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    # Wide content may scroll inside its own container.
    overflowing = page.evaluate(
        """width => [...document.querySelectorAll("main *, header *, footer *")].filter((node) => {
          const box = node.getBoundingClientRect();
          const inside = node.closest(".scroll-x, .stage, .visually-hidden, .skip-link, datalist");
          return box.width > 1 && box.right > width + 1 && !inside;
        }).map((node) => node.outerHTML.slice(0, 120))""",
        width,
    )
    assert overflowing == []


def test_a_home_is_valued_by_keyboard_alone(open_page: OpenPage) -> None:
    page = open_page()
    press = page.keyboard.press

    def tab_to(selector: str) -> None:
        """Press Tab until an element has the focus; the focus must be visible."""
        for _ in range(80):
            press("Tab")
            if page.evaluate("selector => document.activeElement.matches(selector)", selector):
                break
        assert page.evaluate("selector => document.activeElement.matches(selector)", selector), selector
        assert page.evaluate(
            """() => {
            const node = document.activeElement;
            const hasOutline = (element) => {
              const style = element && getComputedStyle(element);
              return element && style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1;
            };
            const hasThickStroke = (circle) => getComputedStyle(circle).strokeWidth === "4px";
            return hasOutline(node) || hasOutline(node.closest(".entry"))
              || (node.matches(".handle") && hasThickStroke(node.querySelector("circle"))); }"""
        ), f"{selector} shows no focus"

    press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    tab_to(".stage")
    for name in ("+", "ArrowLeft", "ArrowUp", "-", "ArrowRight", "Home", "+"):
        press(name)
    page.wait_for_timeout(600)  # the map's animation
    press("Enter")
    assert page.input_value("[name=latitude]") != ""
    tab_to("[name=square_footage]")
    page.keyboard.type("1850")
    tab_to("summary")
    press("Enter")
    tab_to("[name=grade]")
    page.keyboard.type("9")
    press("Enter")
    price = shown_price(page)
    facts = facts_in_address(page)
    assert (facts["square_footage"], facts["grade"]) == (1850, 9)
    assert price == call_api(page, "predict", facts)["price"]
    tab_to("#confidence")
    press("ArrowLeft")
    page.wait_for_function("() => location.hash.includes('confidence=0.89')")
    tab_to("#what-if-fact")
    tab_to(".handle")
    before = page.locator(".reading strong").inner_text()
    press("ArrowRight")
    assert page.locator(".reading strong").inner_text() != before
    tab_to("button.small")
    press("Enter")
    page.wait_for_function("price => document.querySelector('.price').dataset.price != price", arg=price)
    tab_to(".scroll-x")
    tab_to("button[aria-controls=comparable-0]")
    press("Enter")
    assert page.locator("#comparable-0").is_visible()


def test_results_and_errors_are_announced(open_page: OpenPage) -> None:
    page = open_page(link(HOME), refusals=True)
    shown_price(page)
    assert page.locator(".price").inner_text() in page.locator("[role=status]#status").inner_text()
    page.fill("[name=square_footage]", "")
    page.click("text=Value this home")
    page.wait_for_function("() => document.querySelector('#status').textContent.includes('is required')")


def test_the_lightness_of_the_maps_colours_is_monotone(open_page: OpenPage) -> None:
    """So the order of prices is visible in grey, and with any kind of colour vision."""
    page = open_page()
    for dark in (False, True):
        colours = page.evaluate(
            "dark => import('/home/colours.js').then(({ colourScale }) => colourScale(dark))", dark
        )
        linear = [
            [
                (channel / 255 / 12.92) if channel < 11 else ((channel / 255 + 0.055) / 1.055) ** 2.4
                for channel in colour
            ]
            for colour in colours
        ]
        lightness = [0.2126 * red + 0.7152 * green + 0.0722 * blue for red, green, blue in linear]
        steps = [after - before for before, after in pairwise(lightness)]
        assert len(colours) == 256
        assert all(step > -0.002 if dark else step < 0.002 for step in steps)
        ends = sorted((lightness[0], lightness[-1]))
        assert (ends[1] + 0.05) / (ends[0] + 0.05) > 6
