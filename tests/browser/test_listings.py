"""The view of listings: upload a file, get the deals of `POST /screen`, see errors where they belong."""

import csv
import io
import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import OpenPage
from tests.browser.page_actions import HOME, REFUSED_HOME, dollars, signed

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


def column(page: Any, key: str) -> list[str]:
    """Return the texts of a column of the table of deals."""
    texts: list[str] = page.locator(f".deals tbody [data-key='{key}']").all_inner_texts()
    return texts


def names(page: Any) -> list[str]:
    """Return the names of the listings in the table, in its order."""
    links: list[str] = page.locator(".deals tbody a").all_inner_texts()
    return links


def sort_by(page: Any, key: str) -> None:
    page.click(f".deals thead [data-key='{key}'] button")


def upload(page: Any, path: Path) -> Any:
    """Upload a file; return the answer of `POST /screen` once it is shown."""
    with page.expect_response("**/screen?*") as answered:
        page.set_input_files("#listings-file", path)
    page.wait_for_selector(".result:not([aria-busy]) .deals")
    return answered.value.json()


def download(page: Any, folder: Path) -> list[dict[str, str]]:
    """Download the table; return its rows."""
    with page.expect_download() as download:
        page.click("button:text('as CSV')")
    assert download.value.suggested_filename.endswith("-deals.csv")
    download.value.save_as(folder / "deals.csv")
    with (folder / "deals.csv").open(newline="") as text:
        return list(csv.DictReader(text))


def test_a_planned_repair_has_its_columns_and_no_other_file_has_them(
    open_page: OpenPage, file: Path, tmp_path: Path
) -> None:
    page = open_page("#listings")
    upload(page, file)
    assert column(page, "arv") == []
    lines = file.read_text().splitlines()
    repairs = [f"{lines[0]},condition,after_condition", f"{lines[1]},3,5", *(f"{line},3," for line in lines[2:])]
    (tmp_path / "repairs.csv").write_text("\n".join(repairs))
    page.fill("#term-holding_months", "6")
    deals = upload(page, tmp_path / "repairs.csv")["deals"]
    expected = ["–" if deal["arv"] is None else dollars(deal["arv"]) for deal in deals]
    assert column(page, "arv") == expected
    assert expected.count("–") == len(deals) - 1
    assert column(page, "seventy_percent_offer") == [dollars(deal["seventy_percent_offer"]) for deal in deals]
    page.check("text=All figures")
    for key in ("uplift", "break_even", "if_value_right.cash_on_cash_percent", "if_ask_informed.margin_low"):
        assert len(column(page, key)) == len(deals)
    for _ in range(2):  # what has no such value is last, however the others are sorted
        sort_by(page, "arv")
        assert column(page, "arv")[0] != "–"


def test_listings_become_deals_under_each_reading(open_page: OpenPage, file: Path) -> None:
    page = open_page("#listings")
    answer = upload(page, file)
    deals = answer["deals"]
    assert {deal["listing_id"] for deal in deals} == {"bargain", "dear, very", "fair"}
    assert names(page) == [deal["listing_id"] for deal in deals]
    assert column(page, "price") == [dollars(deal["valuation"]["price"]) for deal in deals]
    below = [100 * (1 - deal["list_price"] / deal["valuation"]["price"]) for deal in deals]
    assert column(page, "below_value") == [f"{share:.1f}%".replace("-", "−") for share in below]
    medians = [deal["valuation"]["comparables_median"] for deal in deals]
    assert column(page, "comparables_median") == [dollars(median) for median in medians]
    for reading in ("if_ask_informed", "if_value_right"):
        outcomes = [deal["readings"][reading] for deal in deals]
        for key in ("resale_price", "highest_offer"):
            assert column(page, f"{reading}.{key}") == [dollars(outcome[key]) for outcome in outcomes]
        assert column(page, f"{reading}.margin") == [signed(outcome["margin"]) for outcome in outcomes]
        chances = [f"{100 * outcome['probability']:.0f}%" for outcome in outcomes]
        assert column(page, f"{reading}.probability") == chances
    groups = page.locator(".deals thead th[scope=colgroup]").all_inner_texts()
    assert groups[:2] == ["if the asking price is informed", "if our value is right"]
    assert column(page, "pays") == [deal["pays"] for deal in deals]
    refused = page.locator("#refused-heading").locator("xpath=..").inner_text()
    for listing in answer["refused"]:
        assert listing["listing_id"] in refused
        for error in listing["error"]["errors"]:
            assert error["message"] in refused


