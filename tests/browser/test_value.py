"""Valuing a home in the browser: the page shows exactly what the API answers."""

import datetime as dt
from typing import Any

import pytest

from tests.browser.conftest import OpenPage
from tests.browser.page_actions import (
    HOME,
    LOCATION,
    REFUSED_HOME,
    call_api,
    dollars,
    facts_in_address,
    link,
    shown_price,
    signed,
)


def drag(page: Any, locator: Any, share: float, along: Any) -> None:
    """Drag an element to a share of another element's width."""
    box, track = locator.bounding_box(), along.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(track["x"] + track["width"] * share, box["y"] + 5, steps=12)
    page.mouse.up()


def test_a_home_placed_on_the_map_gets_the_price_of_predict(open_page: OpenPage) -> None:
    page = open_page()
    page.fill("[name=square_footage]", "2,000")
    stage = page.locator(".stage").bounding_box()
    page.mouse.click(stage["x"] + stage["width"] * 0.42, stage["y"] + stage["height"] * 0.4)
    price = shown_price(page)
    facts = facts_in_address(page)
    assert set(facts) == {"latitude", "longitude", "square_footage"}
    assert facts["square_footage"] == 2000
    answer = call_api(page, "predict", facts)
    assert price == answer["price"]
    assert (
        page.locator(".range-text").inner_text()
        == f"{dollars(answer['price_low'])} to {dollars(answer['price_high'])}"
    )
    date = dt.date.fromisoformat(answer["valuation_date"])
    assert f"As of {date:%B} {date.day}, {date.year}" in page.locator(".price-card").inner_text()
    assert page.locator("footer").inner_text().startswith("An automated valuation is not an appraisal.")
    assert (
        page.locator(".facts-used summary").inner_text() == "Based on 3 facts you entered and "
        f"{len(answer['looked_up'])} looked up; {len(answer['unknown'])} are missing"
    )
    page.click(".facts-used summary")
    chips = [chip.partition(":") for chip in page.locator(".chip.open").all_inner_texts()]
    assert [name.lower().replace(" ", "_") for name, _, _ in chips] == answer["looked_up"] + answer["unknown"]
    found = call_api(page, "predict?include=looked_up_values", facts)["looked_up_values"]
    code = found["postal_code"]["value"]
    assert f"Looked up by postal code {code}, that of the nearest" in page.locator(".facts-used").inner_text()
    shown = {name: value.strip().replace(",", "") for name, colon, value in chips if colon}
    assert shown == {name.replace("_", " ").capitalize(): str(value["value"]) for name, value in found.items()}
    page.click(".chip.open >> text=Grade")
    assert page.evaluate("document.activeElement.name") == "grade"
    page.keyboard.type("9")
    page.keyboard.press("Enter")
    page.wait_for_function(f"() => document.querySelector('.price').dataset.price != {price}")
    assert shown_price(page) == call_api(page, "predict", facts | {"grade": 9})["price"]


def test_a_click_places_the_home_where_the_map_was_clicked(open_page: OpenPage) -> None:
    page = open_page()
    stage = page.locator(".stage").bounding_box()
    x, y = stage["x"] + 200, stage["y"] + 150
    page.mouse.click(x, y)
    pin = page.locator(".subject path").bounding_box()
    assert abs(pin["x"] + pin["width"] / 2 - x) < 2
    assert abs(pin["y"] + pin["height"] - y) < 5  # the white line around it
    before = page.input_value("[name=latitude]"), page.input_value("[name=longitude]")
    # The same point after zooming in there and dragging the map.
    page.mouse.move(x, y)
    page.mouse.wheel(0, -600)
    page.mouse.down()
    page.mouse.move(x + 90, y + 60, steps=5)
    page.mouse.up()
    page.mouse.click(x + 90, y + 60)
    after = page.input_value("[name=latitude]"), page.input_value("[name=longitude]")
    for first, second in zip(before, after, strict=True):
        assert float(first) == pytest.approx(float(second), abs=0.004)


def test_two_fingers_zoom_the_map(open_page: OpenPage) -> None:
    page = open_page(width=800)
    ruler = page.locator(".metres")
    before = ruler.inner_text()
    page.evaluate(
        """() => {
        const stage = document.querySelector(".stage"), box = stage.getBoundingClientRect();
        stage.setPointerCapture = () => {};
        const send = (type, pointerId, x) => stage.dispatchEvent(new PointerEvent(type, {
          pointerId, pointerType: "touch", button: 0, bubbles: true, clientX: box.x + x, clientY: box.y + 150 }));
        send("pointerdown", 1, 300); send("pointerdown", 2, 360);
        for (let step = 0; step < 120; step += 10) {
          send("pointermove", 1, 290 - step);
          send("pointermove", 2, 370 + step);
        }
        send("pointerup", 1, 180); send("pointerup", 2, 480);
        }"""
    )
    page.wait_for_function("before => document.querySelector('.metres').textContent !== before", arg=before)
    assert page.input_value("[name=latitude]") == "", "a pinch places no home"


