"""The view of listings: upload a file, get the deals of `POST /screen`, see errors where they belong."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import OpenPage
from tests.browser.page_actions import HOME, REFUSED_HOME, dollars

LISTINGS: list[dict[str, Any]] = [
    {"listing_id": "bargain", "list_price": 200_000, **HOME},
    {"listing_id": "dear, very", "list_price": 3_000_000, **HOME},
    {"listing_id": "fair", "list_price": 400_000, **HOME, "square_footage": 1500, "waterfront": "Yes"},
    {"listing_id": "far", "list_price": 400_000, **REFUSED_HOME},
    {"listing_id": "free", "list_price": "none", **HOME},
]


def write_csv(path: Path, listings: list[dict[str, Any]]) -> Path:
    """Write listings of `HOME`, with what each has of its own, to a file; return its path."""
    listings = [{**HOME, **row} for row in listings]
    names = [*HOME, "waterfront", "listing_id", "list_price"]
    lines = [",".join(json.dumps(row.get(name, "")) for name in names).replace("'", "") for row in listings]
    path.write_text("\n".join([",".join(names), *lines]) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_csv(tmp_path / "listings.csv", LISTINGS)


def column(page: Any, number: int) -> list[str]:
    texts: list[str] = page.locator(f".deals tbody tr > :nth-child({number})").all_inner_texts()
    return [text.split("\n")[0] for text in texts]


def column_named(page: Any, name: str) -> list[str]:
    names = page.locator(".deals thead th").all_inner_texts()
    return column(page, 1 + names.index(name))


def test_a_planned_repair_has_its_columns_and_no_other_file_has_them(
    open_page: OpenPage, file: Path, tmp_path: Path
) -> None:
    page = open_page("#listings")
    page.set_input_files("#listings-file", file)
    page.wait_for_selector(".deals")
    assert page.locator("thead button:text-is('Value after repair')").count() == 0
    lines = file.read_text().splitlines()
    repairs = [f"{lines[0]},condition,after_condition", f"{lines[1]},3,5", *(f"{line},3," for line in lines[2:])]
    (tmp_path / "repairs.csv").write_text("\n".join(repairs))
    page.fill("#term-holding_months", "6")
    with page.expect_response("**/screen?*") as answered:
        page.set_input_files("#listings-file", tmp_path / "repairs.csv")
    deals = answered.value.json()["deals"]
    page.wait_for_selector("thead button:text-is('Value after repair')")
    expected = ["–" if deal["arv"] is None else dollars(deal["arv"]) for deal in deals]
    assert column_named(page, "Value after repair") == expected
    assert expected.count("–") == len(deals) - 1
    assert column_named(page, "70% offer") == [dollars(deal["seventy_percent_offer"]) for deal in deals]
    assert page.locator("thead button:text-is('Cash on cash if our value is right')").count() == 1
    page.click("thead button:text-is('Value after repair')")
    assert column_named(page, "Value after repair")[0] != "–"


def test_listings_become_deals_to_sort_and_to_download(open_page: OpenPage, file: Path, tmp_path: Path) -> None:
    page = open_page("#listings")
    with page.expect_response("**/screen?*") as answered:
        page.set_input_files("#listings-file", file)
    answer = answered.value.json()
    assert {deal["listing_id"] for deal in answer["deals"]} == {"bargain", "dear, very", "fair"}
    page.wait_for_selector(".deals")
    assert column(page, 2) == [deal["listing_id"] for deal in answer["deals"]]
    assert column(page, 4) == [dollars(deal["valuation"]["price"]) for deal in answer["deals"]]
    for reading, title in (("if_ask_informed", "if ask is informed"), ("if_value_right", "if our value is right")):
        offers = [dollars(deal["readings"][reading]["highest_offer"]) for deal in answer["deals"]]
        assert column_named(page, f"Highest offer {title}") == offers
    assert column_named(page, "Pays") == [deal["pays"] for deal in answer["deals"]]
    page.click("thead button:text-is('List price')")
    assert column(page, 3) == ["$3,000,000", "$400,000", "$200,000"]
    page.click("thead button:text-is('List price')")
    assert column(page, 3) == ["$200,000", "$400,000", "$3,000,000"]
    assert page.locator("th[aria-sort=ascending]").inner_text().startswith("List price")
    refused = page.locator("#refused-heading").locator("xpath=..").inner_text()
    for listing in answer["refused"]:
        assert listing["listing_id"] in refused
        for error in listing["error"]["errors"]:
            assert error["message"] in refused
    with page.expect_download() as download:
        page.click("text=Download as CSV")
    download.value.save_as(tmp_path / "deals.csv")
    downloaded = (tmp_path / "deals.csv").read_text()
    assert download.value.suggested_filename == "listings-deals.csv"
    assert all(row["listing_id"] in downloaded for row in LISTINGS)


def test_a_file_can_be_dropped_and_costs_changed(open_page: OpenPage, file: Path) -> None:
    page = open_page("#listings")
    data = page.evaluate_handle(
        """text => { const data = new DataTransfer();
        data.items.add(new File([text], "dropped.csv", { type: "text/csv" })); return data; }""",
        file.read_text(),
    )
    page.dispatch_event(".drop", "drop", {"dataTransfer": data})
    page.wait_for_selector(".deals")
    before = column_named(page, "Break-even")
    page.fill("#term-selling_cost", "20")
    page.fill("#term-probability", "95")
    with page.expect_response("**/screen?*") as answered:
        page.keyboard.press("Enter")
    answer = answered.value.json()
    assert answer["costs"]["selling_cost"] == 0.2
    assert answer["probability"] == 0.95
    page.wait_for_selector("text=95% or more")
    assert column_named(page, "Break-even") != before


def test_errors_of_costs_are_shown_beside_them(open_page: OpenPage, file: Path) -> None:
    page = open_page("#listings", refusals=True)
    page.set_input_files("#listings-file", file)
    page.wait_for_selector(".deals")
    page.fill("#term-selling_cost", "70")
    page.click("text=Find deals")
    page.wait_for_selector("#term-selling_cost[aria-invalid]")
    assert page.locator("#term-selling_cost-error").inner_text() != ""
    page.fill("#term-selling_cost", "8")
    page.fill("#term-rehab", "much")
    page.click("text=Find deals")
    page.wait_for_selector("#term-rehab[aria-invalid]")
    assert page.locator("#term-selling_cost[aria-invalid]").count() == 0


def test_a_file_that_does_not_hold_listings_is_reported(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page("#listings", refusals=True)
    page.click("text=Find deals")
    page.wait_for_selector("text=Choose a CSV file first")
    for name, content in (("empty.csv", ""), ("other.csv", "turrets,price\n1,2\n"), ("binary.csv", "\x00\x01")):
        (tmp_path / name).write_text(content)
        with page.expect_response("**/screen?*") as answered:
            page.set_input_files("#listings-file", tmp_path / name)
        assert answered.value.status >= 400
        page.wait_for_function("text => document.querySelector('.refused')?.textContent.includes(text)",
                               arg=json.loads(answered.value.body())["detail"])  # fmt: skip


def test_the_template_can_be_filled_in_and_screened(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page("#listings")
    with page.expect_download() as download:
        page.click("text=Download a template")
    download.value.save_as(tmp_path / "template.csv")
    page.set_input_files("#listings-file", tmp_path / "template.csv")
    page.wait_for_selector(".deals")
    assert column(page, 2) == ["example"]


def test_switching_views_keeps_the_valuation(open_page: OpenPage) -> None:
    page = open_page("#latitude=47.6&longitude=-122.3&square_footage=2000")
    price = page.locator(".price").inner_text()
    page.click("text=Screen listings")
    assert page.locator("h1:visible").inner_text() == "Which listings are deals?"
    assert page.locator("nav [aria-current]").inner_text() == "Screen listings"
    page.click("text=Value a home")
    page.wait_for_selector(".price")
    assert page.locator(".price").inner_text() == price


def test_the_list_can_show_deals_only(open_page: OpenPage, file: Path) -> None:
    page = open_page("#listings")

    def one_deal(route: Any) -> None:
        response = route.fetch()
        answer = response.json()
        for index, deal in enumerate(answer["deals"]):
            deal["pays"] = "pays only if our value is right" if index == 1 else "pays under neither"
        answer["counts"] |= {"deals": 1, "pay": 0, "pay_only_if_value_right": 1}
        route.fulfill(response=response, json=answer)

    page.route("**/screen?*", one_deal)
    page.set_input_files("#listings-file", file)
    page.wait_for_selector("text=1 deal in 3 listings, by value ÷ list price")
    page.wait_for_selector("text=0 pay even if the asking price is informed; 1 pay only if our value is right.")
    assert page.locator("tr.deal").count() == 1
    page.check("text=Deals only")
    assert column(page, 1) == ["2"]
    page.uncheck("text=Deals only")
    assert column(page, 1) == ["1", "2", "3"]


def test_a_long_list_is_shown_in_parts_and_sorted_as_a_whole(open_page: OpenPage, file: Path) -> None:
    page = open_page("#listings")

    def many(route: Any) -> None:
        response = route.fetch()
        answer = response.json()
        deal = answer["deals"][0]
        answer["deals"] = [deal | {"rank": index + 1, "list_price": 1000 + index} for index in range(250)]
        route.fulfill(response=response, json=answer)

    page.route("**/screen?*", many)
    page.set_input_files("#listings-file", file)
    page.wait_for_selector("text=in 250 listings")
    assert page.locator(".deals tbody tr").count() == 100
    page.click("thead button:text-is('List price')")
    assert column(page, 3)[0] == "$1,249"
    page.click("text=Show more")
    assert page.locator(".deals tbody tr").count() == 250
    assert page.locator("text=Show more").is_hidden()


def test_a_listing_opens_its_valuation(open_page: OpenPage, file: Path) -> None:
    page = open_page("#listings")
    with page.expect_response("**/screen?*") as answered:
        page.set_input_files("#listings-file", file)
    prices = {deal["listing_id"]: deal["valuation"]["price"] for deal in answered.value.json()["deals"]}
    for name in ("fair", "dear, very"):
        page.click(f".deals a:text('{name}')")
        page.wait_for_function(
            "price => document.querySelector('.price')?.dataset.price == price", arg=prices[name]
        )
        page.go_back()
        assert page.locator(".deals").is_visible()


def test_a_listing_after_a_blank_line_or_with_another_date_opens_its_own_valuation(
    open_page: OpenPage, tmp_path: Path
) -> None:
    names = [*HOME, "list_price", "listing_id", "date"]
    homes = [HOME | {"square_footage": size} for size in (1500, 2500)]
    first, second = (
        ",".join(map(str, [*home.values(), 400_000, name, date]))
        for home, name, date in zip(homes, "ab", ("", "2014-12-01"), strict=True)
    )
    (tmp_path / "blank_line.csv").write_text("\n".join([",".join(names), first, "", second]) + "\n")
    page = open_page("#listings")
    with page.expect_response("**/screen?*") as answered:
        page.set_input_files("#listings-file", tmp_path / "blank_line.csv")
    deals = {deal["listing_id"]: deal["valuation"] for deal in answered.value.json()["deals"]}
    assert deals["b"]["valuation_date"] == "2014-12-01"
    for name in "ab":
        page.click(f".deals a:text-is('{name}')")
        page.wait_for_function(
            "price => document.querySelector('.price')?.dataset.price == price", arg=deals[name]["price"]
        )
        page.go_back()


def test_csv_with_quotes_and_blank_lines_is_parsed_correctly(open_page: OpenPage) -> None:
    page = open_page()
    text = '\ufeffa,"b ""x"", c"\r\n1,"two\nlines"\r\n\r\n,\n3,12" pipes'
    rows = page.evaluate("text => import('/home/csv.js').then(({ parseCsv }) => parseCsv(text))", text)
    assert rows == [["a", 'b "x", c'], ["1", "two\nlines"], [""], ["", ""], ["3", '12" pipes']]
