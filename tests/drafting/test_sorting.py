"""Which columns of cities' files are facts, and as what."""

import numpy as np

from tests.drafting.city import DAYS, PRICE, RNG, SIZE, N, drafted

AREAS = np.array(["MARSA DUBAI", "AL BARSHA"])[np.arange(N) % 2]


def test_an_area_that_is_a_part_of_the_town_is_not_the_size() -> None:
    draft = drafted({"Amount": PRICE, "Transaction Date": DAYS, "Area": AREAS, "Property Size (sq.m)": SIZE})
    facts = {fact.name: fact for fact in draft.facts}
    assert (facts["square_footage"].column, facts["square_footage"].unit) == ("Property Size (sq.m)", "m²")
    assert facts["square_footage"].required
    assert (facts["area"].kind, facts["area"].required) == ("category", False)


def test_words_of_a_rating_stay_the_rating() -> None:
    draft = drafted(
        {"price": PRICE, "sqft": SIZE, "condition": np.array(["Good", "Poor", "Fair"])[np.arange(N) % 3]}
    )
    assert [(fact.name, fact.kind) for fact in draft.facts][1:] == [("condition", "category")]


def test_a_price_per_area_is_found_without_a_name_that_says_so() -> None:
    draft = drafted(
        {"總價": PRICE, "面積": SIZE, "單價": PRICE // SIZE, "房": SIZE // 40 + RNG.integers(0, 2, N)}, "總價"
    )
    assert draft.ignored == {"單價": "leaks the price: 單價 × 面積 is the price"}
    assert [fact.column for fact in draft.facts] == ["面積", "房"]


def test_two_facts_whose_product_is_near_the_price_are_no_leak() -> None:
    grade = RNG.integers(1, 10, N)
    price = SIZE * grade * 1000 * np.exp(RNG.normal(0, 0.1, N))
    draft = drafted({"price": price.round(), "sqft": SIZE, "grade": grade})
    assert not draft.ignored


def test_an_identifier_with_a_few_rows_each_is_no_label() -> None:
    parcels = [f"69381000A{row // 3:05}" for row in range(N * 3)]
    columns = {"price": np.tile(PRICE, 3), "sqft": np.tile(SIZE, 3), "id_parcelle": parcels}
    assert drafted(columns).ignored["id_parcelle"].startswith("hardly any of its 120 different values")
    estates = [f"estate {row % 60}" for row in range(N * 3)]
    assert not drafted({**columns, "id_parcelle": estates}).ignored


def test_numbers_of_rows_and_identifiers_are_no_amounts() -> None:
    columns = {
        "No": np.arange(1, N + 1),
        "cadastro": [f"{7 * row:011}" for row in range(N)],
        "ward": [f"{row % 7:02}" for row in range(N)],
        "distance": np.arange(N)[::-1] * 3,
    }
    draft = drafted({"price": PRICE, "sqft": SIZE, **columns})
    assert draft.ignored["No"] == "it numbers the rows"
    assert {fact.column: fact.kind for fact in draft.facts} == {
        "sqft": "number",
        "cadastro": "category",
        "ward": "category",
        "distance": "integer",
    }


def test_many_numbers_with_zeros_in_front_identify_something() -> None:
    rows = np.arange(4 * N)
    columns = {
        "price": np.tile(PRICE, 4),
        "sqft": np.tile(SIZE, 4),
        "cadastro": [f"{7 * row:011}" for row in rows],
    }
    assert drafted(columns).ignored["cadastro"] == "numbers with zeros in front: they identify something"


def test_numbers_with_the_name_of_an_identifier_are_no_amounts() -> None:
    rows = np.arange(4 * N)
    columns = {
        "price": np.tile(PRICE, 4),
        "sqft": np.tile(SIZE, 4),
        "permit_nbr": 9_000_000 - 7 * rows,
        "pin": [f"{1.4e13 + 1.7e8 * (row % 99):.5E}" for row in rows],
        "distance_m": 9_000_000 - 7 * rows,
        "units_no": rows % 4,
    }
    draft = drafted(columns)
    assert draft.ignored["permit_nbr"] == "it identifies something"
    assert draft.ignored["pin"] == "a spreadsheet has rounded it, as '1.40000E+13': save it as text"
    assert {"distance_m", "units_no"} <= {fact.column for fact in draft.facts}


def test_one_size_in_two_units_is_one_fact() -> None:
    metres = [f"{cell / 10.764:.1f}" for cell in SIZE]
    draft = drafted({"price": PRICE, "Area (SQFT)": SIZE, "Area (SQM)": metres, "lot": 4 * SIZE})
    assert draft.ignored["Area (SQM)"] == "the same as Area (SQFT), in another unit"
    assert "lot" not in draft.ignored


def test_a_quarter_of_the_year_is_no_quarter_of_the_town() -> None:
    quarters = [f"2019 Q{1 + row % 4}" for row in range(N)]
    assert (
        "the quarter of the sale"
        in drafted({"price": PRICE, "sqft": SIZE, "quarter": quarters}).ignored["quarter"]
    )
    towns = [f"Q{1 + row % 9}" for row in range(N)]
    assert "quarter" not in drafted({"price": PRICE, "sqft": SIZE, "quarter": towns}).ignored