def test_the_range_of_another_confidence_is_the_servers(open_page: OpenPage) -> None:
    page = open_page(link(HOME))
    shown_price(page)
    for share in (99, 50, 73):
        page.locator("#confidence").fill(str(share))
        answer = call_api(page, f"predict?confidence={share / 100}&include=what_if:square_footage", HOME)
        between = f"{dollars(answer['price_low'])} to {dollars(answer['price_high'])}"
        page.wait_for_function("text => document.querySelector('.range-text').textContent === text", arg=between)
        assert f"About {share} of 100 homes" in page.locator(".price-card").inner_text()
        own = next(point for point in answer["what_if"]["square_footage"] if point["value"] == 2000)
        assert dollars(own["price_high"]) in page.locator(".reading").inner_text()
    assert page.url.endswith("confidence=0.73")


def test_the_handle_moves_along_the_servers_points(open_page: OpenPage) -> None:
    page = open_page(link(HOME))
    shown_price(page)
    points = call_api(page, "predict?include=what_if:square_footage", HOME)["what_if"]["square_footage"]
    handle, chart = page.locator(".handle"), page.locator(".chart")
    handle.scroll_into_view_if_needed()
    prices = set()
    for share in (0.99, 0.5, 0.02):
        drag(page, page.locator(".handle circle").first, share, chart)
        shown = page.locator(".reading strong")
        price = float(shown.get_attribute("data-price"))
        point = points[int(handle.get_attribute("aria-valuenow"))]
        assert price == point["price"]
        assert shown.inner_text() == dollars(price)
        reading = page.locator(".reading").inner_text()
        assert f"{float(point['value']):,.2f}".rstrip("0").rstrip(".") + " ft²" in reading
        assert f"{dollars(point['price_low'])} to {dollars(point['price_high'])}" in reading
        prices.add(price)
    assert prices >= {points[0]["price"], points[-1]["price"]}
    assert len(prices) == 3
    page.click("text=Use this value")
    page.wait_for_function(f"() => document.querySelector('.price').dataset.price == {points[0]['price']}")
    assert facts_in_address(page)["square_footage"] == points[0]["value"]


@pytest.mark.parametrize("fact", ["grade", "bathrooms", "basement_area", "year_renovated"])
def test_what_if_works_for_facts_of_all_kinds(open_page: OpenPage, fact: str) -> None:
    page = open_page(link(HOME))
    shown_price(page)
    page.select_option("#what-if-fact", fact)
    points = call_api(page, f"predict?include=what_if:{fact}", HOME)["what_if"][fact]
    handle = page.locator(".handle")
    page.wait_for_function(f"() => document.querySelector('.handle').ariaValueMax == {len(points) - 1}")
    handle.focus()
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    offered = page.locator("#what-if-fact option").evaluate_all("options => options.map((option) => option.value)")
    model = call_api(page, "model")
    assert offered == [feature["name"] for feature in model["features"] if feature["changeable"]]
    assert not {"latitude", "longitude", "postal_code", "crime_rate", "year_built"} & set(offered)
    assert float(page.locator(".reading strong").get_attribute("data-price")) == points[-2]["price"]
    assert dollars(points[-2]["price"]) in handle.get_attribute("aria-valuetext")


