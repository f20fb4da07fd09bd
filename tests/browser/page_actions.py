"""Read the page and the API side by side: what the API answers, and how the page writes it."""

import json
import math
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlencode

LOCATION = {"latitude": 47.6, "longitude": -122.3}
HOME = LOCATION | {"square_footage": 2000, "grade": 8, "bedrooms": 4}
REFUSED_HOME = {"latitude": 47.1, "longitude": -121.1, "square_footage": 19000, "grade": 1}


def call_api(page: Any, path: str, body: object = None) -> Any:
    """Send a request to the page's server; return the JSON of its answer or of its problem."""
    server = "/".join(page.url.split("/")[:3])
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{server}/{path}", data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as problem:
        return json.load(problem)


def link(facts: dict[str, Any]) -> str:
    """Return the part of an address that holds facts."""
    return f"#{urlencode(facts)}"


def round_half_up(amount: float) -> int:
    """Round the absolute amount as browsers do: a half goes up, where Python rounds it to the even number."""
    return math.floor(abs(amount) + 0.5)


def dollars(amount: float) -> str:
    """Write an amount as the page does."""
    return f"{'−' if amount < 0 < round_half_up(amount) else ''}${round_half_up(amount):,}"


def signed(amount: float) -> str:
    """Write an amount with its sign as the page does."""
    return f"{'−' if amount < 0 else '+'}${round_half_up(amount):,}"


def shown_price(page: Any) -> float:
    """Wait for a price; return it to the cent."""
    page.wait_for_selector(".valuation:not([aria-busy]) .price[data-price]")
    price = page.locator(".price")
    exact = float(price.get_attribute("data-price"))
    assert price.inner_text() == dollars(exact)
    return exact


def facts_in_address(page: Any) -> dict[str, Any]:
    """Return the facts that the page keeps in its address."""
    page.wait_for_function("() => location.hash.includes('=')")
    pairs = page.evaluate("[...new URLSearchParams(location.hash.slice(1))]")
    return {name: float(value) if value.replace(".", "").lstrip("-").isdigit() else value for name, value in pairs}
