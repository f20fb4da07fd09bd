"""Many subjects checked by column get the same errors as single subjects checked by marshmallow."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from estimator.market.market import Market
from service.valuation.subject_columns import CheckedSubjects, check_subject_columns, check_subjects
from service.valuation.subject_schema import MAX_ERRORS, MAX_NAMES, Subject, SubjectSchema
from service.valuation.valuation import check_subject
from tests.town import LOCATION, MARKET

KING_COUNTY = Market.read(Path(__file__).parents[3] / "data" / "king_county")
HOME: dict[str, Any] = {"latitude": 47.6, "longitude": -122.3, "square_footage": 1800}

BAD: list[Any] = [
    *(True, False, 0, 1, 2, 3.0, 3.9, -0.0, -1, 1e308, 10**18, 10**25, 10**400, 10**4000),
    *(float("nan"), float("inf"), -float("inf")),
    *(
        "",
        " ",
        "7",
        " 7 ",
        "1_0",
        "\uff11\uff12",
        "nan",
        "yes",
        "true",
        "a" * 201,
        "\ud800",
        "\x00",
        "\ufeff",
        "98103",
    ),
    *("2015-05-27", "2015-02-30", "20150527", "2015-05-27T00:00", "2015-05-27\n", "0000-01-01", "9999-12-31"),
    *(None, [], {}, [1], {"a": 1}, [[[]]]),
]
NAMES = [*KING_COUNTY.by_name, "valuation_date", "size", "", "LATITUDE", "x" * 90]


def check_alone(schema: SubjectSchema, value: object) -> Subject | list[dict[str, str]]:
    return check_subject(schema, value)


def assert_same_errors(market: Market, values: list[Any], checked: CheckedSubjects, *, has_dates: bool) -> None:
    schema = SubjectSchema.of(market, has_dates=has_dates)
    for row, value in enumerate(values):
        alone = check_alone(schema, value)
        if not isinstance(alone, Subject):
            assert checked.errors[row] == alone
            assert not checked.valid[row]
            continue
        assert row not in checked.errors
        assert checked.valid[row]
        known = {
            feature.name: checked.facts[feature.name][row]
            for feature in market.features
            if checked.facts.known(feature.name)[row]
        }
        assert known == alone.facts
        day = checked.dates[row]
        assert (None if np.isnat(day) else str(day)) == (None if alone.date is None else str(alone.date))


homes = st.dictionaries(
    st.sampled_from(NAMES), st.sampled_from(BAD) | st.floats() | st.integers() | st.text(max_size=4), max_size=6
).map(lambda drawn: HOME | drawn)


@given(values=st.lists(homes | st.sampled_from(BAD), max_size=6), has_dates=st.booleans())
@hypothesis_settings(max_examples=500)
def test_many_subjects_get_the_same_result_as_single_ones(values: list[Any], has_dates: bool) -> None:
    assert_same_errors(
        KING_COUNTY, values, check_subjects(KING_COUNTY, values, has_dates=has_dates), has_dates=has_dates
    )


@pytest.mark.parametrize("name", [feature.name for feature in KING_COUNTY.features] + ["valuation_date", "size"])
def test_invalid_values_of_every_fact_get_the_same_errors(name: str) -> None:
    values = [HOME | {name: value} for value in BAD]
    assert_same_errors(KING_COUNTY, values, check_subjects(KING_COUNTY, values, has_dates=True), has_dates=True)
    for value in BAD:
        assert_same_errors(
            KING_COUNTY,
            [HOME | {name: value}],
            check_subjects(KING_COUNTY, [HOME | {name: value}], has_dates=True),
            has_dates=True,
        )


def test_another_market_gets_the_same_errors(tmp_path: Path) -> None:
    (tmp_path / "market.toml").write_text(MARKET + LOCATION, encoding="utf-8")
    town = Market.read(tmp_path)
    values = [{"size": 50, name: value} for name in town.by_name for value in BAD]
    assert_same_errors(town, values, check_subjects(town, values, has_dates=False), has_dates=False)


columns = st.lists(st.sampled_from(NAMES), unique=True, min_size=1, max_size=5).flatmap(
    lambda names: st.lists(st.tuples(*(st.sampled_from(BAD) for _ in names)), min_size=1, max_size=5).map(
        lambda rows: dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    )
)


@given(columns=columns)
def test_columns_get_the_same_errors_as_their_rows(columns: Mapping[str, list[Any]]) -> None:
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    checked = check_subject_columns(KING_COUNTY, columns, has_dates=True)
    assert_same_errors(KING_COUNTY, rows, checked, has_dates=True)


def test_zero_subjects_give_zero_rows() -> None:
    checked = check_subjects(KING_COUNTY, [], has_dates=True)
    assert (len(checked.facts), len(checked.dates), checked.errors) == (0, 0, {})


def test_subjects_with_many_different_sets_of_names_are_checked_fast() -> None:
    uniform, distinct = (
        [HOME | {f"{name} {row % shapes}": 1} for row in range(5000) for name in "a"] for shapes in (1, 5000)
    )

    def seconds(values: list[dict[str, Any]]) -> float:
        began = time.perf_counter()
        check_subjects(KING_COUNTY, values, has_dates=True)
        return time.perf_counter() - began

    seconds(uniform)
    assert min(seconds(distinct) for _ in range(3)) < 5 * min(seconds(uniform) for _ in range(3))


def test_a_home_with_very_many_names_has_one_error() -> None:
    value = {f"fact {number}": 1 for number in range(MAX_NAMES + 1)}
    assert_same_errors(KING_COUNTY, [value], check_subjects(KING_COUNTY, [value], has_dates=True), has_dates=True)
    checked = check_subjects(KING_COUNTY, [HOME, value], has_dates=True)
    message = f"the home has {MAX_NAMES + 1} facts; the maximum is {MAX_NAMES}"
    assert checked.errors == {1: [{"field": "", "message": message}]}


def test_only_errors_that_can_be_listed_are_kept_and_the_others_counted() -> None:
    values = [HOME | {f"fact {row} {number}": 1 for number in range(60)} for row in range(20)]
    columns = {name: [value.get(name) for value in values] for name in [*HOME, *values[0], *values[1]]}
    for checked in (
        check_subjects(KING_COUNTY, values, has_dates=True),
        check_subject_columns(KING_COUNTY, {name: columns[name] for name in columns}, has_dates=True),
    ):
        kept = [len(checked.errors.get(row, ())) for row in range(2)]
        assert kept == [60, MAX_ERRORS - 60]
        assert checked.more_errors[1] == 60 - kept[1]
    checked = check_subjects(KING_COUNTY, values, has_dates=True)
    assert [len(checked.errors[row]) for row in range(2, 20)] == [1] * 18
    assert sum(map(len, checked.errors.values())) + sum(checked.more_errors.values()) == 20 * 60
