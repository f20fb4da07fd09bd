"""Valuing a home in the browser: what stands on the page is what the server says to any program."""

import datetime as dt
from typing import Any

import pytest

from tests.browser.asking import FAR, HOME, PLACE, ask, dollars, facts_in, link, shown_price, signed
from tests.browser.conftest import OpenPage


def drag(page: Any, locator: Any, share: float, along: Any) -> None:
    """Drag something to a share of another thing's width."""
    box, room = locator.bounding_box(), along.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(room["x"] + room["width"] * share, box["y"] + 5, steps=12)
    page.mouse.up()


def test_a_home_put_on_the_map_gets_the_price_of_predict(open_page: OpenPage) -> None:
    page = open_page()
    page.fill("[name=square_footage]", "2,000")
    stage = page.locator(".stage").bounding_box()
    page.mouse.click(stage["x"] + stage["width"] * 0.42, stage["y"] + stage["height"] * 0.4)
    price = shown_price(page)
    facts = facts_in(page)
    assert set(facts) == {"latitude", "longitude", "square_footage"}
    assert facts["square_footage"] == 2000
    answer = ask(page, "predict", facts)
    assert price == answer["price"]
    assert (
        page.locator(".between").inner_text()
        == f"{dollars(answer['price_low'])} to {dollars(answer['price_high'])}"
    )
    day = dt.date.fromisoformat(answer["valuation_date"])
    assert f"{day:%B} {day.day}, {day.year}" in page.locator(".worth").inner_text()
    assert page.locator("footer").inner_text().startswith("An automated valuation is not an appraisal.")
    page.click(".knowledge summary")
    chips = page.locator(".chip.open").all_inner_texts()
    assert [chip.lower().replace(" ", "_") for chip in chips] == answer["looked_up"] + answer["unknown"]
    page.click(".chip.open >> text=Grade")
    assert page.evaluate("document.activeElement.name") == "grade"
    page.keyboard.type("11")
    page.keyboard.press("Enter")
    page.wait_for_function(f"() => document.querySelector('.price').dataset.price != {price}")
    assert shown_price(page) == ask(page, "predict", facts | {"grade": 11})["price"]


def test_a_click_places_the_home_where_the_map_was_clicked(open_page: OpenPage) -> None:
    page = open_page()
    stage = page.locator(".stage").bounding_box()
    x, y = stage["x"] + 200, stage["y"] + 150
    page.mouse.click(x, y)
    pin = page.locator(".subject path").bounding_box()
    assert abs(pin["x"] + pin["width"] / 2 - x) < 2
    assert abs(pin["y"] + pin["height"] - y) < 5  # the white line around it
    before = page.input_value("[name=latitude]"), page.input_value("[name=longitude]")
    # The same point after zooming there and dragging the map along.
    page.mouse.move(x, y)
    page.mouse.wheel(0, -600)
    page.mouse.down()
    page.mouse.move(x + 90, y + 60, steps=5)
    page.mouse.up()
    page.mouse.click(x + 90, y + 60)
    after = page.input_value("[name=latitude]"), page.input_value("[name=longitude]")
    for one, other in zip(before, after, strict=True):
        assert float(one) == pytest.approx(float(other), abs=0.004)


def test_fingers_zoom_and_move_the_map(open_page: OpenPage) -> None:
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


def test_a_surer_range_is_the_servers(open_page: OpenPage) -> None:
    page = open_page(link(HOME))
    shown_price(page)
    for share in (99, 50, 73):
        page.locator("#confidence").fill(str(share))
        answer = ask(page, f"predict?confidence={share / 100}&include=what_if:square_footage", HOME)
        between = f"{dollars(answer['price_low'])} to {dollars(answer['price_high'])}"
        page.wait_for_function("text => document.querySelector('.between').textContent === text", arg=between)
        assert f"about {share} sell" in page.locator(".worth").inner_text()
        own = next(point for point in answer["what_if"]["square_footage"] if point["value"] == 2000)
        assert dollars(own["price_high"]) in page.locator(".reading").inner_text()
    assert page.url.endswith("confidence=0.73")


