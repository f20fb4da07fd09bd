"""The page shows the same deals for a file of any shape, and says what is wrong with one that cannot be read."""

from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import OpenPage
from tests.browser.test_listings import column, upload
from tests.file_shapes import FILES, FILES_NOT_READ, N_HOMES, READ, Shape, king_county_sales, text

UPLOADED: dict[str, tuple[str, Shape]] = {name: (".csv", shape) for name, shape in READ.items()} | {
    "Excel": FILES["Excel"]
}


def shown(page: Any, path: Path) -> list[list[str]]:
    """Upload a file; return list price, value and share below value of each deal, as the table shows them."""
    upload(page, path)
    columns = [column(page, key) for key in ("list_price", "price", "below_value")]
    return sorted(map(list, zip(*columns, strict=True)))


def test_a_file_of_any_shape_gives_the_deals_of_the_plain_one(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page("#listings")
    homes = king_county_sales(N_HOMES)
    (tmp_path / "plain.csv").write_bytes(text(homes))
    plain = shown(page, tmp_path / "plain.csv")
    assert len(plain) >= 0.9 * N_HOMES
    different = []
    for number, (name, (suffix, shape)) in enumerate(UPLOADED.items()):
        path = tmp_path / f"{number}{suffix}"
        path.write_bytes(shape(homes))
        if shown(page, path) != plain:
            different.append(name)
    assert different == []


@pytest.mark.parametrize("name", FILES_NOT_READ)
def test_a_file_that_cannot_be_read_is_named_and_the_table_stays(
    open_page: OpenPage, tmp_path: Path, name: str
) -> None:
    shape, message = FILES_NOT_READ[name]
    homes = king_county_sales(N_HOMES)
    page = open_page("#listings", refusals=True)
    (tmp_path / "plain.csv").write_bytes(text(homes))
    plain = shown(page, tmp_path / "plain.csv")
    (tmp_path / "other.csv").write_bytes(shape(homes))
    with page.expect_response("**/screen?*"):
        page.set_input_files("#listings-file", tmp_path / "other.csv")
    page.wait_for_selector(f"text={message}")
    assert len(column(page, "price")) == len(plain)
