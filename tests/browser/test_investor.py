"""An investor's tasks from start to end: 200 listings with bad rows, on a desktop and a phone, light and dark."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.browser.conftest import OpenPage
from tests.browser.page_actions import call_api, dollars, signed
from tests.browser.test_listings import column, download, names, sort_by, upload
from tests.conftest import KING_COUNTY

with suppress(ImportError):
    from axe_playwright_python.sync_playwright import Axe

LISTINGS = 200
BAD_ROWS = {"no number": ("list_price", "ask"), "elsewhere": ("lat", "4.7"), "no size": ("sqft_living", "")}


@pytest.fixture(scope="module")
def listings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of King County homes for sale, as a spreadsheet exports it: own names, an address, some repairs."""
    rng = np.random.default_rng(0)
    sales = pd.read_csv(KING_COUNTY / "sales.csv.gz", dtype=str).sample(LISTINGS, random_state=3)
    table = sales.drop(columns=["price", "id", "date"]).reset_index(drop=True)
    asked = sales["price"].astype(float).to_numpy() * np.exp(rng.normal(0, 0.15, LISTINGS))
    table["ListPrice"] = [f"${price:,.0f}" for price in asked]
    table["ListingKey"] = [f"MLS-{1000 + row}" for row in range(LISTINGS)]
    table["Address"] = [f"{100 + row} Elm St, Apt {row}" for row in range(LISTINGS)]
    table["after_condition"] = ["5" if row % 10 == 0 else "" for row in range(LISTINGS)]
    table["rehab"] = ["25,000" if row % 10 == 0 else "" for row in range(LISTINGS)]
    for row, (name, text) in enumerate(BAD_ROWS.values(), start=31):
        table.loc[row, {"list_price": "ListPrice"}.get(name, name)] = text
    table.loc[40, "ListingKey"] = "MLS-1001"  # the same twice
    path = tmp_path_factory.mktemp("listings") / "for sale.csv"
    table.to_csv(path, index=False, sep=";")
    return path


def edit(page: Any, name: str) -> None:
    page.click(f"[aria-label='Edit {name}']")
    page.wait_for_selector("dialog[open]")


def change(page: Any, field: str, text: str) -> Any:
    """Change a field of the editor; return the answer of `POST /screen`."""
    page.fill(f"#edit-{field}", text)
    with page.expect_response("**/screen?*") as answered:
        page.press(f"#edit-{field}", "Tab")
    page.wait_for_selector("dialog :not([aria-busy])")
    return answered.value.json()


def deals_of(answer: Any) -> dict[str, Any]:
    return {deal["listing_id"]: deal for deal in answer["deals"]}


