import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimator.errors import MarketError
from estimator.market.gate_limits import LIMIT_BOUNDS, GateLimits
from estimator.market.kinds import KINDS
from estimator.market.market import ANSWER_COLUMNS, VALUATION_DATE, Market

TOWN: dict[str, Any] = {
    "name": "town",
    "currency": "EUR",
    "sales": "sales.csv",
    "price": "price",
    "features": [
        {"name": "size", "kind": "number", "column": "m2", "aliases": ["area"], "minimum": 10, "maximum": 900},
        {"name": "rooms", "kind": "integer"},
    ],
}


def declared(**changes: Any) -> dict[str, Any]:
    return copy.deepcopy(TOWN) | changes


def with_feature(**entry: Any) -> dict[str, Any]:
    return declared(features=[*TOWN["features"], {"name": "extra", "kind": "number"} | entry])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (declared(colour="red"), "unknown key 'colour'"),
        ({key: value for key, value in TOWN.items() if key != "price"}, "lacks the key 'price'"),
        (declared(name=3), "'name' is 3, which has the wrong type; it must be text"),
        (declared(name=" "), "'name' is empty"),
        *(
            (declared(name=name), "cannot be the name of a folder")
            for name in ("../else", "..", "New York", "$(id)", "a/b", "-x")
        ),
        (declared(features=[]), "declares no features"),
        (declared(features=["size"]), "feature 1 is 'size'; it must be a table"),
        (declared(features={"name": "size"}), "'features' is"),
        (declared(ignore="note"), "'ignore' is 'note'"),
        (declared(ignore=[1]), "must be a list of names"),
        (declared(gate=3), "'gate' is 3, which has the wrong type; it must be a table"),
        (
            declared(gate={"min_hits": 80}),
            "the table 'gate' has an unknown key 'min_hits'; the known keys are min_hit_rate",
        ),
        (declared(gate={"max_bias": "3%"}), "the table 'gate': 'max_bias' is '3%', which has the wrong type"),
        (declared(gate={"min_hit_rate": 101}), "'min_hit_rate' is 101; it must be from 0 to 100"),
        (declared(gate={"max_coverage_gap": float("nan")}), "'max_coverage_gap' is nan; it must be from 0 to 100"),
        (declared(ignore=["price"]), "'price' stands for both price and ignore"),
        (declared(ignore=["m2"]), "'m2' stands for both ignore and feature 'size'"),
        (declared(sale_date="price"), "'price' stands for both price and sale_date"),
        (declared(areas="areas.csv"), "areas needs a feature of kind 'postal_code'"),
        (with_feature(name="m2"), "'m2' stands for both feature 'size' and feature 'm2'"),
        (with_feature(aliases=["area"]), "'area' stands for both"),
        (with_feature(aliases=["price"]), "'price' stands for both"),
        (with_feature(aliases=[VALUATION_DATE]), "'valuation_date', which is reserved"),
        (with_feature(name="error"), "'error', which is reserved"),
        (with_feature(name="valuation_index"), "'valuation_index', which is reserved"),
        (with_feature(name="list_price"), "'list_price': a list price is never a fact"),
        (with_feature(column="ListPrice"), "'ListPrice': a list price is never a fact"),
        (with_feature(aliases=["Asking price"]), "'Asking price': a list price is never a fact"),
        (with_feature(colour="red"), "feature 3 ('extra') has an unknown key 'colour'"),
        (with_feature(kind="text"), "kind 'text' is not one of"),
        (with_feature(required=1), "'required' is 1"),
        (with_feature(minimum=True), "'minimum' is True"),
        (with_feature(minimum="1"), "'minimum' is '1'"),
        (with_feature(minimum=2, maximum=1), "minimum 2 is above maximum 1"),
        (with_feature(minimum=float("nan")), "minimum is nan; leave it out"),
        (with_feature(maximum=float("inf")), "maximum is inf; leave it out"),
        (with_feature(kind="category", minimum=1), "kind 'category' does not allow a minimum"),
        (with_feature(kind="date", maximum=1), "kind 'date' does not allow a maximum"),
        (with_feature(price_effect="up"), "price_effect 'up' is not one of"),
        (
            with_feature(kind="category", price_effect="increasing"),
            "kind 'category' does not allow a price_effect",
        ),
        (with_feature(kind="latitude"), "latitude and longitude go together"),
        (with_feature(kind="latitude", minimum=100), "minimum 100 is above maximum 90"),
        (
            declared(features=[{"name": "a", "kind": "postal_code"}, {"name": "b", "kind": "postal_code"}]),
            "features a, b are all of kind 'postal_code'",
        ),
    ],
)
def test_an_inconsistent_market_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(MarketError) as error:
        Market.from_dict(wrong)
    assert message in str(error.value)


