from typing import Any

import numpy as np
import pytest

from estimator.features.encoding import MIN_UNFINISHED, Encoding
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.market.overview import MIN_LABEL_COUNT

NEWEST = np.datetime64("2020-06-01")
TOWN = Market.from_dict(
    {
        "name": "town",
        "currency": "EUR",
        "sales": "sales.csv",
        "price": "price",
        "features": [
            {"name": "latitude", "kind": "latitude"},
            {"name": "longitude", "kind": "longitude"},
            {"name": "size", "kind": "number", "required": True},
            {"name": "rooms", "kind": "integer"},
            {"name": "quarter", "kind": "category"},
        ],
    }
)
N = 40
HOMES = Facts(
    {
        "latitude": np.linspace(59.9, 60.1, N),
        "longitude": np.linspace(20.1, 19.9, N),
        "size": np.linspace(50, 200, N),
        "rooms": np.arange(N) % 5.0,
        "quarter": np.array(
            ["old"] * 20 + ["new"] * (20 - MIN_LABEL_COUNT + 1) + ["rare"] * (MIN_LABEL_COUNT - 1)
        ),
    }
)
DATES = NEWEST - np.arange(N)[::-1].astype("timedelta64[D]")


@pytest.fixture(scope="module")
def encoding() -> Encoding:
    return Encoding.fit(TOWN, HOMES, DATES)


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("latitude", [0, 4]),
        ("rooms", [3, 6]),
        ("quarter", [7, 8]),  # "rare" has no column
    ],
)
def test_withholding_a_fact_changes_only_its_own_columns(
    encoding: Encoding, name: str, columns: list[int]
) -> None:
    known = encoding.transform(HOMES, DATES)
    unknown = encoding.transform(HOMES.without({name: np.ones(N, np.bool_)}), DATES)
    # Four numbers, three missing-value flags and two labels; no date.
    assert known.shape == (N, 9)
    assert np.flatnonzero((known != unknown).any(axis=0)).tolist() == columns


def test_rare_and_new_labels_have_no_column(encoding: Encoding) -> None:
    homes = HOMES.take(np.zeros(4, np.int64)).replace({"quarter": np.array(["old", "rare", "never seen", ""])})
    assert encoding.unseen(homes, "quarter").tolist() == [False, True, True, False]
    assert encoding.rare(homes, "quarter").tolist() == [False, True, False, False]
    encoded = encoding.transform(homes, None)
    np.testing.assert_array_equal(encoded[1], encoded[3])
    np.testing.assert_array_equal(encoded[2], encoded[3])
    assert (encoded[0] != encoded[3]).sum() == 1


def test_a_label_with_the_prefix_of_another_is_unseen(encoding: Encoding) -> None:
    homes = HOMES.take(np.zeros(1, np.int64)).replace({"quarter": np.array(["older"])})
    assert encoding.unseen(homes, "quarter").all()


def test_a_date_changes_no_column_unless_a_fact_is_a_year(encoding: Encoding) -> None:
    for dates in (None, DATES - 3000):
        np.testing.assert_array_equal(encoding.transform(HOMES, dates), encoding.transform(HOMES, DATES))


def years_of_building(n_unfinished: int, *, size: float = 0.0) -> tuple[Encoding, Facts]:
    """Homes of which some are sold before or in the year they are built; `rooms` is that year, plus `size`."""
    built = np.where(np.arange(N) < n_unfinished, 2020 + np.arange(N) % 2, 1950) + size
    homes = HOMES.replace({"rooms": built})
    return Encoding.fit(TOWN, homes, DATES), homes


def test_a_year_has_columns_for_valuation_dates_before_and_in_it() -> None:
    encoding, homes = years_of_building(MIN_UNFINISHED)
    three = homes.take(np.zeros(4, np.int64)).replace({"rooms": np.array([2021.0, 2021.0, 2021.0, np.nan])})
    dates = np.array(["2020-12-31", "2021-01-01", "2022-01-01", "2021-01-01"], "datetime64[D]")
    assert encoding.transform(three, dates)[:, -2:].tolist() == [[1, 0], [0, 1], [0, 0], [0, 0]]
    assert not encoding.transform(three, None)[:, -2:].any()
    restored = Encoding.from_state(TOWN, encoding.state())
    np.testing.assert_array_equal(restored.transform(three, dates), encoding.transform(three, dates))


@pytest.mark.parametrize(("n_unfinished", "size"), [(MIN_UNFINISHED - 1, 0.0), (N, 1000.0), (N, -1000.0)])
def test_a_year_with_few_unfinished_homes_and_a_fact_that_is_no_year_have_none(
    n_unfinished: int, size: float, encoding: Encoding
) -> None:
    assert years_of_building(n_unfinished, size=size)[0].n_columns == encoding.n_columns
    assert years_of_building(MIN_UNFINISHED)[0].n_columns == encoding.n_columns + 2


@pytest.mark.parametrize(
    "unknown",
    [["latitude"], ["longitude"], ["latitude", "longitude", "rooms"], ["rooms"], ["quarter"]],
)
def test_facts_unknown_in_all_training_sales_can_be_encoded(unknown: list[str]) -> None:
    everywhere = np.ones(N, np.bool_)
    homes = HOMES.without(dict.fromkeys(unknown, everywhere))
    encoding = Encoding.fit(TOWN, homes, None)
    assert np.isfinite(encoding.transform(homes, None)).all()
    assert np.isfinite(encoding.transform(HOMES, None)).all()


def test_zero_homes_are_encoded_as_zero_rows(encoding: Encoding) -> None:
    none = np.array([], np.int64)
    assert len(encoding.transform(HOMES.take(none), DATES[none])) == 0


def test_an_encoding_is_restored_from_its_state(encoding: Encoding) -> None:
    restored: Any = Encoding.from_state(TOWN, encoding.state())
    np.testing.assert_array_equal(restored.transform(HOMES, DATES), encoding.transform(HOMES, DATES))
    assert restored.n_columns == encoding.n_columns