@pytest.mark.parametrize(
    ("width", "height", "scheme"),
    [(1400, 900, "light"), (1400, 900, "dark"), (390, 800, "light"), (390, 800, "dark")],
    ids=["desktop light", "desktop dark", "phone light", "phone dark"],
)
def test_from_a_file_with_bad_rows_to_a_short_list(
    open_page: OpenPage, listings: Path, tmp_path: Path, width: int, height: int, scheme: str
) -> None:
    page = open_page("#listings", width=width, height=height, scheme=scheme, refusals=True)
    answer = upload(page, listings)
    assert len(answer["deals"]) + len(answer["refused"]) == LISTINGS
    assert len(answer["refused"]) >= len(BAD_ROWS) + 1
    assert f"in {len(answer['deals'])} listings, by value ÷ list price" in page.inner_text("#deals-heading")
    refused = page.inner_text("#refused-heading >> xpath=..")
    assert all(f"MLS-{1000 + row}" in refused for row in (31, 32, 33))

    deals = set_costs(page)
    filter_and_sort(page, deals)
    name = names(page)[1]
    edit(page, name)
    change(page, "after_condition", "5")
    change(page, "rehab", "20000")
    (deal,) = change(page, "list_price", str(round(0.9 * deals[name]["list_price"])))["deals"]
    page.wait_for_selector(f"dialog >> text={signed(deal['readings']['if_value_right']['margin'])}")
    serious(page)
    page.click("text=Done")
    row = names(page).index(name)
    assert column(page, "list_price")[row] == dollars(deal["list_price"])
    assert column(page, "arv")[row] == dollars(deal["arv"])
    assert column(page, "if_ask_informed.highest_offer")[row] == dollars(
        deal["readings"]["if_ask_informed"]["highest_offer"]
    )
    before = page.inner_text(".deals"), page.evaluate("scrollY")

    page.click(f".deals a:text-is('{name}')")
    page.wait_for_function(
        "price => document.querySelector('.price')?.dataset.price == price", arg=deal["valuation"]["price"]
    )
    opened = page.inner_text(".opened")
    said = (name, dollars(deal["list_price"]), signed(deal["readings"]["if_value_right"]["margin"]))
    assert all(text in opened for text in said)
    serious(page)
    page.click("text=Back to the listings")
    assert (page.inner_text(".deals"), page.evaluate("scrollY")) == before
    assert page.input_value("#filter-price-to") == "600,000"
    serious(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width

    rows = download(page, tmp_path)
    assert [row["ListingKey"] for row in rows] == names(page)
    assert "Elm St, Apt" in rows[0]["Address"]
    (edited,) = [row for row in rows if row["edited"]]
    assert edited["ListingKey"] == name
    assert f"list_price={deal['list_price']:.0f}" in edited["edited"]
    assert float(edited["screen_arv"]) == deal["arv"]


def set_costs(page: Any) -> dict[str, Any]:
    """Set costs; return the deals by name."""
    page.fill("#term-selling_cost", "6")
    page.fill("#term-holding", "5000")
    with page.expect_response("**/screen?*") as answered:
        page.click("text=Find deals")
    page.wait_for_selector(".result:not([aria-busy])")
    return deals_of(answered.value.json())


def filter_and_sort(page: Any, deals: dict[str, Any]) -> None:
    """Filter by price, a fact and the chance of profit, sort by the margin; compare with the answer."""
    page.click(".filters summary")
    page.fill("#filter-price-to", "600,000")
    page.select_option("[aria-label='Filter by another fact']", "bedrooms")
    page.fill("#filter-fact-bedrooms-from", "3")
    page.fill("#filter-chance", "60")
    page.select_option("#filter-reading", "if_value_right")
    outcomes = {name: deal["readings"]["if_value_right"] for name, deal in deals.items()}
    expected = [
        name
        for name, deal in deals.items()
        if deal["list_price"] <= 600_000
        and deal["listing"]["bedrooms"] >= 3
        and outcomes[name]["probability"] >= 0.6
    ]
    assert names(page) == expected
    assert f"{len(expected)} of {len(deals)} listings shown" in page.inner_text(".count-line")
    sort_by(page, "if_value_right.margin")
    assert names(page) == sorted(expected, key=lambda name: -outcomes[name]["margin"])


def serious(page: Any) -> None:
    """Fail where axe finds something serious or critical."""
    found = [
        (rule["id"], [node["html"][:200] for node in rule["nodes"]])
        for rule in Axe().run(page).response["violations"]
        if rule["impact"] in {"serious", "critical"}
    ]
    assert found == []


def test_an_edit_that_is_refused_keeps_the_figures_and_an_undone_one_the_files(
    open_page: OpenPage, listings: Path
) -> None:
    page = open_page("#listings", refusals=True)
    deals = deals_of(upload(page, listings))
    table = page.inner_text(".deals")
    name = names(page)[0]
    price = round(0.9 * deals[name]["valuation"]["price"])
    edit(page, name)
    change(page, "list_price", "0")
    page.wait_for_selector("#edit-list_price[aria-invalid]")
    assert "is below the minimum" in page.inner_text("#edit-list_price-error")
    change(page, "list_price", str(price))
    page.wait_for_selector("#edit-list_price:not([aria-invalid])")
    page.keyboard.press("Escape")
    # The row moved, the focus with it.
    page.wait_for_function("label => document.activeElement.ariaLabel === label", arg=f"Edit {name}")
    assert page.inner_text(".deals") != table
    assert names(page)[0] != name
    page.fill("#term-rehab", "0.5")  # other terms keep the edits
    with page.expect_response(lambda answer: answer.request.headers["content-type"] == "application/json"):
        page.click("text=Find deals")
    page.wait_for_selector(".result:not([aria-busy])")
    assert dollars(price) in column(page, "list_price")
    page.fill("#term-rehab", "0")
    page.click("text=Find deals")
    page.wait_for_selector(".result:not([aria-busy])")
    edit(page, name)
    page.click("text=Undo all changes")
    page.click("text=Done")
    assert page.inner_text(".deals") == table


def test_a_bad_row_is_mended_in_the_page(open_page: OpenPage, listings: Path) -> None:
    page = open_page("#listings", refusals=True)
    answer = upload(page, listings)
    edit(page, "MLS-1031")
    assert page.locator("#edit-list_price[aria-invalid]").count() == 1
    change(page, "list_price", "310000")
    page.click("text=Done")
    assert "MLS-1031" in names(page) or page.click("text=Show more") is None
    assert "MLS-1031" in names(page)
    assert "MLS-1031" not in page.inner_text("#refused-heading >> xpath=..")
    assert f"in {len(answer['deals']) + 1} listings" in page.inner_text("#deals-heading")


def test_the_map_has_the_listings_of_the_table_and_opens_them(open_page: OpenPage, listings: Path) -> None:
    page = open_page("#listings")
    deals = deals_of(upload(page, listings))
    assert all(deal["pays"] in page.inner_text(".result .labels") for deal in deals.values())
    page.click(".filters summary")
    page.fill("#filter-text", names(page)[0])
    (name,) = names(page)
    stage = page.locator(".result .stage")
    stage.focus()
    page.check("text=Only what the map shows")
    assert names(page) == [name]
    # The only dot left is where the listing is: it can be clicked.
    page.wait_for_timeout(200)
    box = stage.bounding_box()
    spot = page.evaluate(
        """() => { const canvas = document.querySelector(".result .stage canvas");
        const image = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        const data = new Uint32Array(image.data.buffer);
        const found = data.findIndex((pixel) => pixel !== data[0]);
        const ratio = canvas.width / canvas.clientWidth;
        return [(found % canvas.width) / ratio, Math.floor(found / canvas.width) / ratio]; }"""
    )
    page.mouse.click(box["x"] + spot[0], box["y"] + spot[1] + 3)
    page.wait_for_selector(".opened")
    assert name in page.inner_text(".opened")
    page.click("text=Back to the listings")
    page.fill("#filter-text", "elm st, apt 150")
    assert names(page) == ["MLS-1150"]
    page.fill("#filter-text", "-12")  # of digits, names alone are searched: all longitudes begin so
    assert names(page) == []
    page.fill("#filter-text", "")
    assert page.inner_text(".count-line").startswith(f"{len(deals)} listings")
    for _ in range(8):
        stage.press("+")
        page.wait_for_timeout(500)
    assert " of " in page.inner_text(".count-line")
    page.uncheck("text=Only what the map shows")
    assert page.inner_text(".count-line").startswith(f"{len(deals)} listings")


def test_listings_of_a_market_without_places_or_dates_are_screened_opened_and_edited(
    open_page: OpenPage, town: str, tmp_path: Path
) -> None:
    page = open_page("#listings", address=town)
    with page.expect_download() as template:
        page.click("text=Download a template")
    template.value.save_as(tmp_path / "template.csv")
    (deal,) = upload(page, tmp_path / "template.csv")["deals"]
    has_places = call_api(page, "model")["coordinates"] is not None
    assert page.locator(".result .stage").count() == has_places
    page.click(".filters summary")
    assert page.locator("text=Only what the map shows").count() == has_places
    edit(page, "example")
    (edited,) = change(page, "rehab", "1000")["deals"]
    page.click("text=Done")
    margin = signed(edited["readings"]["if_value_right"]["margin"]).replace("$", "SEK\xa0")
    assert column(page, "if_value_right.margin") == [margin]
    page.click(".deals a")
    page.wait_for_selector(".opened")
    assert page.locator(".price").get_attribute("data-price") == str(deal["valuation"]["price"])
