import pyarrow as pa
import pytest

from estimator.drafting.currencies import country_of, price_symbol_currency
from estimator.drafting.profiles import profile_table


@pytest.mark.parametrize(
    ("name", "cell", "currency"),
    [
        ("price", "R$ 450.000,00", "BRL"),
        ("price", "NT$450,000", "TWD"),
        ("price", "US$450,000", "USD"),
        ("price", "$450,000", "USD"),
        ("price", "AED 450,000", "AED"),
        ("price", "450,000 KRW", "KRW"),
        ("price_kDKK", "4500", "DKK"),
        ("price", "450000", None),
    ],
)
def test_the_text_beside_prices_tells_the_currency(name: str, cell: str, currency: str | None) -> None:
    [price] = profile_table(pa.table({name: [cell]}), ".")
    assert price_symbol_currency(price, [cell]) == currency


@pytest.mark.parametrize(
    ("place", "currency"),
    [
        ((47.6, -122.3), "USD"),
        ((43.16, -77.6), "USD"),  # Rochester, south of Lake Ontario
        ((44.5, -73.2), "USD"),  # Burlington, Vermont
        ((43.65, -79.38), "CAD"),  # Toronto
        ((45.5, -73.6), "CAD"),  # Montreal
        ((53.35, -6.26), "EUR"),  # Dublin
        ((54.6, -5.93), "GBP"),  # Belfast
        ((51.48, -3.18), "GBP"),  # Cardiff
        ((45.76, 4.84), "EUR"),  # Lyon
        ((40.42, -3.7), "EUR"),  # Madrid
        ((55.68, 12.57), "DKK"),  # Copenhagen
        ((25.2, 55.27), "AED"),  # Dubai
        ((37.55, 126.98), "KRW"),  # Seoul
        ((25.03, 121.56), "TWD"),  # Taipei
        ((-23.55, -46.63), "BRL"),  # São Paulo
        ((-37.81, 144.96), "AUD"),  # Melbourne
    ],
)
def test_the_place_of_the_homes_tells_the_currency(place: tuple[float, float], currency: str) -> None:
    country = country_of(*place)
    assert country is not None
    assert country[1] == currency


def test_the_currency_of_other_places_is_not_known() -> None:
    assert country_of(0.0, 0.0) is None
    assert country_of(46.2, 6.14) is None  # Geneva
    assert country_of(55.6, 13.0) is None  # Malmö
    assert country_of(57.7, 11.97) is None  # Gothenburg
    assert country_of(25.3, 51.53) is None  # Doha