def test_comparables_and_contributions_are_the_servers(open_page: OpenPage) -> None:
    page = open_page(link(HOME))
    shown_price(page)
    answer = call_api(page, "predict?include=comparables,contributions", HOME)
    used = answer["comparables"]["used"]
    rows = page.locator(".scroll-x > table > tbody > tr:not(.detail)")
    assert rows.count() == len(used) > 1
    for row, sale in zip(rows.all(), used, strict=True):
        text = row.inner_text()
        assert dollars(sale["price"]) in text
        assert dollars(sale["adjusted_price"]) in text
        assert f"{100 * sale['weight']:.1f}%" in text
        facts = sale["facts"]
        assert f"{facts['bedrooms']}\t{facts['bathrooms']:g}\t{facts['year_built']}\t{facts['grade']}" in text
        assert f"{sale['distance_km'] / 1.609344:.1f} mi" in text or " ft\t" in text
    page.click("button:text('Adjustments') >> nth=1")
    grid = page.locator("#comparable-1 .grid").inner_text()
    for amount in used[1]["adjustments"].values():
        assert signed(amount) in grid
    assert page.locator(".comparable").count() == len(used)
    parts = answer["contributions"]["parts"]
    missing = [amount for name, amount in parts.items() if name in answer["unknown"]]
    given = [amount for name, amount in parts.items() if name not in answer["unknown"]]
    first, last = dollars(answer["contributions"]["reference_price"]), dollars(answer["price"])
    amounts = page.locator(".waterfall tbody .amount")
    assert amounts.all_inner_texts() == [first, *map(signed, given), signed(sum(missing)), last]
    page.click(f".waterfall button:text('{len(missing)} facts not given')")
    assert amounts.all_inner_texts() == [first, *map(signed, given), *map(signed, missing), last]
    assert page.locator(".waterfall .note:text('not given')").count() == len(missing)
    assert page.locator(".waterfall .note:text('looked up')").count() == len(
        set(answer["looked_up"]) & parts.keys()
    )


def test_a_link_is_valued_and_kept_in_the_address(open_page: OpenPage) -> None:
    facts = HOME | {"waterfront": "true", "postal_code": "98144", "valuation_date": "2015-01-31"}
    page = open_page(link(facts | {"confidence": 0.8}))
    price = shown_price(page)
    answer = call_api(page, "predict?confidence=0.8", facts | {"waterfront": True})
    assert price == answer["price"]
    assert dollars(answer["price_high"]) in page.locator(".range-text").inner_text()
    again = open_page(page.evaluate("location.hash"))
    assert shown_price(again) == price
    assert again.locator("#confidence").input_value() == "80"
    # Another link in the same tab shows another home.
    again.evaluate("hash => (location.hash = hash)", link(HOME))
    again.wait_for_function(f"() => document.querySelector('.price').dataset.price != {price}")
    assert shown_price(again) == call_api(again, "predict", HOME)["price"]


def test_the_page_links_to_the_training_report(open_page: OpenPage) -> None:
    page = open_page()
    page.click("#report")
    page.wait_for_url("**/report")
    assert page.locator("h1").inner_text().lower() == "training report: king county"
    assert page.evaluate("() => [...document.images].every(image => image.naturalWidth > 0)")


def test_the_link_is_copied(open_page: OpenPage) -> None:
    page = open_page(link(HOME))
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    shown_price(page)
    page.click("text=Copy link")
    page.wait_for_selector("text=Copied.")
    assert page.evaluate("navigator.clipboard.readText()") == page.url


def test_the_example_can_be_valued_and_cleared(open_page: OpenPage) -> None:
    page = open_page()
    page.click("text=Try an example")
    example = call_api(page, "model")["example"]
    assert shown_price(page) == example["answer"]["price"]
    page.click("text=Clear")
    assert page.input_value("[name=square_footage]") == ""
    assert page.locator(".price").count() == 0
    assert "=" not in page.url


def field_error(page: Any, name: str) -> str:
    """Return the error of a field, found through its description as screen readers do."""
    page.wait_for_selector(f"[name={name}][aria-invalid]")
    ids = page.locator(f"[name={name}]").get_attribute("aria-describedby").split()
    text: str = page.locator(f"#{ids[-1]}").inner_text()
    return text.strip()


def test_errors_are_shown_beside_their_fields(open_page: OpenPage) -> None:
    page = open_page(refusals=True)
    page.click("text=Value this home")
    for name in ("latitude", "longitude", "square_footage"):
        assert field_error(page, name) == "is required"
    assert page.evaluate("document.activeElement.name") == "latitude"
    page.click(".more summary")
    wrong = {
        "latitude": "10",
        "longitude": "-122.3",
        "square_footage": "large",
        "grade": "7.5",
        "year_built": "1,9",
    }
    for name, text in wrong.items():
        page.fill(f"[name={name}]", text)
    page.click(".more summary")
    page.click("text=Value this home")
    sent = {"latitude": 10, "longitude": -122.3, "square_footage": "large", "grade": 7.5, "year_built": "1,9"}
    problem = call_api(page, "predict", sent)
    assert {error["field"] for error in problem["errors"]} == {"latitude", "square_footage", "grade", "year_built"}
    for error in problem["errors"]:
        page.wait_for_function(
            "([name, text]) => document.querySelector(`#fact-${name}-error`).textContent === text",
            arg=[error["field"], error["message"]],
        )
        assert page.locator(f"[name={error['field']}]").is_visible(), (
            "the section of a field with an error is opened"
        )
    assert page.locator("[name=longitude][aria-invalid]").count() == 0
    page.fill("[name=latitude]", "47.6")
    page.fill("[name=square_footage]", "2 000")
    page.fill("[name=grade]", "7")
    page.fill("[name=year_built]", "1990")
    page.click("text=Value this home")
    assert (
        shown_price(page)
        == call_api(page, "predict", LOCATION | {"square_footage": 2000, "grade": 7, "year_built": 1990})["price"]
    )
    assert page.locator("[aria-invalid]").count() == 0