def test_any_column_sorts_the_table(open_page: OpenPage, file: Path) -> None:
    page = open_page("#listings")
    upload(page, file)
    sort_by(page, "list_price")
    assert column(page, "list_price") == ["$3,000,000", "$400,000", "$200,000"]
    sort_by(page, "list_price")
    assert column(page, "list_price") == ["$200,000", "$400,000", "$3,000,000"]
    assert page.locator("th[aria-sort=ascending]").get_attribute("data-key") == "list_price"
    sort_by(page, "listing")
    assert names(page) == ["bargain", "dear, very", "fair"]
    for key in page.locator(".deals thead th[data-key]").evaluate_all("cells => cells.map(c => c.dataset.key)"):
        sort_by(page, key)
        assert page.locator("th[aria-sort]").get_attribute("data-key") == key


def test_the_download_has_the_figures_of_the_command_and_what_the_filters_leave(
    open_page: OpenPage, file: Path, tmp_path: Path
) -> None:
    page = open_page("#listings")
    upload(page, file)
    address = f"{page.url.split('#')[0]}screen"
    request = urllib.request.Request(address, file.read_bytes(), {"Content-Type": "text/csv"})
    with urllib.request.urlopen(request) as answer:
        expected = list(csv.DictReader(io.StringIO(answer.read().decode())))
    downloaded = download(page, tmp_path)
    assert list(downloaded[0])[: len(LISTINGS[0]) - 1] == list(expected[0])[: len(LISTINGS[0]) - 1]
    assert len(downloaded) == len(expected) == len(LISTINGS)
    for row, other in zip(downloaded, expected, strict=True):
        for name in set(row) & set(other) - {"warnings", "error"}:
            left, right = row[name], other[name]
            assert left == right or float(left) == pytest.approx(float(right), abs=1e-4), name
        assert (row["error"] == "") == (other["error"] == "")
    assert set(expected[0]) - set(downloaded[0]) <= {
        name for name in expected[0] if not any(r[name] for r in expected)
    }
    page.click(".filters summary")
    page.fill("#filter-text", "fair")
    assert [row["listing_id"] for row in download(page, tmp_path)] == ["fair"]


def test_a_file_can_be_dropped_and_costs_changed(open_page: OpenPage, file: Path) -> None:
    page = open_page("#listings")
    data = page.evaluate_handle(
        """text => { const data = new DataTransfer();
        data.items.add(new File([text], "dropped.csv", { type: "text/csv" })); return data; }""",
        file.read_text(),
    )
    page.dispatch_event(".drop", "drop", {"dataTransfer": data})
    page.wait_for_selector(".deals")
    before = column(page, "if_value_right.margin")
    page.fill("#term-selling_cost", "20")
    page.fill("#term-probability", "95")
    with page.expect_response("**/screen?*") as answered:
        page.keyboard.press("Enter")
    answer = answered.value.json()
    assert answer["costs"]["selling_cost"] == 0.2
    assert answer["probability"] == 0.95
    page.wait_for_selector("text=95% or more")
    assert column(page, "if_value_right.margin") != before


def test_rows_pasted_from_a_spreadsheet_and_workbooks_are_screened(
    open_page: OpenPage, file: Path, tmp_path: Path
) -> None:
    page = open_page("#listings")
    expected = upload(page, file)
    with file.open(newline="") as text:
        rows = list(csv.reader(text))
    page.click("text=Paste rows from a spreadsheet")
    page.fill("#listings-paste", "\n".join("\t".join(cells) for cells in rows))
    with page.expect_response("**/screen?*") as answered:
        page.click("text=Screen these rows")
    assert answered.value.json()["deals"] == expected["deals"]
    book = pytest.importorskip("openpyxl").Workbook()
    for cells in rows:
        book.active.append(cells)
    book.save(tmp_path / "listings.xlsx")
    assert upload(page, tmp_path / "listings.xlsx")["deals"] == expected["deals"]


def test_errors_of_costs_are_shown_beside_them_and_the_table_stays(open_page: OpenPage, file: Path) -> None:
    page = open_page("#listings", refusals=True)
    upload(page, file)
    before = column(page, "if_value_right.margin")
    page.fill("#term-selling_cost", "70")
    page.click("text=Find deals")
    page.wait_for_selector("#term-selling_cost[aria-invalid]")
    assert page.locator("#term-selling_cost-error").inner_text() == "70% is above the maximum of 50%"
    page.fill("#term-selling_cost", "8")
    page.fill("#term-rehab", "much")
    page.click("text=Find deals")
    page.wait_for_selector("#term-rehab[aria-invalid]")
    assert page.locator("#term-selling_cost[aria-invalid]").count() == 0
    page.wait_for_selector("text=still shows your last settings")
    assert column(page, "if_value_right.margin") == before
    page.fill("#term-rehab", "1000")
    with page.expect_response("**/screen?*"):
        page.click("text=Find deals")
    page.wait_for_selector(".result:not([aria-busy])")
    assert page.locator("[aria-invalid], .listings .notice").count() == 0
    assert column(page, "if_value_right.margin") != before