def test_a_feature_is_found_by_all_its_names() -> None:
    market = Market.from_dict(TOWN)
    assert {name: feature.name for name, feature in market.by_name.items()} == {
        "size": "size",
        "m2": "size",
        "area": "size",
        "rooms": "rooms",
    }


def test_a_market_sets_some_limits_of_its_gate_and_keeps_the_others() -> None:
    assert Market.from_dict(TOWN).gate == GateLimits(90, 3, 4, 1)
    market = Market.from_dict(declared(gate={"min_hit_rate": 75}))
    assert market.gate == GateLimits(75, 3, 4, 1)
    assert Market.from_dict(market.to_dict()) == market


def test_every_limit_of_the_gate_has_bounds() -> None:
    assert set(LIMIT_BOUNDS) == set(vars(GateLimits()))


def test_coordinates_have_default_bounds() -> None:
    market = Market.from_dict(
        declared(features=[{"name": "n", "kind": "latitude", "minimum": 47}, {"name": "e", "kind": "longitude"}])
    )
    north, east = market.features
    assert (north.minimum, north.maximum) == (47, 90)
    assert (east.minimum, east.maximum) == (-180, 180)
    assert market.coordinates == ("n", "e")
    assert Market.from_dict(TOWN).coordinates is None


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (9.5, "9.5 is below the minimum of 10 m²"),
        (10, None),
        (900, None),
        (900.5, "900.5 is above the maximum of 900 m²"),
    ],
)
def test_bounds_are_inclusive_and_named_with_the_unit(value: float, problem: str | None) -> None:
    market = Market.from_dict(declared(features=[TOWN["features"][0] | {"unit": "m²"}]))
    assert market.features[0].out_of_bounds(value) == problem


names = st.text(st.characters(categories=["L"]), min_size=1, max_size=8).filter(
    lambda name: name not in ANSWER_COLUMNS
)
features = st.lists(
    st.fixed_dictionaries(
        {
            "name": names,
            "kind": st.sampled_from([kind for kind in KINDS if kind not in {"latitude", "longitude"}]),
        },
        optional={"required": st.booleans(), "unit": st.text(max_size=3), "description": st.text(max_size=9)},
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda feature: feature["name"],
)


@given(features, st.lists(names, max_size=2, unique=True))
def test_a_market_is_restored_from_its_plain_values(entries: list[dict[str, Any]], ignore: list[str]) -> None:
    kinds = [entry["kind"] for entry in entries]
    taken = {"price", *(entry["name"] for entry in entries)}
    if kinds.count("postal_code") > 1 or taken & set(ignore) or len(taken) != len(entries) + 1:
        return
    market = Market.from_dict(declared(features=entries, ignore=ignore))
    assert Market.from_dict(market.to_dict()) == market


def test_a_market_file_or_its_folder_is_read(tmp_path: Path) -> None:
    text = (
        'name = "t"\ncurrency = "EUR"\nsales = "s.csv"\nprice = "p"\n[[features]]\nname = "a"\nkind = "number"\n'
    )
    (tmp_path / "market.toml").write_text(text)
    assert Market.read(tmp_path) == Market.read(tmp_path / "market.toml")
    assert Market.read(tmp_path).features[0].column == "a"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name = ", "Invalid value"),
        (b"\xff", "utf-8"),
        (b'name = "t"', "lacks the key"),
        (b"a = 1\na = 2", "Cannot"),
    ],
)
def test_the_message_names_a_market_file_that_cannot_be_read(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "market.toml").write_bytes(content)
    with pytest.raises(MarketError, match=message) as error:
        Market.read(tmp_path)
    assert str(error.value).startswith(str(tmp_path / "market.toml"))


def test_the_message_names_a_missing_market(tmp_path: Path) -> None:
    with pytest.raises(MarketError, match="no such market file"):
        Market.read(tmp_path)


def test_the_size_is_the_first_required_number() -> None:
    assert Market.from_dict(declared()).size is None
    place = [{"name": "lat", "kind": "latitude"}, {"name": "lng", "kind": "longitude"}]
    features = [*place, TOWN["features"][0], {"name": "area_m2", "kind": "integer"}]
    needed = [feature | {"required": feature is not TOWN["features"][0]} for feature in features]
    size = Market.from_dict(declared(features=needed)).size
    assert size is not None
    assert size.name == "area_m2"
