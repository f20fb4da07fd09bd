from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimator.errors import DataError
from estimator.market.areas import AreaLookup, Areas, group_quantiles
from estimator.market.facts import Facts
from estimator.market.market import Market

TOWN = Market.from_dict(
    {
        "name": "town",
        "currency": "EUR",
        "sales": "sales.csv",
        "price": "price",
        "areas": "areas.csv",
        "features": [
            {"name": "latitude", "kind": "latitude"},
            {"name": "longitude", "kind": "longitude"},
            {"name": "code", "kind": "postal_code", "column": "zip"},
            {"name": "crime", "kind": "number", "minimum": 0},
            {"name": "people", "kind": "number"},
            {"name": "size", "kind": "number", "required": True},
        ],
    }
)
AREAS = Areas(
    np.array(["1000", "20", "300"]), {"crime": np.array([1.0, np.nan, 3.0]), "people": np.array([10.0, 20, 30])}
)


def facts(**columns: list[Any]) -> Facts:
    """Return homes of which only the given facts are known."""
    n = len(next(iter(columns.values())))
    unknown: dict[str, Any] = {feature.name: np.full(n, np.nan) for feature in TOWN.numbers}
    unknown["code"] = np.full(n, "", np.str_)
    given = {
        name: np.array(
            ["" if v is None else v for v in c] if name == "code" else c, np.str_ if name == "code" else np.float64
        )
        for name, c in columns.items()
    }
    return Facts(unknown | given)


SOLD = facts(
    code=["20", "1000", "300", "9"], latitude=[60.0, 60.0, 60.5, 60.0], longitude=[20.0, 21.0, 20.0, 22.0]
)
LOOKUP = AreaLookup(TOWN, AREAS, SOLD)


def test_a_code_that_is_not_that_of_the_place_is_warned_of() -> None:
    rng = np.random.default_rng(0)
    middles = {"20": (60.0, 20.0), "1000": (60.0, 20.5)}
    sold = facts(
        code=[code for code in middles for _ in range(50)],
        latitude=[lat + rng.normal(0, 0.02) for lat, _ in middles.values() for _ in range(50)],
        longitude=[lon + rng.normal(0, 0.04) for _, lon in middles.values() for _ in range(50)],
    )
    lookup = AreaLookup(TOWN, AREAS, sold)
    assert lookup.warnings(sold) == {}
    homes = facts(code=["20", "1000", "77", None], latitude=[60.0] * 4, longitude=[20.5] * 4)
    ((text, where),) = lookup.warnings(homes).items()
    assert text.startswith("code does not fit the place")
    assert where.tolist() == [True, False, False, False]
    assert lookup.warnings(facts(code=["20"])) == {}, "nothing is known about the place"


def test_figures_come_from_the_postal_code() -> None:
    completed, looked_up = LOOKUP.complete(facts(code=["1000", "300"]))
    np.testing.assert_array_equal(completed["crime"], [1, 3])
    np.testing.assert_array_equal(completed["people"], [10, 30])
    assert {name: where.tolist() for name, where in looked_up.items()} == {
        "crime": [True] * 2,
        "people": [True] * 2,
    }


def test_a_given_fact_is_kept_and_does_not_count_as_looked_up() -> None:
    completed, looked_up = LOOKUP.complete(facts(code=["1000", "1000"], crime=[7, np.nan]))
    np.testing.assert_array_equal(completed["crime"], [7, 1])
    assert looked_up["crime"].tolist() == [False, True]


def test_without_a_code_that_of_the_nearest_sold_home_is_used() -> None:
    # 0.4° east is 22 km at 60° north, 0.4° north is 44 km.
    completed, looked_up = LOOKUP.complete(facts(latitude=[60.0, 60.3], longitude=[20.4, 20.1]))
    assert completed["code"].tolist() == ["20", "300"]
    assert looked_up["code"].tolist() == [True, True]
    np.testing.assert_array_equal(completed["crime"], [np.nan, 3])
    assert looked_up["crime"].tolist() == [False, True], "an area without a figure gives none"


def test_a_degree_of_longitude_is_shorter_than_one_of_latitude() -> None:
    # At 60° north: 0.3° north is 33 km, 0.5° east only 28 km.
    sold = facts(code=["N", "E"], latitude=[60.3, 60.0], longitude=[20.0, 20.5])
    completed, _ = AreaLookup(TOWN, AREAS, sold).complete(facts(latitude=[60.0], longitude=[20.0]))
    assert completed["code"].tolist() == ["E"]


def test_an_unknown_code_is_kept_and_gets_the_figures_around_the_location() -> None:
    completed, looked_up = LOOKUP.complete(facts(code=["an unknown code"], latitude=[60.0], longitude=[21.1]))
    assert completed["code"].tolist() == ["an unknown code"]
    assert "code" not in looked_up
    assert completed["crime"].tolist() == [1.0]


def test_an_unknown_code_without_a_location_leaves_the_figures_unknown() -> None:
    completed, looked_up = LOOKUP.complete(facts(code=["9"], latitude=[60.0]))
    assert not completed.known("crime").any()
    assert looked_up == {}


def test_without_code_and_location_nothing_is_looked_up() -> None:
    completed, looked_up = LOOKUP.complete(facts(size=[100]))
    assert completed["code"].tolist() == [""]
    assert looked_up == {}