def test_the_handle_goes_along_the_servers_points(open_page: OpenPage) -> None:
    page = open_page(link(HOME))
    shown_price(page)
    points = ask(page, "predict?include=what_if:square_footage", HOME)["what_if"]["square_footage"]
    handle, chart = page.locator(".handle"), page.locator(".chart")
    handle.scroll_into_view_if_needed()
    seen = set()
    for share in (0.99, 0.5, 0.02):
        drag(page, page.locator(".handle circle").first, share, chart)
        told = page.locator(".reading strong")
        price = float(told.get_attribute("data-price"))
        point = points[int(handle.get_attribute("aria-valuenow"))]
        assert price == point["price"]
        assert told.inner_text() == dollars(price)
        reading = page.locator(".reading").inner_text()
        assert f"{float(point['value']):,.2f}".rstrip("0").rstrip(".") + " ft²" in reading
        assert f"{dollars(point['price_low'])} to {dollars(point['price_high'])}" in reading
        seen.add(price)
    assert seen >= {points[0]["price"], points[-1]["price"]}
    assert len(seen) == 3
    page.click("text=Use this value")
    page.wait_for_function(f"() => document.querySelector('.price').dataset.price == {points[0]['price']}")
    assert facts_in(page)["square_footage"] == points[0]["value"]


@pytest.mark.parametrize("fact", ["grade", "postal_code", "waterfront", "lot_size", "longitude", "year_built"])
def test_any_fact_can_be_moved(open_page: OpenPage, fact: str) -> None:
    page = open_page(link(HOME))
    shown_price(page)
    page.select_option("#what-if-fact", fact)
    points = ask(page, f"predict?include=what_if:{fact}", HOME)["what_if"][fact]
    handle = page.locator(".handle")
    page.wait_for_function(f"() => document.querySelector('.handle').ariaValueMax == {len(points) - 1}")
    handle.focus()
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    assert float(page.locator(".reading strong").get_attribute("data-price")) == points[-2]["price"]
    assert dollars(points[-2]["price"]) in handle.get_attribute("aria-valuetext")


def test_the_reasons_are_the_servers(open_page: OpenPage) -> None:
    page = open_page(link(HOME))
    shown_price(page)
    answer = ask(page, "predict?include=comparables,contributions", HOME)
    used = answer["comparables"]["used"]
    rows = page.locator(".scrolled > table > tbody > tr:not(.detail)")
    assert rows.count() == len(used) > 1
    for row, sale in zip(rows.all(), used, strict=True):
        text = row.inner_text()
        assert dollars(sale["price"]) in text
        assert dollars(sale["adjusted_price"]) in text
        assert f"{100 * sale['weight']:.1f}%" in text
    page.click("button:text('Adjustments') >> nth=1")
    grid = page.locator("#comparable-1 .grid").inner_text()
    for amount in used[1]["adjustments"].values():
        assert signed(amount) in grid
    assert page.locator(".comparable").count() == len(used)
    if page.locator(".waterfall .link").count():
        page.click(".waterfall .link")
    amounts = page.locator(".waterfall tbody .amount").all_inner_texts()
    parts = answer["contributions"]["parts"]
    first = dollars(answer["contributions"]["reference_price"])
    assert amounts == [first, *(signed(amount) for amount in parts.values()), dollars(answer["price"])]


