"""Parses report pages for the tests."""

from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any

import pytest

Report = dict[str, Any]


class Page(HTMLParser):
    """Parses a page: its `data` elements, the text of table cells outside of them, tags, and addresses."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.numbers: list[tuple[str, str, str, str]] = []
        self.bare_cells: list[str] = []
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.text = ""
        self._data: dict[str, str] | None = None
        self._shown = ""
        self._column = 0
        self._in_cell = False
        self._silent = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.add(tag)
        self.addresses += [given[name] for name in ("src", "href", "xlink:href") if name in given]
        self._silent += tag in {"style", "svg"}
        if tag == "data":
            self._data, self._shown = given, ""
        elif tag == "tr":
            self._column = 0
        elif tag == "td":
            self._column += 1
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in {"style", "svg"}
        if tag == "data" and self._data is not None:
            self.numbers.append((self._data["data-of"], self._data["data-at"], self._data["value"], self._shown))
            self._data = None
        elif tag == "td":
            self._in_cell = False

    def handle_data(self, data: str) -> None:
        if self._silent:
            return
        self.text += data
        if self._data is not None:
            self._shown += data
        elif self._in_cell and self._column > 1:
            self.bare_cells.append(data)


def at(report: Mapping[str, Any], pointer: str) -> Any:
    """Follow a JSON pointer (RFC 6901)."""
    found: Any = report
    for key in pointer.split("/")[1:]:
        name = key.replace("~1", "/").replace("~0", "~")
        found = found[int(name)] if isinstance(found, list) else found[name]
    return found


def check_numbers(page: Page, reports: Mapping[str, Report]) -> None:
    assert len(page.numbers) > 200
    for report_id, pointer, value, shown in page.numbers:
        expected = at(reports[report_id], pointer)
        if isinstance(expected, list):
            assert value == shown == ", ".join(expected)
        elif isinstance(expected, bool):
            assert (value, shown) == (str(expected).lower(), "yes" if expected else "no")
        elif isinstance(expected, str):
            assert value == shown == expected
        else:
            assert float(value) == expected
            digits = shown.replace("−", "-").replace(",", "").rstrip("%")
            decimals = len(digits.partition(".")[2]) if "e" not in digits else 0
            assert float(digits) == pytest.approx(expected, abs=0.5 * 10.0**-decimals + 1e-9, rel=1e-9), pointer
