"""Files and JSON as people send them: the server reads them as the commands do, and says what it cannot read."""

import csv
import io
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from estimator.bulk import predict_file
from estimator.deals.list_prices import ListPriceModel
from estimator.deals.screen_file import screen_file
from estimator.registry import load_version
from tests.service.homes import HOME

PLAIN = "latitude,longitude,square_footage,grade,postal_code,list_price\n47.5112,-122.257,1180,7,98178,300000\n"
NUMBERS = ("valuation_price", "valuation_low", "valuation_high")

SAME_HOME = {
    "semicolons": PLAIN.replace(",", ";"),
    "tabs": PLAIN.replace(",", "\t"),
    "bars": PLAIN.replace(",", "|"),
    "decimal commas": PLAIN.replace(",", ";").replace(".", ","),
    "title case": PLAIN.replace("latitude", "Latitude").replace("square_footage", "Square Footage"),
    "capitals": PLAIN.split("\n", maxsplit=1)[0].upper() + "\n" + PLAIN.split("\n")[1],
    "thousands": PLAIN.replace("1180", '"1,180"').replace("300000", '"$300,000"'),
    "a unit": PLAIN.replace("1180", "1180 sq ft"),
    "ZIP+4": PLAIN.replace("98178", "98178-1234"),
    "a trailing point": PLAIN.replace("1180", "1180."),
    "missing facts": PLAIN.replace("grade", "grade,bedrooms,bathrooms,waterfront").replace(",7,", ",7,NA,?,None,"),
    "carriage returns": PLAIN.replace("\n", "\r\n"),
    "a byte order mark": "\ufeff" + PLAIN,
}


def post(client: FlaskClient, path: str, text: str, kind: str = "text/csv") -> TestResponse:
    return client.post(path, data=text.encode(), content_type=kind)


def row(answer: TestResponse) -> dict[str, str]:
    assert answer.status_code == 200, answer.text
    (found,) = csv.DictReader(io.StringIO(answer.text))
    return found


@pytest.fixture(scope="module")
def expected(client: FlaskClient) -> dict[str, str]:
    return row(post(client, "/predict/batch", PLAIN))


@pytest.mark.parametrize("text", SAME_HOME.values(), ids=SAME_HOME)
def test_one_home_in_many_forms_has_one_value(
    client: FlaskClient, expected: dict[str, str], models: Path, tmp_path: Path, text: str
) -> None:
    answers = [row(post(client, path, text)) for path in ("/predict/batch", "/screen")]
    appraiser = load_version(models / "king_county").appraiser
    (tmp_path / "homes.csv").write_text(text, encoding="utf-8")
    predict_file(appraiser, tmp_path / "homes.csv", tmp_path / "valued.csv")
    screen_file(
        appraiser,
        ListPriceModel.prior(appraiser.ranges.scores),
        tmp_path / "homes.csv",
        tmp_path / "deals.csv",
        {},
    )
    for name in ("valued.csv", "deals.csv"):
        answers += csv.DictReader(io.StringIO((tmp_path / name).read_text(encoding="utf-8")))
    for answer in answers:
        assert answer["error"] == ""
        assert [answer[name] for name in NUMBERS] == [expected[name] for name in NUMBERS]


def test_tab_separated_values_have_a_media_type_of_their_own(
    client: FlaskClient, expected: dict[str, str]
) -> None:
    text = PLAIN.replace(",", "\t")
    found = row(post(client, "/predict/batch", text, "text/tab-separated-values"))
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
        text = PLAIN.replace("latitude", "date,latitude").replace("47.5", f"{date},47.5")
        assert message in row(post(client, "/predict/batch", text))["error"]


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