def test_no_homes_can_be_completed() -> None:
    completed, looked_up = LOOKUP.complete(facts(size=[100]).take(np.array([], np.int64)))
    assert len(completed) == 0
    assert looked_up == {}


def test_without_areas_the_code_alone_is_looked_up() -> None:
    lookup = AreaLookup(TOWN, Areas(np.empty(0, np.str_), {}), SOLD)
    completed, looked_up = lookup.complete(facts(latitude=[60.0], longitude=[21.0]))
    assert completed["code"].tolist() == ["1000"]
    assert list(looked_up) == ["code"]


def test_without_located_sold_homes_only_given_codes_are_used() -> None:
    lookup = AreaLookup(TOWN, AREAS, facts(code=["20"], latitude=[np.nan], longitude=[20.0]))
    completed, _ = lookup.complete(facts(code=["300", None], latitude=[60.0] * 2, longitude=[20.0] * 2))
    np.testing.assert_array_equal(completed["people"], [30, np.nan])


codes = st.sampled_from(["", "20", "300", "1000", "9", "long unknown code"])
places = st.one_of(st.just(float("nan")), st.floats(59, 61))
homes = st.lists(st.tuples(codes, places, places, places), min_size=1, max_size=8)


@given(homes)
def test_a_home_is_completed_the_same_alone_and_among_others(
    subjects: list[tuple[str, float, float, float]],
) -> None:
    code, latitude, longitude, crime = (list(column) for column in zip(*subjects, strict=True))
    together = facts(code=code, latitude=latitude, longitude=longitude, crime=crime)
    completed, looked_up = LOOKUP.complete(together)
    for row in range(len(subjects)):
        alone, alone_looked_up = LOOKUP.complete(together.take(np.array([row])))
        for name in completed.columns:
            np.testing.assert_array_equal(alone[name], completed[name][[row]])
        assert set(alone_looked_up) == {name for name, where in looked_up.items() if where[row]}


@given(homes)
def test_a_lookup_is_restored_from_its_state(subjects: list[tuple[str, float, float, float]]) -> None:
    code, latitude, longitude, crime = (list(column) for column in zip(*subjects, strict=True))
    homes = facts(code=code, latitude=latitude, longitude=longitude, crime=crime)
    restored = AreaLookup.from_state(TOWN, LOOKUP.state())
    for name, column in LOOKUP.complete(homes)[0].columns.items():
        np.testing.assert_array_equal(restored.complete(homes)[0][name], column)


def read(folder: Path, content: str) -> Areas:
    (folder / "areas.csv").write_text(content)
    return Areas.read(TOWN, folder)


def test_areas_are_sorted_by_code_and_other_columns_are_ignored(tmp_path: Path) -> None:
    areas = read(tmp_path, "zip,city,crime,people\n300,Här,3,30\n20,There,,20\n")
    assert areas.postal_code.tolist() == ["20", "300"]
    np.testing.assert_array_equal(areas.figures["crime"], [np.nan, 3])
    assert list(areas.figures) == ["crime", "people"]
    index, found = areas.find(np.array(["300", "301", "", "20"]))
    assert found.tolist() == [True, False, False, True]
    assert index[[0, 3]].tolist() == [1, 0]


def test_blank_lines_and_separators_without_cells_are_no_areas(tmp_path: Path) -> None:
    areas = read(tmp_path, "zip,crime\n\n300,3,,\n,\n20,2\n\n\n")
    assert areas.postal_code.tolist() == ["20", "300"]
    assert areas.figures["crime"].tolist() == [2, 3]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("crime\n1\n", "there is no column 'code' to look areas up by"),
        ("zip,code\n1,1\n", "both stand for code"),
        ("zip,crime\n1,1\n2,-3\n", "row 3, column crime: -3 is below the minimum of 0"),
        ("zip,crime\n1,1\n,3\n", "row 3 has no code"),
        ("zip,crime\n1,1\n2,2\n1,3\n", "code 1 appears more than once"),
        ("", "the file is empty"),
        ("zip,crime\n", "there are no areas, only a header"),
        ("zip,crime\n1,1\n2,2,3\n", "row 3 has 3 cells, the header 2"),
    ],
)
def test_a_wrong_table_of_areas_is_refused(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(DataError) as error:
        read(tmp_path, content)
    assert message in str(error.value)
    assert "areas.csv" in str(error.value)


def test_a_missing_table_of_areas_is_reported(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        Areas.read(TOWN, tmp_path)


def test_areas_without_any_sale_are_refused_and_one_match_is_enough() -> None:
    with pytest.raises(DataError, match=r"a code of the sales is '20\.5', one of the areas is '1000'"):
        AREAS.check_match(TOWN, facts(code=["", "20.5"], latitude=[60.0, 60.0], longitude=[20.0, 20.0]))
    AREAS.check_match(TOWN, SOLD)
    AREAS.check_match(TOWN, facts(code=["", ""], latitude=[60.0, 60.0], longitude=[20.0, 20.0]))


@pytest.mark.parametrize("share", [0.0, 0.5, 0.95, 1.0])
def test_quantiles_of_groups_are_those_that_pandas_finds(share: float) -> None:
    rng = np.random.default_rng(0)
    group = rng.permutation(np.repeat(np.arange(30), rng.integers(1, 12, 30)))
    values = rng.normal(size=len(group)).round(1)
    expected = pd.Series(values).groupby(group).quantile(share)
    np.testing.assert_array_almost_equal_nulp(group_quantiles(values, group, share), expected.to_numpy())
