"""The listings' tab: a file in, the deals of `POST /screen` out; what it gets wrong is told in its place."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.browser.asking import FAR, HOME, dollars
from tests.browser.conftest import OpenPage

LISTINGS: list[dict[str, Any]] = [
    {"listing_id": "bargain", "list_price": 200_000, **HOME},
    {"listing_id": "dear, very", "list_price": 3_000_000, **HOME},
    {"listing_id": "fair", "list_price": 400_000, **HOME, "square_footage": 1500, "waterfront": "Yes"},
    {"listing_id": "far", "list_price": 400_000, **FAR},
    {"listing_id": "free", "list_price": "none", **HOME},
]


def written(path: Path, listings: list[dict[str, Any]]) -> Path:
    names = [*HOME, "waterfront", "listing_id", "list_price"]
    lines = [",".join(json.dumps(row.get(name, "")) for name in names).replace("'", "") for row in listings]
    path.write_text("\n".join([",".join(names), *lines]) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return written(tmp_path / "listings.csv", [{**HOME, **row} for row in LISTINGS])


def column(page: Any, place: int) -> list[str]:
    texts: list[str] = page.locator(f".deals tbody tr > :nth-child({place})").all_inner_texts()
    return [text.split("\n")[0] for text in texts]


def test_listings_become_deals_to_sort_and_to_keep(open_page: OpenPage, file: Path, tmp_path: Path) -> None:
    page = open_page("#listings")
    with page.expect_response("**/screen?*") as answered:
        page.set_input_files("#listings-file", file)
    answer = answered.value.json()
    assert {deal["listing_id"] for deal in answer["deals"]} == {"bargain", "dear, very", "fair"}
    page.wait_for_selector(".deals")
    assert column(page, 2) == [deal["listing_id"] for deal in answer["deals"]]
    assert column(page, 4) == [dollars(deal["valuation"]["price"]) for deal in answer["deals"]]
    page.click("thead button:text('Asked')")
    assert column(page, 3) == ["$3,000,000", "$400,000", "$200,000"]
    page.click("thead button:text('Asked')")
    assert column(page, 3) == ["$200,000", "$400,000", "$3,000,000"]
    assert page.locator("th[aria-sort=ascending]").inner_text().startswith("Asked")
    refused = page.locator("#refused-heading").locator("xpath=..").inner_text()
    for listing in answer["refused"]:
        assert listing["listing_id"] in refused
        for error in listing["error"]["errors"]:
            assert error["message"] in refused
    with page.expect_download() as download:
        page.click("text=Download as CSV")
    download.value.save_as(tmp_path / "deals.csv")
    kept = (tmp_path / "deals.csv").read_text()
    assert download.value.suggested_filename == "listings-deals.csv"
    assert all(row["listing_id"] in kept for row in LISTINGS)


def test_a_dropped_file_and_other_costs(open_page: OpenPage, file: Path) -> None:
    page = open_page("#listings")
    data = page.evaluate_handle(
        """text => { const data = new DataTransfer();
        data.items.add(new File([text], "dropped.csv", { type: "text/csv" })); return data; }""",
        file.read_text(),
    )
    page.dispatch_event(".drop", "drop", {"dataTransfer": data})
    page.wait_for_selector(".deals")
    before = column(page, 7)
    page.fill("#cost-selling_cost", "20")
    page.fill("#cost-probability", "95")
    with page.expect_response("**/screen?*") as answered:
        page.keyboard.press("Enter")
    answer = answered.value.json()
    assert answer["costs"]["selling_cost"] == 0.2
    assert answer["probability"] == 0.95
    page.wait_for_selector("text=95% or more")
    assert column(page, 7) != before


def test_what_is_wrong_with_costs_stands_beside_them(open_page: OpenPage, file: Path) -> None:
    page = open_page("#listings", refusals=True)
    page.set_input_files("#listings-file", file)
    page.wait_for_selector(".deals")
    page.fill("#cost-selling_cost", "70")
    page.click("text=Screen the listings")
    page.wait_for_selector("#cost-selling_cost[aria-invalid]")
    assert page.locator("#cost-selling_cost-error").inner_text() != ""
    page.fill("#cost-selling_cost", "8")
    page.fill("#cost-rehab", "much")
    page.click("text=Screen the listings")
    page.wait_for_selector("#cost-rehab[aria-invalid]")
    assert page.locator("#cost-selling_cost[aria-invalid]").count() == 0


def test_a_file_that_is_no_list_of_listings_is_told_of(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page("#listings", refusals=True)
    page.click("text=Screen the listings")
    page.wait_for_selector("text=Choose a file of listings first")
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


def test_the_way_there_and_back_keeps_the_valuation(open_page: OpenPage) -> None:
    page = open_page("#latitude=47.6&longitude=-122.3&square_footage=2000")
    price = page.locator(".price").inner_text()
    page.click("text=Screen listings")
    assert page.locator("h1:visible").inner_text() == "Which listings are deals?"
    assert page.locator("nav [aria-current]").inner_text() == "Screen listings"
    page.click("text=Value a home")
    page.wait_for_selector(".price")
    assert page.locator(".price").inner_text() == price


def test_deals_can_be_had_alone(open_page: OpenPage, file: Path) -> None:
    page = open_page("#listings")

    def one_deal(route: Any) -> None:
        answer = route.fetch()
        told = answer.json()
        told["deals"][1]["deal"] = True
        route.fulfill(response=answer, json=told)

    page.route("**/screen?*", one_deal)
    page.set_input_files("#listings-file", file)
    page.wait_for_selector("text=1 deal among 3 listings")
    assert page.locator("tr.deal").count() == 1
    page.check("text=Deals only")
    assert column(page, 1) == ["2"]
    page.uncheck("text=Deals only")
    assert column(page, 1) == ["1", "2", "3"]


def test_a_long_list_is_shown_in_parts_and_sorted_as_a_whole(open_page: OpenPage, file: Path) -> None:
    page = open_page("#listings")

    def many(route: Any) -> None:
        answer = route.fetch()
        told = answer.json()
        deal = told["deals"][0]
        told["deals"] = [deal | {"rank": place + 1, "list_price": 1000 + place} for place in range(250)]
        route.fulfill(response=answer, json=told)

    page.route("**/screen?*", many)
    page.set_input_files("#listings-file", file)
    page.wait_for_selector("text=among 250 listings")
    assert page.locator(".deals tbody tr").count() == 100
    page.click("thead button:text('Asked')")
    assert column(page, 3)[0] == "$1,249"
    page.click("text=Show more")
    assert page.locator(".deals tbody tr").count() == 250
    assert page.locator("text=Show more").is_hidden()


def test_a_listing_opens_its_valuation(open_page: OpenPage, file: Path) -> None:
    page = open_page("#listings")
    with page.expect_response("**/screen?*") as answered:
        page.set_input_files("#listings-file", file)
    worth = {deal["listing_id"]: deal["valuation"]["price"] for deal in answered.value.json()["deals"]}
    for name in ("fair", "dear, very"):
        page.click(f".deals a:text('{name}')")
        page.wait_for_function(
            "worth => document.querySelector('.price')?.dataset.price == worth", arg=worth[name]
        )
        page.go_back()
        assert page.locator(".deals").is_visible()


def test_a_listing_opens_its_own_valuation_below_a_blank_line_and_of_another_day(
    open_page: OpenPage, tmp_path: Path
) -> None:
    names = [*HOME, "list_price", "listing_id", "date"]
    homes = [HOME | {"square_footage": size} for size in (1500, 2500)]
    first, second = (
        ",".join(map(str, [*home.values(), 400_000, name, day]))
        for home, name, day in zip(homes, "ab", ("", "2014-12-01"), strict=True)
    )
    (tmp_path / "gaps.csv").write_text("\n".join([",".join(names), first, "", second]) + "\n")
    page = open_page("#listings")
    with page.expect_response("**/screen?*") as answered:
        page.set_input_files("#listings-file", tmp_path / "gaps.csv")
    deals = {deal["listing_id"]: deal["valuation"] for deal in answered.value.json()["deals"]}
    assert deals["b"]["valuation_date"] == "2014-12-01"
    for name in "ab":
        page.click(f".deals a:text-is('{name}')")
        page.wait_for_function(
            "worth => document.querySelector('.price')?.dataset.price == worth", arg=deals[name]["price"]
        )
        page.go_back()


def test_files_with_quotes_and_blank_lines_are_read_as_they_are_meant(open_page: OpenPage) -> None:
    page = open_page()
    text = '\ufeffa,"b ""x"", c"\r\n1,"two\nlines"\r\n\r\n,\n3,12" pipes'
    rows = page.evaluate("text => import('/home/csv.js').then(({ parseCsv }) => parseCsv(text))", text)
    assert rows == [["a", 'b "x", c'], ["1", "two\nlines"], [""], ["", ""], ["3", '12" pipes']]