def test_a_file_that_does_not_hold_listings_is_reported(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page("#listings", refusals=True)
    page.click("text=Find deals")
    page.wait_for_selector("text=Choose a file or paste rows first")
    for name, content in (("empty.csv", ""), ("other.csv", "turrets,price\n1,2\n"), ("binary.csv", "\x00\x01")):
        (tmp_path / name).write_text(content)
        with page.expect_response("**/screen?*") as answered:
            page.set_input_files("#listings-file", tmp_path / name)
        assert answered.value.status >= 400
        page.wait_for_function("text => document.querySelector('.refused')?.textContent.includes(text)",
                               arg=json.loads(answered.value.body())["detail"])  # fmt: skip


def test_list_prices_in_thousands_are_noticed_above_the_table(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page("#listings")
    (warning,) = upload(page, write_csv(tmp_path / "thousands.csv", [{"list_price": 300}]))["warnings"]
    assert page.locator(".found .notice").inner_text() == warning


def test_the_template_can_be_filled_in_and_screened(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page("#listings")
    with page.expect_download() as download:
        page.click("text=Download a template")
    download.value.save_as(tmp_path / "template.csv")
    page.set_input_files("#listings-file", tmp_path / "template.csv")
    page.wait_for_selector(".deals")
    assert names(page) == ["example"]


def test_switching_views_keeps_the_valuation(open_page: OpenPage) -> None:
    page = open_page("#latitude=47.6&longitude=-122.3&square_footage=2000")
    price = page.locator(".price").inner_text()
    page.click("text=Screen listings")
    assert page.locator("h1:visible").inner_text() == "Which listings are deals?"
    assert page.locator("nav [aria-current]").inner_text() == "Screen listings"
    page.click("text=Value a home")
    page.wait_for_selector(".price")
    assert page.locator(".price").inner_text() == price


def test_a_long_list_is_shown_in_parts_and_sorted_as_a_whole(open_page: OpenPage, file: Path) -> None:
    page = open_page("#listings")

    def many(route: Any) -> None:
        response = route.fetch()
        answer = response.json()
        deal = answer["deals"][0]
        answer["deals"] = [deal | {"row": index, "list_price": 1000 + index} for index in range(250)]
        answer["refused"] = []
        route.fulfill(response=response, json=answer)

    page.route("**/screen?*", many)
    page.set_input_files("#listings-file", file)
    page.wait_for_selector("text=in 250 listings")
    assert page.locator(".deals tbody tr").count() == 100
    sort_by(page, "list_price")
    assert column(page, "list_price")[0] == "$1,249"
    page.click("text=Show more")
    assert page.locator(".deals tbody tr").count() == 250
    assert page.locator("text=Show more").is_hidden()


def test_a_listing_opens_its_valuation_and_keeps_what_the_table_said(open_page: OpenPage, file: Path) -> None:
    page = open_page("#listings")
    deals = {deal["listing_id"]: deal for deal in upload(page, file)["deals"]}
    for name in ("fair", "dear, very"):
        deal = deals[name]
        page.click(f".deals a:text('{name}')")
        page.wait_for_function(
            "price => document.querySelector('.price')?.dataset.price == price", arg=deal["valuation"]["price"]
        )
        for _ in range(2):  # also after a reload
            opened = page.locator(".opened").inner_text()
            margins = [signed(outcome["margin"]) for outcome in deal["readings"].values()]
            for text in (name, dollars(deal["list_price"]), deal["pays"], *margins):
                assert text in opened
            if name == "fair":
                break
            page.reload()
            page.wait_for_selector(".price")
        if name == "fair":
            page.click("text=Back to the listings")
            assert page.locator(".deals").is_visible()
    page.click("text=Clear")
    assert page.locator(".opened").count() == 0


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
    answer = upload(page, tmp_path / "blank_line.csv")
    deals = {deal["listing_id"]: deal["valuation"] for deal in answer["deals"]}
    assert deals["b"]["valuation_date"] == "2014-12-01"
    for name in "ab":
        page.click(f".deals a:text-is('{name}')")
        page.wait_for_function(
            "price => document.querySelector('.price')?.dataset.price == price", arg=deals[name]["price"]
        )
        page.go_back()
