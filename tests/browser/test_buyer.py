"""A home buyer's tasks, from finding the home to the printed valuation, on a desktop and on a phone."""

import datetime as dt
import re
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import OpenPage, serving
from tests.browser.page_actions import HOME, call_api, dollars, facts_in_address, link, shown_price
from tests.browser.test_listings import LISTINGS, write_csv
from tests.service.routes.test_search import geocoder

PHONE = {"width": 390, "height": 844}


def test_a_buyer_finds_the_home_by_what_they_know(open_page: OpenPage, tmp_path: Any) -> None:
    page = open_page("#listings")
    page.set_input_files("#listings-file", write_csv(tmp_path / "listings.csv", LISTINGS))
    page.wait_for_selector(".deals")
    page.click("text=Value a home")
    page.wait_for_selector(".area-label:text('Seattle')", state="attached")
    find = page.locator("#find")
    find.fill("47°36'36\"N 122°19'48\"W")
    page.click(".found-places button:text('47.61, -122.33')")
    assert (page.input_value("[name=latitude]"), page.input_value("[name=longitude]")) == ("47.61", "-122.33")
    find.fill("981")
    page.wait_for_function("() => document.querySelectorAll('.found-places button').length === 8")
    find.fill("98103")
    page.wait_for_selector(".found-places button:text('98103 Seattle')")
    before = page.locator("#map .metres").inner_text()
    find.press("Enter")
    page.wait_for_selector("text=The map shows 98103 Seattle. Click where the home is.")
    page.wait_for_function("before => document.querySelector('#map .metres').textContent !== before", arg=before)
    sale = call_api(page, "search?q=Seattle")
    assert [place["found_by"] for place in sale["places"]] == ["city"]
    find.fill("nowhere at all")
    page.wait_for_selector("text=Nothing found.")
    find.fill("fair")  # the number of a listing of this tab
    find.press("Enter")
    page.wait_for_selector("#opened-heading:text('Listing fair')")
    shown_price(page)


def test_a_buyer_sees_what_the_home_sold_for_before(open_page: OpenPage) -> None:
    page = open_page(**PHONE)
    number = page.evaluate(
        """async () => {
        const { price } = await (await fetch("sales")).json();
        return price[10];
        }"""
    )
    sold = call_api(page, "sales")
    row = next(row for row in range(sold["count"]) if sold["price"][row] == number)
    facts = {"latitude": sold["latitude"][row], "longitude": sold["longitude"][row]}
    used = call_api(page, "predict?include=comparables", facts | {"square_footage": sold["size"][row]})
    same = next(sale for sale in used["comparables"]["used"] if sale["row"] == row)["facts"]
    home = facts | {name: same[name] for name in ("square_footage", "bedrooms", "bathrooms", "year_built")}
    page = open_page(link(home), **PHONE)
    shown_price(page)
    (own,) = call_api(page, "predict?include=own_sales", home)["own_sales"]
    text = page.locator(".own-sales").inner_text()
    day = dt.date.fromisoformat(own["date"])
    assert f"This home sold for {dollars(own['price'])} on {day:%b} {day.day}, {day.year}." in text
    assert dollars(own["price_now"]) in text
    in_view = "() => document.querySelector('.price').getBoundingClientRect().top < innerHeight"
    page.wait_for_function(in_view)  # a phone jumps to the price
    page.evaluate("scrollTo(0, 0)")
    page.click(f".jump:text('{page.locator('.price').inner_text()}')")
    page.wait_for_function(in_view)


def test_a_buyer_chooses_the_comparables(open_page: OpenPage) -> None:
    page = open_page(link(HOME), scheme="dark")
    price = shown_price(page)
    suggested = page.locator(".suggested")
    page.select_option("#choice-size", "20")
    page.wait_for_selector(".suggested strong")
    page.select_option("#choice-radius", label="5 mi")
    chosen = call_api(page, f"comparables?size_percent=20&radius_km={5 * 1.609344}", HOME)
    page.wait_for_function(
        "price => document.querySelector('.suggested strong')?.dataset.price == price", arg=chosen["price"]
    )
    change = abs(chosen["price"] / price - 1)
    assert (
        f"{100 * change:.0f}% {'below' if chosen['price'] < price else 'above'} the estimate of {dollars(price)}"
        in suggested.inner_text()
    )
    assert f"They have {100 * chosen['weight_share']:.0f}% of the weight" in suggested.inner_text()
    assert page.locator(".comparable").count() == min(len(chosen["sales"]), 12)
    page.click("[aria-label='Drop comparable 1']")
    dropped = chosen["sales"][0]["row"]
    without = call_api(page, f"comparables?size_percent=20&radius_km={5 * 1.609344}&dropped={dropped}", HOME)
    page.wait_for_function(
        "price => document.querySelector('.suggested strong').dataset.price == price", arg=without["price"]
    )
    page.click("[aria-label='Pin comparable 2']")
    page.wait_for_selector(
        "[aria-label='Pin comparable 2'][aria-pressed=true], [aria-label='Pin comparable 1'][aria-pressed=true]"
    )
    page.select_option("#choice-radius", label="0.25 mi")
    pinned = without["sales"][1]["row"]
    few = call_api(
        page, f"comparables?size_percent=20&radius_km={0.25 * 1.609344}&pinned={pinned}&dropped={dropped}", HOME
    )
    page.wait_for_function(
        "price => document.querySelector('.suggested strong')?.dataset.price == price", arg=few["price"]
    )
    assert pinned in [sale["row"] for sale in few["sales"]]
    page.click("button:text('The model’s own comparables')")
    assert suggested.inner_text() == ""
    assert shown_price(page) == price


