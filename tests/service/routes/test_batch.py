"""`POST /predict/batch`: tables are answered in the same format, row by row."""

import csv
import gzip
import io
import json
import zlib
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from flask.testing import FlaskClient
from openapi_schema_validator import OAS31Validator
from werkzeug.test import TestResponse

from estimator.bulk import predict_file
from estimator.registry import load_version
from service.http.tables import MAX_COLUMNS
from service.settings import Settings
from tests.service.homes import FAR, HOME

CSV, LINES, COLUMNS = "text/csv", "application/x-ndjson", "application/json"
MIXED = [HOME, HOME | {"grade": 99}, FAR, HOME | {"square_footage": 3000}]


def post(client: FlaskClient, body: bytes | str, kind: str, query: str = "", **headers: str) -> TestResponse:
    length = len(body.encode() if isinstance(body, str) else body)  # also set for an empty body
    return client.post(
        "/predict/batch" + query,
        data=body,
        content_type=kind,
        headers=headers,
        environ_overrides={"CONTENT_LENGTH": str(length)},
    )


def as_csv(homes: list[dict[str, Any]]) -> str:
    file = io.StringIO()
    writer = csv.DictWriter(
        file, list(dict.fromkeys(name for home in homes for name in home)), lineterminator="\n"
    )
    writer.writeheader()
    writer.writerows(homes)
    return file.getvalue()


def as_lines(homes: list[Any]) -> str:
    return "".join(json.dumps(home) + "\n" for home in homes)


def as_columns(homes: list[dict[str, Any]]) -> str:
    names = dict.fromkeys(name for home in homes for name in home)
    return json.dumps({name: [home.get(name) for home in homes] for name in names})


def read_csv(answer: TestResponse) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    assert answer.mimetype == CSV
    return list(csv.DictReader(io.StringIO(answer.text)))


def listed(client: FlaskClient, homes: list[Any]) -> list[Any]:
    answer: list[Any] = client.post("/predict", json=homes).get_json()
    return answer


def problem(answer: TestResponse, status: int, kind: str) -> str:
    assert answer.status_code == status
    expected = answer.get_json(force=True)
    assert expected["type"] == f"/problems/{kind}"
    return str(expected["detail"])


def test_ndjson_is_answered_like_a_list(client: FlaskClient) -> None:
    answer = post(client, as_lines(MIXED), LINES)
    assert answer.mimetype == LINES
    assert [json.loads(line) for line in answer.text.splitlines()] == listed(client, MIXED)


def test_a_line_that_is_not_json_gets_a_problem_in_its_place(client: FlaskClient) -> None:
    good = json.dumps(HOME)
    body = "\n".join([good, "", "{", '{"a": NaN}', '{"a": 1, "a": 2}', "[" * 5000, "3", good])
    rows = [json.loads(line) for line in post(client, body, LINES).text.splitlines()]
    assert len(rows) == 8
    assert rows[0] == rows[7] == client.post("/predict", json=HOME).get_json()
    assert [row["error"]["type"] for row in rows[1:6]] == ["/problems/malformed-json"] * 5
    assert rows[6]["error"]["type"] == "/problems/invalid-facts"


def test_columns_are_answered_by_column(client: FlaskClient) -> None:
    answer = post(client, as_columns(MIXED), COLUMNS, "?price_above=450000").get_json()
    rows = listed(client, MIXED)
    numbers = ("price", "price_low", "price_high", "fsd", "probability_within_10")
    for name in (*numbers, "valuation_date", "looked_up", "unknown", "warnings"):
        assert answer[name] == [row.get(name) for row in rows]
    assert [error and error["type"] for error in answer["error"]] == [
        None, "/problems/invalid-facts", "/problems/out-of-reach", None,
    ]  # fmt: skip
    assert answer["error"][1]["errors"] == [
        {"row": 1, "field": "grade", "message": "99 is above the maximum of 13"}
    ]
    assert (answer["model_version"], answer["currency"]) == (rows[0]["model_version"], "USD")
    document = client.get("/openapi.json").get_json()
    schema = document["components"]["schemas"]["ValuationColumns"] | {"components": document["components"]}
    OAS31Validator(schema).validate(answer)
    assert set(answer) == set(schema["properties"])


def test_csv_keeps_its_columns_and_rows(client: FlaskClient) -> None:
    homes = [home | {"note": 'a "quoted", one'} for home in MIXED]
    answer = post(client, as_csv(homes), CSV)
    rows, expected = read_csv(answer), listed(client, MIXED)
    assert [row["note"] for row in rows] == ['a "quoted", one'] * 4
    assert [row["latitude"] for row in rows] == [str(home["latitude"]) for home in MIXED]
    for row, valuation in zip(rows, expected, strict=True):
        assert row["valuation_price"] == ("" if "error" in valuation else str(valuation["price"]))
        assert bool(row["error"]) == ("error" in valuation)
    assert rows[1]["error"] == "grade: 99 is above the maximum of 13"
    assert answer.headers["Model-Version"] == expected[0]["model_version"]


def test_csv_equals_the_output_of_the_command_line(client: FlaskClient, models: Path, tmp_path: Path) -> None:
    saved = load_version(models / "king_county")
    pd.read_csv(models / "market" / "sales.csv.gz", dtype=str).tail(50).to_csv(tmp_path / "in.csv", index=False)
    predict_file(saved.appraiser, tmp_path / "in.csv", tmp_path / "out.csv")
    answer = post(client, (tmp_path / "in.csv").read_bytes(), CSV)
    assert answer.data == (tmp_path / "out.csv").read_bytes()


