from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimator.market.checks import check_value
from estimator.market.facts import Facts, format_fact, label_columns
from estimator.market.feature import Feature
from estimator.market.market import Market

MARKET = Market.from_dict(
    {
        "name": "town",
        "currency": "EUR",
        "sales": "sales.csv",
        "price": "price",
        "sale_date": "sold",
        "features": [
            {
                "name": "size",
                "kind": "number",
                "column": "m2",
                "aliases": ["area"],
                "required": True,
                "minimum": 10,
            },
            {"name": "rooms", "kind": "integer"},
            {"name": "garden", "kind": "boolean"},
            {"name": "listed", "kind": "date"},
            {"name": "quarter", "kind": "category"},
        ],
    }
)

homes = st.fixed_dictionaries(
    {"size": st.floats(10, 1e6)},
    optional={
        "rooms": st.integers(-5, 50),
        "garden": st.booleans(),
        "listed": st.dates().map(str),
        "quarter": st.text(st.characters(categories=("L", "N")), min_size=1, max_size=30),
    },
)


@given(st.lists(homes, min_size=1, max_size=5))
def test_known_facts_are_returned_as_the_json_they_came_from(subjects: list[dict[str, Any]]) -> None:
    stored = [
        {name: check_value(MARKET.by_name[name], value) for name, value in home.items()} for home in subjects
    ]
    facts = Facts.of(MARKET, stored)
    assert [facts.as_values(MARKET, row) for row in range(len(subjects))] == subjects


def test_a_label_that_is_longer_than_the_others_of_its_column_is_not_cut() -> None:
    facts = Facts.of(MARKET, [{"size": 10.0, "quarter": "a"}, {"size": 10.0, "quarter": "a long name"}])
    replaced = facts.take(np.array([0])).replace({"quarter": np.array(["a longer name"])})
    assert replaced["quarter"].tolist() == ["a longer name"]
    hidden = facts.without({"quarter": np.array([True, False]), "size": np.array([True, False])})
    assert hidden["quarter"].tolist() == ["", "a long name"]
    np.testing.assert_array_equal(hidden["size"], [np.nan, 10])
    assert facts["quarter"].tolist() == ["a", "a long name"], "the original is untouched"


@pytest.mark.parametrize(
    ("declared", "value", "text"),
    [
        ({"kind": "number", "unit": "ft²"}, 13540.0, "13,540 ft²"),
        ({"kind": "number", "unit": "ft²"}, 0.123456, "0.12 ft²"),
        ({"kind": "integer"}, 1987.0, "1987"),
        ({"kind": "number"}, 2.25, "2.25"),
        ({"kind": "boolean"}, 1.0, "true"),
        ({"kind": "date"}, 16_000.0, "2013-10-22"),
        ({"kind": "category"}, "old town", "old town"),
    ],
)
def test_a_fact_is_formatted_with_its_unit(declared: dict[str, Any], value: float | str, text: str) -> None:
    assert format_fact(Feature("fact", column="fact", **declared), value) == text


def test_unknown_is_the_opposite_of_known() -> None:
    columns = {"size": np.array([1.0, np.nan]), "code": np.array(["", "98101"]), "rooms": np.array([3.0, 2.0])}
    facts = Facts(columns)
    for names in (["code", "size", "rooms"], ["rooms"], []):
        unknown = facts.unknown(names)
        assert unknown.shape == (2, len(names))
        for index, name in enumerate(names):
            np.testing.assert_array_equal(unknown[:, index], ~facts.known(name))


@given(st.lists(st.text("abé", max_size=2), max_size=20), st.sets(st.text("abé", min_size=1, max_size=2)))
def test_label_columns_are_those_of_a_comparison_with_each_label(values: list[str], labels: set[str]) -> None:
    column, known = np.array(values, np.str_), np.array(sorted(labels), np.str_)
    expected = [[value == label for label in sorted(labels)] for value in values]
    np.testing.assert_array_equal(label_columns(column, known), np.reshape(expected, (len(values), len(labels))))