def test_old_prices_are_said_and_forecast_on_request(open_page: OpenPage) -> None:
    def at(day: str) -> Any:
        return lambda page: page.add_init_script(f"Date.now = () => Date.parse('{day}T12:00:00Z');")

    assert open_page(before=at("2015-06-20")).locator(".day").count() == 0
    page = open_page(link(HOME), before=at("2016-05-15"))
    shown_price(page)
    banner = page.locator(".day")
    newest = dt.date.fromisoformat(call_api(page, "model")["sale_dates"][1])
    assert f"Prices as of {newest:%B} {newest.day}, {newest.year}, 12 months ago." in banner.inner_text()
    page.click("text=Value as of today")
    page.wait_for_selector("text=As of May 15, 2016")
    assert shown_price(page) == call_api(page, "predict", HOME | {"valuation_date": "2016-05-15"})["price"]
    index = call_api(page, "index")
    month = index["month"].index("2016-05")
    low, high = (f"{100 * (index[end][month] - 1):+.0f}%".replace("-", "−") for end in ("low", "high"))
    page.wait_for_selector(f"text=between {low} and {high}")
    page = open_page(link(HOME), before=at("2026-11-28"))
    assert "12 years ago" in page.locator(".day").inner_text()
    page.click("text=the last day with a forecast")
    last = call_api(page, "model")["last_valuation_date"]
    page.wait_for_function("() => location.hash.includes('valuation_date')")
    assert facts_in_address(page)["valuation_date"] == last


def test_back_and_forward_show_earlier_homes(open_page: OpenPage) -> None:
    page = open_page(link(HOME))
    first = shown_price(page)
    page.fill("[name=square_footage]", "3000")
    page.keyboard.press("Enter")
    page.wait_for_function("price => document.querySelector('.price')?.dataset.price != price", arg=first)
    second = shown_price(page)
    page.click("text=Clear")
    page.go_back()
    page.wait_for_function("price => document.querySelector('.price')?.dataset.price == price", arg=second)
    assert page.input_value("[name=square_footage]") == "3000"
    page.go_back()
    page.wait_for_function("price => document.querySelector('.price')?.dataset.price == price", arg=first)
    page.go_forward()
    page.wait_for_function("price => document.querySelector('.price')?.dataset.price == price", arg=second)
    page.go_forward()
    page.wait_for_function(
        "() => !document.querySelector('.price') && document.querySelector('[name=grade]').value === ''"
    )


def test_a_reload_keeps_the_upload(open_page: OpenPage, tmp_path: Any) -> None:
    page = open_page("#listings")
    page.set_input_files("#listings-file", write_csv(tmp_path / "listings.csv", LISTINGS))
    page.wait_for_selector(".deals")
    shown = page.locator(".deals").inner_text()
    page.reload()
    page.wait_for_selector(".deals")
    assert page.locator(".deals").inner_text() == shown
    other = open_page("#listings")
    other.wait_for_selector(".terms")
    assert other.locator(".deals").count() == 0, "another tab has its own upload"


def test_a_lost_connection_is_retried(open_page: OpenPage) -> None:
    page = open_page(link(HOME), refusals=True)
    price = shown_price(page)
    page.context.set_offline(True)
    page.click("text=Value this home")
    page.wait_for_selector(".refused button:text('Try again')")
    page.context.set_offline(False)  # the browser says that it is online again
    assert shown_price(page) == price
    page = open_page(refusals=True, before=lambda page: page.route("**/sales", lambda route: route.abort()))
    page.unroute("**/sales")
    page.click("#map-error button")
    page.wait_for_selector("canvas")
    assert page.locator("#map-error").is_hidden()


def test_the_page_shows_its_shape_while_it_loads(open_page: OpenPage) -> None:
    held: list[Any] = []

    def hold(route: Any) -> None:
        held.append(route)

    page = open_page(wait=False, before=lambda page: page.route("**/model", hold))
    page.wait_for_selector(".skeleton.stage")
    assert page.locator(".skeleton.lines").is_visible()
    page.wait_for_function(
        "() => performance.getEntriesByType('resource').some(({ name }) => name.endsWith('/sales'))"
    )
    held.pop().continue_()
    page.wait_for_selector("canvas")
    assert page.locator(".skeleton").count() == 0


@pytest.mark.parametrize("home", [HOME, HOME | {"year_built": 1960, "postal_code": "98144", "bathrooms": 2.5}])
def test_a_valuation_is_printed_on_one_page(open_page: OpenPage, home: dict[str, Any]) -> None:
    page = open_page(link(home))
    price = shown_price(page)
    model = call_api(page, "model")
    pdf = page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 1
    page.emulate_media(media="print")
    text = page.locator("body").inner_text()
    for part in (
        dollars(price),
        "2,000 ft²",
        model["model_version"],
        model["sha256"],
        "Comparable sales",
        "not an appraisal",
    ):
        assert part in text
    assert page.locator("canvas").is_visible()
    for hidden in (".form", ".explanation", ".row-actions >> nth=0", "nav"):
        assert not page.locator(hidden).is_visible()


def test_an_address_is_sought_by_the_geocoder_that_the_operator_chose(
    open_page: OpenPage, small_king_county: Path, tmp_path: Path
) -> None:
    with (
        geocoder() as (host, asked),
        serving(small_king_county, tmp_path, geocoder=f"{host}/nominatim?q={{query}}") as address,
    ):
        page = open_page(address=address, **PHONE)
        page.fill("#find", "1 Pine St")
        page.wait_for_selector("text=Search addresses for “1 Pine St”")
        assert asked == [], "an address goes to another server only when the user wants it"
        page.press("#find", "Enter")
        page.click(".found-places button:has-text('address')")
        assert (page.input_value("[name=latitude]"), page.input_value("[name=longitude]")) == ("47.61", "-122.34")
        assert asked == ["1 Pine St"]
