"""What the server says to a program, to hold the page against; and how the page writes it."""

import json
import math
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlencode

PLACE = {"latitude": 47.6, "longitude": -122.3}
HOME = PLACE | {"square_footage": 2000, "grade": 8, "bedrooms": 4}
FAR = {"latitude": 47.1, "longitude": -121.1, "square_footage": 19000, "grade": 1}


def ask(page: Any, path: str, body: object = None) -> Any:
    """Ask the server that a page comes from; a problem is an answer too."""
    address = "/".join(page.url.split("/")[:3])
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{address}/{path}", data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as problem:
        return json.load(problem)


def link(facts: dict[str, Any]) -> str:
    return f"#{urlencode(facts)}"


def whole(amount: float) -> int:
    """Round as browsers do: a half goes up, where Python's goes to the even number."""
    return math.floor(abs(amount) + 0.5)


def dollars(amount: float) -> str:
    return f"{'−' if amount < 0 < whole(amount) else ''}${whole(amount):,}"


def signed(amount: float) -> str:
    return f"{'−' if amount < 0 else '+'}${whole(amount):,}"


def shown_price(page: Any) -> float:
    """Wait for a price; return it to the cent."""
    page.wait_for_selector(".answer:not([aria-busy]) .price[data-price]")
    price = page.locator(".price")
    exact = float(price.get_attribute("data-price"))
    assert price.inner_text() == dollars(exact)
    return exact


def facts_in(page: Any) -> dict[str, Any]:
    """Return the facts in the address, as the page keeps them."""
    page.wait_for_function("() => location.hash.includes('=')")
    pairs = page.evaluate("[...new URLSearchParams(location.hash.slice(1))]")
    return {name: float(value) if value.replace(".", "").lstrip("-").isdigit() else value for name, value in pairs}