def test_a_corrected_field_is_valued_without_a_click(open_page: OpenPage) -> None:
    page = open_page(link(LOCATION | {"square_footage": "big"}), refusals=True)
    assert "big" in field_error(page, "square_footage")
    page.fill("[name=square_footage]", "2000")
    page.keyboard.press("Tab")
    assert shown_price(page) == call_api(page, "predict", LOCATION | {"square_footage": 2000})["price"]
    assert page.locator("[aria-invalid]").count() == 0


def test_a_home_unlike_all_sales_gets_reasons_instead_of_a_price(open_page: OpenPage) -> None:
    page = open_page(link(REFUSED_HOME), refusals=True)
    page.wait_for_selector(".refused")
    problem = call_api(page, "predict", REFUSED_HOME)
    assert problem["type"] == "/problems/out-of-reach"
    text = page.locator(".refused").inner_text()
    assert "We can’t value this home: nothing similar has sold." in text
    first_of_field = {error["field"]: error["message"] for error in reversed(problem["errors"])}
    for field, message in first_of_field.items():
        assert text.count(message) == 1
        assert field_error(page, field) == "", "marked, and said once: in the card"
    assert page.locator("#status").inner_text() == "", "the card is an alert, which is read out by itself"
    assert page.locator(".price").count() == 0
    page.click(".refused .link >> nth=0")
    assert page.evaluate("document.activeElement.name") == problem["errors"][0]["field"]


def test_warnings_are_shown(open_page: OpenPage) -> None:
    facts = HOME | {"valuation_date": "2020-01-01"}
    page = open_page(link(facts))
    shown_price(page)
    answer = call_api(page, "predict", facts)
    assert page.locator(".price-card .notice li").all_inner_texts() == answer["warnings"] != []


def test_the_date_can_be_up_to_the_last_day_of_the_forecast(open_page: OpenPage) -> None:
    page = open_page()
    field = page.locator("[name=valuation_date]")
    model = call_api(page, "model")
    assert field.get_attribute("min") == model["sale_dates"][0]
    assert field.get_attribute("max") == model["last_valuation_date"]
    last = dt.date.fromisoformat(model["last_valuation_date"])
    help_text = page.locator("#fact-valuation_date-help").text_content()
    assert f"to {last:%b} {last.day}, {last.year}" in help_text
    facts = HOME | {"valuation_date": model["last_valuation_date"]}
    page = open_page(link(facts))
    shown_price(page)
    assert "so the price is a forecast" in page.locator(".price-card .notice").inner_text()


def test_unknown_facts_in_a_link_are_reported(open_page: OpenPage) -> None:
    page = open_page(link(HOME | {"turrets": 3}))
    assert shown_price(page) == call_api(page, "predict", HOME)["price"]
    page = open_page("#turrets=3")
    assert "turrets" in page.locator("#alert").inner_text()


def test_server_errors_and_lost_connections_are_reported(open_page: OpenPage) -> None:
    page = open_page(refusals=True)
    page.route("**/predict*", lambda route: route.abort())
    page.click("text=Try an example")
    page.wait_for_selector("text=We couldn’t reach the server")
    page.unroute("**/predict*")
    page.route("**/predict*", lambda route: route.fulfill(status=502, body="<html>bad gateway"))
    page.click("text=Value this home")
    page.wait_for_selector("text=The server answered with error 502")
    page.unroute("**/predict*")
    page.click("text=Value this home")
    shown_price(page)
    page.route("**/predict*", lambda route: route.abort())
    page.locator("#confidence").fill("60")
    page.wait_for_selector("text=We couldn’t reach the server")


def test_the_page_waits_while_the_model_is_loading(open_page: OpenPage) -> None:
    requests = []

    def first_busy(route: Any) -> None:
        requests.append(route)
        if len(requests) > 1:
            route.continue_()
        else:
            problem = {"title": "Not ready", "status": 503, "detail": "no model", "type": "/problems/not-ready"}
            route.fulfill(status=503, json=problem)

    def while_loading(page: Any) -> None:
        page.route("**/model", first_busy)
        page.route("**/sales", lambda route: route.fulfill(status=503, body="not yet"), times=1)

    page = open_page(link(HOME), refusals=True, before=while_loading)
    shown_price(page)
    assert len(requests) >= 2
    page.wait_for_selector(".stage")
    assert page.locator("#alert").is_hidden()


