"""The schema of a subject: names, nulls, and errors, which are those of the estimator."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError

from estimator.market.checks import check_value
from estimator.market.market import Market
from service.valuation.subject_schema import Subject, SubjectSchema

KING_COUNTY = Market.read(Path(__file__).parents[3] / "data" / "king_county")
SCHEMA = SubjectSchema.of(KING_COUNTY, has_dates=True)
WITHOUT_DATES = SubjectSchema.of(KING_COUNTY, has_dates=False)
HOME = {"latitude": 47.6, "longitude": -122.3, "square_footage": 1800}

ODD_MARKET = Market.from_dict(
    {
        "name": "odd",
        "currency": "EUR",
        "sales": "sales.csv",
        "price": "price",
        "features": [
            {"name": "a.b", "kind": "number", "required": True},
            {"name": "Meta", "kind": "integer"},
            {"name": "fields", "kind": "category"},
            {"name": "load", "kind": "date"},
            {"name": "fact_0", "kind": "boolean"},
        ],
    }
)


def field_messages(schema: SubjectSchema, value: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(ValidationError) as error:
        schema.load(value)
    return {error["field"]: error["message"] for error in schema.field_errors(error.value)}


def test_a_fact_is_accepted_by_name_column_or_alias() -> None:
    expected = Subject({"latitude": 47.6, "longitude": -122.3, "square_footage": 1800.0}, None)
    assert SCHEMA.load({"latitude": 47.6, "longitude": -122.3, "square_footage": 1800}) == expected
    assert SCHEMA.load({"lat": 47.6, "long": -122.3, "sqft_living": 1800}) == expected
    assert SCHEMA.load({"Latitude": 47.6, "lng": -122.3, "LivingArea": 1800}) == expected


def test_two_names_of_one_fact_are_refused_and_both_named() -> None:
    assert field_messages(SCHEMA, HOME | {"sqft": 1800}) == {
        "square_footage": "'square_footage' and 'sqft' are both names of square_footage; send one of them"
    }


def test_null_means_missing() -> None:
    assert SCHEMA.load(HOME | {"grade": None, "sqft": None, "valuation_date": None}) == SCHEMA.load(HOME)
    assert field_messages(SCHEMA, HOME | {"latitude": None}) == {"latitude": "is required"}


def test_all_errors_are_reported_at_once_in_the_order_of_the_market() -> None:
    wrong = {
        "zzz": 1,
        "grade": 7.5,
        "waterfront": "yes",
        "latitude": "north",
        "aaa": 1,
        "valuation_date": "2015-02-30",
    }
    messages = field_messages(SCHEMA, wrong)
    assert list(messages) == [
        "latitude", "longitude", "square_footage", "grade", "waterfront", "valuation_date", "aaa", "zzz",
    ]  # fmt: skip
    assert messages["latitude"] == "'north' is not a number"
    assert messages["longitude"] == "is required"
    assert messages["grade"] == "7.5 is not a whole number"
    assert messages["valuation_date"] == "'2015-02-30' is not a date like 2015-05-27"
    assert messages["aaa"] == "is not a fact of the market king_county"


@pytest.mark.parametrize("feature", KING_COUNTY.features, ids=lambda feature: feature.name)
@pytest.mark.parametrize(
    "value", [True, 0, 1, 3.0, 3.9, -1e9, 10**400, "7", "", " ", "１２", [], {}, "\ud800", "x" * 300]
)
def test_a_field_accepts_and_refuses_what_the_estimator_does(feature: Any, value: object) -> None:
    subject = {name: known for name, known in HOME.items() if name != feature.name} | {feature.name: value}
    expected: object
    try:
        expected = check_value(feature, value)
    except ValueError as error:
        expected = str(error)
    try:
        result: object = SCHEMA.load(subject).facts[feature.name]
    except ValidationError as error:
        result = SCHEMA.field_errors(error)[0]["message"]
    assert result == expected


def test_facts_may_have_names_that_marshmallow_uses() -> None:
    schema = SubjectSchema.of(ODD_MARKET, has_dates=False)
    loaded = schema.load({"a.b": 1, "Meta": 2, "fields": "brick", "load": "1970-01-02", "fact_0": True})
    assert loaded == Subject({"a.b": 1.0, "Meta": 2.0, "fields": "brick", "load": 1.0, "fact_0": 1.0}, None)


def test_a_market_without_dates_has_no_valuation_date() -> None:
    schema = SubjectSchema.of(ODD_MARKET, has_dates=False)
    assert field_messages(schema, {"a.b": 1, "valuation_date": "2015-05-27"}) == {
        "valuation_date": "is not a fact of the market odd"
    }


def test_a_column_in_another_unit_is_no_name_in_a_request() -> None:
    size = {"name": "size", "column": "sqm", "kind": "number", "unit": "ft²", "column_unit": "m²"}
    market = Market.from_dict(
        {"name": "town", "currency": "USD", "sales": "s.csv", "price": "price", "features": [size]}
    )
    assert set(field_messages(SubjectSchema.of(market, has_dates=False), {"sqm": 100})) == {"sqm"}


_NAMES = st.sampled_from(
    [*HOME, "lat", "SQFT Living", "grade", "waterfront", "zipcode", "valuation_date", "zzz", ""]
)
_VALUES: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(
        [47.6, -122.3, 1800, 7, True, "98103", "2015-02-03", "2015-02-30", None, [], {}, "good", 1e400]
    ),
    st.floats(),
    st.integers(-2000, 2000),
    st.text(max_size=3),
)


@given(st.dictionaries(_NAMES, _VALUES), st.booleans())
def test_the_short_way_agrees_with_the_schema(changes: dict[str, Any], has_dates: bool) -> None:
    schema = SCHEMA if has_dates else WITHOUT_DATES
    for home in (changes, HOME | changes):
        try:
            expected = schema.load(home)
        except ValidationError:
            expected = None
        assert schema.read_valid(home) == expected
