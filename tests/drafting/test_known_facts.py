import re
import tomllib
from importlib.resources import files

import pytest

from estimator.drafting.known_facts import FACTS, known_fact, words_of
from estimator.market.kinds import KINDS
from estimator.market.text.names import plain_name


@pytest.mark.parametrize(
    ("column", "fact"),
    [
        ("sqft_living", "square_footage"),  # Kaggle's King County
        ("sqft_lot15", "nearby_lot_size"),
        ("yr_renovated", "year_renovated"),
        ("LivingArea", "square_footage"),  # RESO
        ("LotSizeSquareFeet", "lot_size"),
        ("BathroomsTotalInteger", "bathrooms"),
        ("StoriesTotal", "floors"),
        ("Gr_Liv_Area", "square_footage"),  # Ames
        ("TotRms_AbvGrd", "rooms"),
        ("postcode", "postal_code"),  # HM Land Registry
        ("town_city", "city"),
        ("floor_area_sqm", "square_footage"),  # Singapore's HDB
        ("ZIP Code", "postal_code"),
        ("Lat.", "latitude"),
        ("anio_construccion", "year_built"),  # Madrid
        ("exclusive_use_area", "square_footage"),  # Seoul
        ("year_of_completion", "year_built"),
        ("BUILD_YEAR", "year_built"),  # Perth
        ("Vagas", "garage_spaces"),  # São Paulo
    ],
)
def test_usual_names_are_known(column: str, fact: str) -> None:
    found = known_fact(column)
    assert found is not None
    assert (found[0].name, found[1]) == (fact, True)


@pytest.mark.parametrize(("column", "fact"), [("Lat (deg)", "latitude"), ("Long (deg)", "longitude")])
def test_coordinates_with_a_unit_are_likely(column: str, fact: str) -> None:
    found = known_fact(column)
    assert found is not None
    assert (found[0].name, found[1]) == (fact, False)


@pytest.mark.parametrize(
    ("column", "fact"),
    [
        ("FIN_SQFT", "square_footage"),
        ("char_bldg_sf", "square_footage"),  # Cook County
        ("char_land_sf", "lot_size"),
        ("char_yrblt", "year_built"),
        ("char_hbath", "half_bathrooms"),
        ("SqFtTotLiving", "square_footage"),  # King County's assessor
        ("BathHalfCount", "half_bathrooms"),
        ("Bath3qtrCount", None),
        ("Área útil (m²)", "square_footage"),
        ("Bedroom2", "bedrooms"),
        ("BsmtFin_SF_1", None),
        ("Living Area (m2)", "square_footage"),
        ("Bsmt_Full_Bath", "full_bathrooms"),
        ("Year House Built", None),
    ],
)
def test_other_names_probably_mean_a_fact(column: str, fact: str | None) -> None:
    found = known_fact(column)
    assert (None if found is None else found[0].name) == fact
    assert found is None or not found[1]


@pytest.mark.parametrize("column", ["wall", "Roof_Matl", "households", "availability", "x"])
def test_names_that_say_nothing_are_unknown(column: str) -> None:
    assert known_fact(column) is None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Gr_LivArea3", "gr liv area 3"),
        ("sqft_living15", "sqft living 15"),
        ("Area m²", "area m2"),
        ("LotSizeSquareFeet", "lot size square feet"),
        ("MLSNumber", "mls number"),
        ("Bedroom2", "bedroom 2"),
        ("AreaSqm2", "area sqm2"),
    ],
)
def test_names_are_split_into_words(name: str, words: str) -> None:
    assert words_of(name) == words


def test_the_table_is_consistent() -> None:
    words = [word for fact in FACTS for word in fact.words.split()]
    assert len(words) == len(set(words)), "a word that stands for two facts"
    for fact in FACTS:
        assert all(word == plain_name(word) for word in fact.words.split()), fact.name
        assert fact.kind in KINDS
        assert fact.description.endswith(".")
        assert fact.price_effect in {None, "increasing", "decreasing"}
        assert all(re.compile(pattern) for pattern in fact.patterns)


def test_the_reasons_for_unused_columns_are_consistent() -> None:
    text = (files("estimator.drafting") / "unused_columns.toml").read_text(encoding="utf-8")
    for entry in tomllib.loads(text)["columns"]:
        assert entry["reason"]
        assert all(pattern == pattern.casefold() or "\\" in pattern for pattern in entry["patterns"])