def test_the_confidence_parameter_applies_to_tables(client: FlaskClient) -> None:
    alone = client.post("/predict?confidence=0.5", json=HOME).get_json()
    (row,) = read_csv(post(client, as_csv([HOME]), CSV, "?confidence=0.5"))
    assert float(row["valuation_low"]) == alone["price_low"]
    assert post(client, as_columns([HOME]), COLUMNS, "?confidence=.5").get_json()["price_high"] == [
        alone["price_high"]
    ]
    assert problem(post(client, as_csv([HOME]), CSV, "?include=comparables"), 400, "unknown-parameter")


@pytest.mark.parametrize("kind", [CSV, LINES, COLUMNS])
def test_gzip_is_accepted(client: FlaskClient, kind: str) -> None:
    write = {CSV: as_csv, LINES: as_lines, COLUMNS: as_columns}[kind]
    body = write(MIXED).encode()
    half = len(body) // 2
    several = gzip.compress(body[:half]) + gzip.compress(body[half:])
    plain = post(client, body, kind).data
    for packed in (gzip.compress(body), several):
        assert post(client, packed, kind, **{"Content-Encoding": "gzip"}).data == plain


def test_gzip_bombs_are_refused(client: FlaskClient, settings: Settings) -> None:
    bomb = gzip.compress(b"a" * (settings.max_body + 1))
    assert len(bomb) < 1000
    detail = problem(post(client, bomb, CSV, **{"Content-Encoding": "gzip"}), 413, "body-too-large")
    assert detail == f"the decompressed body has more than {settings.max_body} bytes, which is the maximum"
    many = gzip.compress(b"a" * 60_000) * 2
    problem(post(client, many, CSV, **{"Content-Encoding": "gzip"}), 413, "body-too-large")


@pytest.mark.parametrize(
    "packed",
    [b"plain", gzip.compress(b"latitude\n47\n")[:-3], gzip.compress(b"latitude\n") + b"rest", zlib.compress(b"a")],
    ids=[
        "not compressed",
        "cut short",
        "followed by garbage",
        "zlib",
    ],  # gzip contains the time: unstable as a name
)
def test_broken_gzip_is_refused(client: FlaskClient, packed: bytes) -> None:
    problem(post(client, packed, CSV, **{"Content-Encoding": "gzip"}), 400, "malformed-body")


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip"])
def test_other_encodings_are_refused_and_gzip_is_offered(client: FlaskClient, encoding: str) -> None:
    answer = post(client, b"", CSV, **{"Content-Encoding": encoding})
    problem(answer, 415, "unknown-encoding")
    assert answer.headers["Accept-Encoding"] == "gzip"


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "text/csv; charset=latin-1", "application/csv", "multipart/form-data"]
)
def test_content_types_that_are_not_tables_are_refused(client: FlaskClient, kind: str) -> None:
    problem(post(client, as_csv([HOME]), kind), 415, "not-a-table")


@pytest.mark.parametrize("kind", [CSV, LINES, COLUMNS])
def test_too_many_rows_are_refused(client: FlaskClient, kind: str) -> None:
    body = {CSV: as_csv, LINES: as_lines, COLUMNS: as_columns}[kind]([HOME] * 51)
    assert problem(post(client, body, kind), 413, "too-many-rows") == "the table has 51 rows; the maximum is 50"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "the file is empty"),
        (b"a,a\n1,2\n", "appears more than once"),
        (b'a,b\n1,"2\n', "line 2: a quote opens in this row and never closes"),
        (b"a,b\n\xff,1\n", "line 2 is not UTF-8"),
        ("latitude\n1\n".encode("utf-16"), "line 1 is not UTF-8"),
        (",".join(f"c{n}" for n in range(MAX_COLUMNS + 1)).encode(), "at most 1000"),
    ],
)
def test_malformed_csv_is_refused(client: FlaskClient, body: bytes, expected: str) -> None:
    assert expected in problem(post(client, body, CSV), 400, "malformed-table")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("latitude,longitude\n47,-122\n", "no column for square_footage"),
        (as_csv([HOME | {"sqft": 1}]), "both stand for square_footage"),
        (as_csv([HOME | {"error": 1}]), "rename it"),
    ],
)
def test_csv_with_wrong_columns_is_refused(client: FlaskClient, body: str, expected: str) -> None:
    assert expected in problem(post(client, body, CSV), 422, "invalid-facts")


@pytest.mark.parametrize(
    "body", [[], {}, 3, {"latitude": 47}, {"latitude": [47], "longitude": []}, {f"c{n}": [] for n in range(1001)}]
)
def test_malformed_json_tables_are_refused(client: FlaskClient, body: Any) -> None:
    problem(post(client, json.dumps(body), COLUMNS), 400, "malformed-table")


def test_tables_without_rows_are_answered_without_rows(client: FlaskClient) -> None:
    assert read_csv(post(client, "latitude,longitude,sqft\n", CSV)) == []
    assert post(client, "", LINES).text == ""
    assert post(client, '{"latitude": []}', COLUMNS).get_json()["price"] == []


def test_a_byte_order_mark_before_csv_is_ignored(client: FlaskClient) -> None:
    (row,) = read_csv(post(client, "\ufeff" + as_csv([HOME]), CSV))
    assert row["valuation_price"]


def test_a_table_without_a_length_is_refused(client: FlaskClient) -> None:
    answer = client.post("/predict/batch", content_type=CSV, headers={"Transfer-Encoding": "chunked"})
    problem(answer, 411, "no-length")
