"""Files and JSON as people send them: the server reads them as the commands do, and says what it cannot read."""

import csv
import io

import pandas as pd
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.file_shapes import (
    FILES_NOT_READ,
    MISSING_WORDS,
    N_HOMES,
    READ,
    VALUES_NOT_READ,
    king_county_sales,
    missing,
    text,
)
from tests.service.homes import HOME

PLAIN = "latitude,longitude,square_footage,grade,postal_code,list_price\n47.5112,-122.257,1180,7,98178,300000\n"
PATHS = ("/predict/batch", "/screen")
VALUED = ("valuation_price", "valuation_low", "valuation_high", "error")


def post(client: FlaskClient, path: str, body: str | bytes, kind: str = "text/csv") -> TestResponse:
    content = body.encode() if isinstance(body, str) else body
    return client.post(path, data=content, content_type=kind, headers={"Accept": "text/csv"})


def row(answer: TestResponse) -> dict[str, str]:
    assert answer.status_code == 200, answer.text
    (found,) = csv.DictReader(io.StringIO(answer.text))
    return found


@pytest.fixture(scope="module")
def expected(client: FlaskClient) -> dict[str, str]:
    return row(post(client, "/predict/batch", PLAIN))


def values(answer: TestResponse) -> dict[str, list[str]]:
    """Return home → its value, range and error."""
    assert answer.status_code == 200, answer.text
    header, *rows = csv.reader(io.StringIO(answer.text))
    names = [name.strip().lower() for name in header]
    homes = [dict(zip(names, cells, strict=True)) for cells in rows]
    return {home["id"].strip(): [home[name] for name in VALUED] for home in homes}


@pytest.fixture(scope="module")
def homes() -> pd.DataFrame:
    return king_county_sales(N_HOMES)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", READ)
def test_homes_in_text_of_any_shape_get_the_values_of_the_plain_one(
    client: FlaskClient, homes: pd.DataFrame, path: str, name: str
) -> None:
    plain = values(post(client, path, text(homes)))
    assert sum(price != "" for price, *_ in plain.values()) >= 0.9 * N_HOMES
    found = values(post(client, path, READ[name](homes)))
    assert found == plain


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("word", MISSING_WORDS)
def test_a_word_for_missing_is_an_empty_cell(
    client: FlaskClient, homes: pd.DataFrame, path: str, word: str
) -> None:
    empty, found = (values(post(client, path, missing(each)(homes))) for each in ("", word))
    assert found == empty


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", VALUES_NOT_READ)
def test_a_value_that_cannot_be_read_is_the_error_of_its_row(
    client: FlaskClient, homes: pd.DataFrame, path: str, name: str
) -> None:
    shape, message = VALUES_NOT_READ[name]
    errors = [error for *_, error in values(post(client, path, shape(homes))).values()]
    assert any(message.partition(";")[0] in error for error in errors)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", FILES_NOT_READ)
def test_text_that_cannot_be_read_is_a_problem_with_the_reason(
    client: FlaskClient, homes: pd.DataFrame, path: str, name: str
) -> None:
    shape, message = FILES_NOT_READ[name]
    answer = post(client, path, shape(homes))
    assert answer.status_code in (400, 422)
    assert answer.content_type == "application/problem+json"
    assert message in answer.get_json()["detail"] + str(answer.get_json().get("errors", ""))


def test_tab_separated_values_have_a_media_type_of_their_own(
    client: FlaskClient, expected: dict[str, str]
) -> None:
    body = PLAIN.replace(",", "\t")
    found = row(post(client, "/predict/batch", body, "text/tab-separated-values"))
    assert found["valuation_price"] == expected["valuation_price"]


def test_a_column_that_resembles_a_fact_is_warned_of_in_every_row(client: FlaskClient) -> None:
    for path in ("/predict/batch", "/screen"):
        found = row(post(client, path, PLAIN.replace("grade", "grad")))
        assert "column grad is not read; did you mean grade?" in found["warnings"]


def test_a_short_and_a_long_row_are_errors_of_their_own(client: FlaskClient) -> None:
    line = PLAIN.splitlines()[1]
    answer = post(client, "/predict/batch", PLAIN + "47.5,-122.2\n" + line + ",9\n" + line + "\n")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [found["error"] for found in rows] == [
        "",
        "the row has 2 cells, the header 6",
        "the row has 7 cells, the header 6",
        "",
    ]
    assert rows[0]["valuation_price"] == rows[3]["valuation_price"]


def test_a_date_in_doubt_and_one_of_excel_are_named(client: FlaskClient) -> None:
    for date, message in (
        ("3/4/2015", "declare date_format"),
        ("42077", "'42077' (2015-03-14) is a day as Excel"),
    ):
        body = PLAIN.replace("latitude", "date,latitude").replace("47.5", f"{date},47.5")
        assert message in row(post(client, "/predict/batch", body))["error"]


def test_json_names_may_differ_in_case_blanks_and_underscores(client: FlaskClient) -> None:
    usual = client.post("/predict", json=HOME).get_json()
    other = client.post("/predict", json={name.replace("_", " ").title(): value for name, value in HOME.items()})
    assert other.get_json()["price"] == usual["price"]
    listed = client.post("/predict", json=[{name.upper(): value for name, value in HOME.items()}]).get_json()
    assert listed[0]["price"] == usual["price"]


def test_an_unknown_json_name_is_refused_with_the_fact_it_resembles(client: FlaskClient) -> None:
    for body in (HOME | {"grad": 7}, [HOME | {"grad": 7}]):
        assert "did you mean grade?" in client.post("/predict", json=body).get_data(as_text=True)


def test_json_keeps_its_types(client: FlaskClient) -> None:
    answer = client.post("/predict", json=HOME | {"square_footage": "1,180"})
    assert "'1,180' is not a number" in answer.get_data(as_text=True)


def test_a_postal_code_of_another_place_is_warned_of(client: FlaskClient) -> None:
    home = {"latitude": 47.5112, "longitude": -122.257, "square_footage": 1180, "postal_code": "98004"}
    (warning,) = [
        text for text in client.post("/predict", json=home).get_json()["warnings"] if "does not fit" in text
    ]
    assert warning.startswith("postal_code does not fit the place")
    here = client.post("/predict", json=home | {"postal_code": "98178"}).get_json()["warnings"]
    assert not any("does not fit" in text for text in here)