def test_an_opened_link_is_valued_and_made_again(open_page: OpenPage) -> None:
    facts = HOME | {"waterfront": "true", "postal_code": "98144", "valuation_date": "2015-01-31"}
    page = open_page(link(facts | {"confidence": 0.8}))
    price = shown_price(page)
    answer = ask(page, "predict?confidence=0.8", facts | {"waterfront": True})
    assert price == answer["price"]
    assert dollars(answer["price_high"]) in page.locator(".between").inner_text()
    again = open_page(page.evaluate("location.hash"))
    assert shown_price(again) == price
    assert again.locator("#confidence").input_value() == "80"
    # Another link in the same tab is another home.
    again.evaluate("hash => (location.hash = hash)", link(HOME))
    again.wait_for_function(f"() => document.querySelector('.price').dataset.price != {price}")
    assert shown_price(again) == ask(again, "predict", HOME)["price"]


def test_the_training_report_is_one_link_away(open_page: OpenPage) -> None:
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


def test_the_example_and_the_way_back_to_nothing(open_page: OpenPage) -> None:
    page = open_page()
    page.click("text=Try an example")
    example = ask(page, "model")["example"]
    assert shown_price(page) == example["answer"]["price"]
    page.click("text=Clear")
    assert page.input_value("[name=square_footage]") == ""
    assert page.locator(".price").count() == 0
    assert "=" not in page.url


def beside(page: Any, name: str) -> str:
    """Return the complaint that stands with a field, by the field's own description."""
    page.wait_for_selector(f"[name={name}][aria-invalid]")
    shown = page.locator(f"[name={name}]").get_attribute("aria-describedby").split()
    text: str = page.locator(f"#{shown[-1]}").inner_text()
    return text.strip()


def test_what_is_wrong_stands_beside_its_field(open_page: OpenPage) -> None:
    page = open_page(refusals=True)
    page.click("text=Value this home")
    for name in ("latitude", "longitude", "square_footage"):
        assert beside(page, name) == "is required"
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
    problem = ask(page, "predict", sent)
    assert {error["field"] for error in problem["errors"]} == {"latitude", "square_footage", "grade", "year_built"}
    for error in problem["errors"]:
        page.wait_for_function(
            "([name, text]) => document.querySelector(`#fact-${name}-error`).textContent === text",
            arg=[error["field"], error["message"]],
        )
        assert page.locator(f"[name={error['field']}]").is_visible(), "what is wrong is unfolded"
    assert page.locator("[name=longitude][aria-invalid]").count() == 0
    page.fill("[name=latitude]", "47.6")
    page.fill("[name=square_footage]", "2 000")
    page.fill("[name=grade]", "7")
    page.fill("[name=year_built]", "1990")
    page.click("text=Value this home")
    assert (
        shown_price(page)
        == ask(page, "predict", PLACE | {"square_footage": 2000, "grade": 7, "year_built": 1990})["price"]
    )
    assert page.locator("[aria-invalid]").count() == 0


def test_what_is_put_right_is_valued_by_itself(open_page: OpenPage) -> None:
    page = open_page(link(PLACE | {"square_footage": "big"}), refusals=True)
    assert "big" in beside(page, "square_footage")
    page.fill("[name=square_footage]", "2000")
    page.keyboard.press("Tab")
    assert shown_price(page) == ask(page, "predict", PLACE | {"square_footage": 2000})["price"]
    assert page.locator("[aria-invalid]").count() == 0


def test_a_home_like_none_gets_no_price_but_the_reasons(open_page: OpenPage) -> None:
    page = open_page(link(FAR), refusals=True)
    page.wait_for_selector(".refused")
    problem = ask(page, "predict", FAR)
    assert problem["type"] == "/problems/out-of-reach"
    text = page.locator(".refused").inner_text()
    for error in problem["errors"]:
        assert error["message"] in text
        assert error["message"] in beside(page, error["field"])
    assert page.locator(".price").count() == 0
    page.click(".refused button >> nth=0")
    assert page.evaluate("document.activeElement.name") == problem["errors"][0]["field"]


def test_warnings_are_shown(open_page: OpenPage) -> None:
    facts = HOME | {"valuation_date": "2020-01-01"}
    page = open_page(link(facts))
    shown_price(page)
    answer = ask(page, "predict", facts)
    assert page.locator(".worth .notice li").all_inner_texts() == answer["warnings"] != []