def test_the_page_requests_an_api_key_where_the_server_needs_one(
    open_page: OpenPage, server_with_key: str
) -> None:
    page = open_page(link(HOME), address=server_with_key, refusals=True, wait=False)
    page.fill("#key", "wrong")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=The API key is not known to this server")
    page.fill("#key", "open sesame")
    page.keyboard.press("Enter")
    shown_price(page)
    page.wait_for_selector(".stage")
    page.reload()
    shown_price(page)
    assert page.locator("#report").is_hidden(), "a link cannot send a key"


def test_the_page_works_without_its_map(open_page: OpenPage) -> None:
    page = open_page(
        link(HOME), refusals=True, before=lambda page: page.route("**/sales", lambda route: route.abort())
    )
    shown_price(page)
    assert "We couldn’t load the map" in page.locator("#map-error").inner_text()


def test_another_market_has_its_own_facts_and_currency(open_page: OpenPage, town: str) -> None:
    page = open_page(address=town)
    model = call_api(page, "model")
    has_map = any(feature["kind"] == "latitude" for feature in model["features"])
    assert page.locator("#map").is_visible() == has_map
    names = page.locator("form [name]").evaluate_all("fields => fields.map((field) => field.name)")
    assert set(names) == {feature["name"] for feature in model["features"]}
    page.click(".more summary")
    page.wait_for_selector("#fact-quarter-suggestions option", state="attached")
    suggestions = page.locator("#fact-quarter-suggestions option").evaluate_all(
        "options => options.map((option) => option.value)"
    )
    assert set(suggestions) == {"Öland", "old town", "harbour, east", 'the "hill"'}
    page.fill("[name=size]", "80.5")
    page.fill("[name=quarter]", 'the "hill"')
    page.select_option("[name=garden]", "true")
    page.fill("[name=renovated]", "1990-05-01")
    page.keyboard.press("Enter")
    page.wait_for_selector(".price[data-price]")
    facts = {"size": 80.5, "quarter": 'the "hill"', "garden": True, "renovated": "1990-05-01"}
    answer = call_api(page, "predict", facts)
    assert float(page.locator(".price").get_attribute("data-price")) == answer["price"]
    assert page.locator(".price").inner_text().replace("\u00a0", " ") == f"SEK {answer['price']:,.0f}"
    for fact in ("quarter", "renovated", "garden"):
        page.select_option("#what-if-fact", fact)
        page.wait_for_function(
            "label => document.querySelector('.handle').ariaLabel.startsWith(label)", arg=fact.capitalize()
        )
    page.reload()
    page.wait_for_selector(".price[data-price]")
    assert float(page.locator(".price").get_attribute("data-price")) == answer["price"]


def test_the_chances_on_the_page_are_those_of_the_api(open_page: OpenPage) -> None:
    page = open_page(link(HOME))
    shown_price(page)
    answer = call_api(page, "predict", HOME)
    card = page.locator(".price-card")
    within = f"within 10% of the sale price: {100 * answer['probability_within_10']:.0f}%."
    assert within in card.inner_text()
    page.fill("#price-above", "450,000")
    page.wait_for_function("() => document.querySelector('[for=price-above] ~ output').textContent.endsWith('%')")
    above = call_api(page, "predict?price_above=450000", HOME)["probability_above"]
    assert page.locator(".above output").inner_text() == f"{100 * above:.0f}%"
    page.fill("#price-above", "much")
    page.wait_for_function("() => document.querySelector('.above output').textContent.startsWith('Enter a price')")
    assert shown_price(page) == answer["price"]


def test_a_model_without_ranges_shows_a_price_and_why_there_is_no_range(
    open_page: OpenPage, without_ranges: str
) -> None:
    page = open_page(link(HOME), address=without_ranges)
    price = shown_price(page)
    answer = call_api(page, "predict", HOME)
    assert (price, answer["price_low"]) == (answer["price"], None)
    assert not page.locator("#confidence").is_visible()
    assert not page.locator(".range-text").is_visible()
    assert answer["warnings"][0] in page.locator(".price-card").inner_text()
    assert " to " not in page.locator(".reading").inner_text()
    page.wait_for_selector(".chart .curve")
    assert "NaN" not in page.locator(".chart").first.evaluate("node => node.outerHTML")
