"""The currency of a market's prices: from what stands beside them, or from where the homes are."""

import re
from collections.abc import Sequence

from estimator.drafting.known_facts import words_of
from estimator.drafting.profiles import Profile

_CURRENCIES = {
    "AED", "AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "ILS", "INR", "JPY", "KRW",
    "MXN", "MYR", "NOK", "NZD", "PLN", "SAR", "SEK", "SGD", "THB", "TRY", "TWD", "USD", "ZAR",
}  # fmt: skip
_SYMBOLS = {
    "R$": "BRL",
    "AU$": "AUD",
    "CA$": "CAD",
    "NZ$": "NZD",
    "HK$": "HKD",
    "NT$": "TWD",
    "US$": "USD",
    "A$": "AUD",
    "C$": "CAD",
    "S$": "SGD",
    "$": "USD",
    "£": "GBP",
    "€": "EUR",
    "₹": "INR",
    "¥": "JPY",
    "₩": "KRW",
    "₪": "ILS",
    "₺": "TRY",
    "zł": "PLN",
    "Kč": "CZK",
}
"""Text beside an amount, and its currency. A text that contains another one comes first."""


def price_symbol_currency(price: Profile, raw: Sequence[str]) -> str | None:
    """Return the currency that the name of the price's column or its cells tell, or None."""
    words = set(words_of(price.name).upper().split())
    for cell in raw:
        words |= set(re.findall(r"(?<![^\W\d_])[A-Z]{3}(?![^\W\d_])", cell))
    named = sorted(words & _CURRENCIES)
    if named:
        return named[0] if len(named) == 1 else None
    return next((code for symbol, code in _SYMBOLS.items() if any(symbol in cell for cell in raw)), None)


_COUNTRIES = (
    ("Singapore", "SGD", (1.1, 1.5), (103.5, 104.2)),
    ("Hong Kong", "HKD", (22.1, 22.6), (113.8, 114.5)),
    ("Ireland", "EUR", (51.3, 54.0), (-10.7, -5.9)),
    ("Great Britain", "GBP", (49.8, 60.9), (-8.2, 1.8)),
    ("Taiwan", "TWD", (21.8, 25.4), (119.9, 122.1)),
    ("the United Arab Emirates", "AED", (22.6, 26.1), (51.9, 56.1)),
    ("South Korea", "KRW", (33.0, 38.3), (125.8, 129.7)),
    ("Denmark", "DKK", (54.9, 57.8), (8.0, 10.9)),
    ("Denmark", "DKK", (54.9, 56.15), (10.9, 12.65)),
    ("Spain or Portugal", "EUR", (36.0, 43.4), (-9.6, 3.4)),
    ("France", "EUR", (43.4, 49.8), (-4.9, 5.9)),
    ("southern Ontario", "CAD", (43.35, 46.5), (-82.0, -77.0)),
    ("southern Quebec", "CAD", (45.05, 47.0), (-77.0, -70.9)),
    ("Australia", "AUD", (-44.0, -10.0), (112.0, 154.0)),
    ("New Zealand", "NZD", (-47.5, -34.0), (166.0, 179.0)),
    ("India", "INR", (6.5, 35.7), (68.0, 97.5)),
    ("Japan", "JPY", (24.0, 45.6), (122.9, 146.0)),
    ("the United States", "USD", (24.4, 49.0), (-125.0, -66.9)),
    ("Brazil", "BRL", (-33.8, -2.0), (-53.0, -34.7)),
)
"""Country, currency, latitudes and longitudes of a box around it or a part of it. The first one counts."""


def country_of(latitude: float, longitude: float) -> tuple[str, str] | None:
    """Return the country of a place and its currency, as far as a box tells; None elsewhere."""
    for country, currency, (south, north), (west, east) in _COUNTRIES:
        if south <= latitude <= north and west <= longitude <= east:
            return country, currency
    return None