def test_a_link_that_names_unknown_facts_says_so(open_page: OpenPage) -> None:
    page = open_page(link(HOME | {"turrets": 3}))
    assert shown_price(page) == ask(page, "predict", HOME)["price"]
    page = open_page("#turrets=3")
    assert "turrets" in page.locator("#trouble").inner_text()


def test_a_server_that_fails_or_is_gone_is_told_of(open_page: OpenPage) -> None:
    page = open_page(refusals=True)
    page.route("**/predict*", lambda route: route.abort())
    page.click("text=Try an example")
    page.wait_for_selector("text=The server cannot be reached")
    page.unroute("**/predict*")
    page.route("**/predict*", lambda route: route.fulfill(status=502, body="<html>bad gateway"))
    page.click("text=Value this home")
    page.wait_for_selector("text=The server answered 502")
    page.unroute("**/predict*")
    page.click("text=Value this home")
    shown_price(page)
    page.route("**/predict*", lambda route: route.abort())
    page.locator("#confidence").fill("60")
    page.wait_for_selector("text=The server cannot be reached")


def test_a_model_that_is_being_loaded_is_waited_for(open_page: OpenPage) -> None:
    asked = []

    def first_busy(route: Any) -> None:
        asked.append(route)
        if len(asked) > 1:
            route.continue_()
        else:
            problem = {"title": "Not ready", "status": 503, "detail": "no model", "type": "/problems/not-ready"}
            route.fulfill(status=503, json=problem)

    def while_loading(page: Any) -> None:
        page.route("**/model", first_busy)
        page.route("**/sales", lambda route: route.fulfill(status=503, body="not yet"), times=1)

    page = open_page(link(HOME), refusals=True, before=while_loading)
    shown_price(page)
    assert len(asked) >= 2
    page.wait_for_selector(".stage")
    assert page.locator("#trouble").is_hidden()


def test_a_server_with_keys_asks_for_one(open_page: OpenPage, guarded: str) -> None:
    page = open_page(link(HOME), address=guarded, refusals=True, wait=False)
    page.fill("#key", "wrong")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=The key is none of this server's")
    page.fill("#key", "open sesame")
    page.keyboard.press("Enter")
    shown_price(page)
    page.wait_for_selector(".stage")
    page.reload()
    shown_price(page)
    assert page.locator("#report").is_hidden(), "a link sends no key"


def test_without_its_map_the_page_still_values(open_page: OpenPage) -> None:
    page = open_page(
        link(HOME), refusals=True, before=lambda page: page.route("**/sales", lambda route: route.abort())
    )
    shown_price(page)
    assert "There is no map" in page.locator("#no-map").inner_text()


def test_another_market_has_its_own_facts_and_currency(open_page: OpenPage, town: str) -> None:
    page = open_page(address=town)
    model = ask(page, "model")
    placed = any(feature["kind"] == "latitude" for feature in model["features"])
    assert page.locator("#map").is_visible() == placed
    names = page.locator("form [name]").evaluate_all("fields => fields.map((field) => field.name)")
    assert set(names) == {feature["name"] for feature in model["features"]}
    page.click(".more summary")
    page.wait_for_selector("#fact-quarter-known option", state="attached")
    known = page.locator("#fact-quarter-known option").evaluate_all("options => options.map((each) => each.value)")
    assert set(known) == {"Öland", "old town", "harbour, east", 'the "hill"'}
    page.fill("[name=size]", "80.5")
    page.fill("[name=quarter]", 'the "hill"')
    page.select_option("[name=garden]", "true")
    page.fill("[name=renovated]", "1990-05-01")
    page.keyboard.press("Enter")
    page.wait_for_selector(".price[data-price]")
    facts = {"size": 80.5, "quarter": 'the "hill"', "garden": True, "renovated": "1990-05-01"}
    answer = ask(page, "predict", facts)
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
