"""`POST /screen`: listings are ranked; invalid and refused listings are reported."""

import csv
import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from openapi_schema_validator import OAS31Validator
from werkzeug.test import TestResponse

from estimator.deals.list_prices import ListPriceModel
from estimator.deals.saved_list_prices import LIST_PRICES_FILE, save_list_prices
from estimator.deals.screening import Screening
from service.http.tables import TableKind
from service.settings import Settings
from tests.service.homes import HOME
from tests.service.ready import ready_client
from tests.service.test_metrics import added, figures

LISTING = HOME | {"list_price": 400_000}
CHEAP, DEAR = LISTING | {"list_price": 300_000, "listing_id": "c"}, LISTING | {"list_price": 900_000}
EXCEL = TableKind.EXCEL.value
FAR = LISTING | {"latitude": 47.05, "longitude": -121.05}


def screen(client: FlaskClient, body: Any, query: str = "", status: int = 200) -> Any:
    answer = client.post(f"/screen{query}", json=body)
    assert answer.status_code == status, answer.text
    return answer.get_json()


def screen_csv(client: FlaskClient, text: str, query: str = "", **headers: str) -> TestResponse:
    return client.post(f"/screen{query}", data=text.encode(), content_type="text/csv", headers=headers)


def as_csv(listings: list[dict[str, Any]]) -> str:
    file = io.StringIO()
    writer = csv.DictWriter(file, list(dict.fromkeys(name for listing in listings for name in listing)))
    writer.writeheader()
    writer.writerows(listings)
    return file.getvalue()


def test_deals_are_ranked_and_refused_listings_separate(client: FlaskClient) -> None:
    bad = LISTING | {"list_price": 0}
    answer = screen(client, [DEAR, bad, CHEAP, FAR, LISTING])
    assert [deal["row"] for deal in answer["deals"]] == [2, 4, 0]
    assert [deal["rank"] for deal in answer["deals"]] == [1, 2, 3]
    assert [deal["listing_id"] for deal in answer["deals"]] == ["c", None, None]
    assert [entry["row"] for entry in answer["refused"]] == [1, 3]
    unusable, far = (entry["error"] for entry in answer["refused"])
    assert unusable["errors"] == [{"row": 1, "field": "list_price", "message": "0 is below the minimum of 1 USD"}]
    assert far["type"] == "/problems/out-of-reach"


def test_list_prices_in_thousands_are_noticed(client: FlaskClient) -> None:
    in_thousands = [LISTING | {"list_price": thousands} for thousands in (300, 400, 900)]
    assert screen(client, [CHEAP, DEAR, LISTING])["warnings"] == []
    (warning,) = screen(client, in_thousands)["warnings"]
    assert "in thousands?" in warning
    assert screen(client, [FAR])["warnings"] == []


def test_both_readings_stand_side_by_side_and_deals_are_told_apart(client: FlaskClient) -> None:
    value = client.post("/predict", json=HOME).get_json()["price"]
    prices = [round(value * share) for share in (0.01, 0.6, 1.1)]
    answer = screen(client, [LISTING | {"list_price": price} for price in prices] + [FAR], "?probability=0.6")
    deals = {deal["list_price"]: deal for deal in answer["deals"]}
    assert answer["ranking"] == "value_to_list_price"
    assert [deal["list_price"] for deal in answer["deals"]] == prices
    labels = [deals[price]["pays"] for price in prices]
    assert labels[1:] == ["pays only if our value is right", "pays under neither"]
    for deal in answer["deals"]:
        informed, by_value = deal["readings"]["if_ask_informed"], deal["readings"]["if_value_right"]
        assert {name: deal[name] for name in informed if name != "pays"} == {
            name: figure for name, figure in informed.items() if name != "pays"
        }
        assert informed["pays"] == deal["deal"] == (deal["pays"] == "pays under both")
        assert by_value["pays"] == (by_value["probability"] >= 0.6) == (deal["pays"] != "pays under neither")
    both = labels.count("pays under both")
    assert answer["counts"] == {
        "deals": 2,
        "pay": both,
        "pay_only_if_value_right": 2 - both,
        "others": 1,
        "refused": 1,
    }


def test_a_planned_repair_gives_the_value_afterwards_and_its_uplift(client: FlaskClient) -> None:
    home = LISTING | {"condition": 3}
    finished = client.post("/predict", json=HOME | {"condition": 5}).get_json()["price"]
    costs = {"rehab": 30_000, "holding_months": 6, "monthly_cost": 2_000, "rent": 2_500}
    body = {"listings": [home, home | {"after_condition": 5}], "costs": costs}
    deals = {deal["row"]: deal for deal in screen(client, body)["deals"]}
    as_is, repaired = deals[0], deals[1]
    assert as_is["valuation"] == repaired["valuation"]
    assert repaired["arv"] == finished
    assert repaired["arv_low"] < repaired["arv"] < repaired["arv_high"]
    assert repaired["uplift"] == pytest.approx(finished - repaired["valuation"]["price"], abs=0.02)
    assert repaired["uplift_low"] < repaired["uplift"] < repaired["uplift_high"]
    assert repaired["seventy_percent_offer"] == pytest.approx(0.7 * finished - 30_000, abs=0.01)
    assert {as_is[name] for name in ("arv", "arv_low", "uplift", "uplift_high")} == {None}
    assert repaired["break_even"] == pytest.approx((400_000 * 1.02 + 30_000 + 12_000) / 0.92, abs=0.01)
    assert repaired["cap_rate_percent"] == pytest.approx(100 * 12 * 1_250 / 430_000, abs=0.01)
    # All cash, for half a year.
    assert repaired["cash_on_cash_percent"] == pytest.approx(2 * repaired["margin_percent"], abs=0.02)
    for reading, outcome in repaired["readings"].items():
        assert outcome["resale_price"] > as_is["readings"][reading]["resale_price"]


@pytest.mark.parametrize("fact", ["condition", "grade", "bathrooms", "square_footage", "year_renovated"])
def test_the_value_after_a_repair_is_the_what_if_of_the_changed_fact(client: FlaskClient, fact: str) -> None:
    curve = client.post(f"/predict?include=what_if:{fact}", json=HOME).get_json()["what_if"][fact]
    points = {point["value"]: point["price"] for point in curve if point["price"] is not None}
    answer = screen(client, [LISTING | {f"after_{fact}": value, "listing_id": str(value)} for value in points])
    assert {deal["listing"][f"after_{fact}"]: deal["arv"] for deal in answer["deals"]} == points


def test_facts_after_the_repair_are_checked_and_a_home_that_cannot_be_valued_then_keeps_its_figures(
    client: FlaskClient,
) -> None:
    answer = screen(client, [LISTING | {"after_condition": 9}, LISTING | {"after_square_footage": 19_000}])
    (refused,) = answer["refused"]
    assert refused["error"]["errors"][0] == {
        "row": 0,
        "field": "after_condition",
        "message": "9 is above the maximum of 5",
    }
    (deal,) = answer["deals"]
    assert deal["arv"] is None
    assert any("after the repair cannot be valued" in text for text in deal["warnings"])


def test_valuations_equal_those_of_predict_whatever_the_list_price(client: FlaskClient) -> None:
    expected = client.post("/predict?confidence=0.5", json=HOME).get_json()
    answer = screen(client, [CHEAP, LISTING], "?confidence=0.5")
    assert len(answer["deals"]) == 2
    assert all(deal["valuation"] == expected for deal in answer["deals"])


def test_an_implausible_list_price_gets_a_warning_and_a_rank(client: FlaskClient) -> None:
    (deal,) = screen(client, [LISTING | {"list_price": 40_000}])["deals"]
    assert any("typing error" in text for text in deal["warnings"])


def test_costs_of_a_listing_override_those_of_the_request(client: FlaskClient) -> None:
    body = {"listings": [LISTING, DEAR | {"rehab": 7_000}], "costs": {"rehab": 5_000}, "probability": 0.7}
    answer = screen(client, body)
    assert {deal["row"]: deal["costs"]["rehab"] for deal in answer["deals"]} == {0: 5_000, 1: 7_000}
    assert answer["probability"] == 0.7
    by_address = screen(client, [LISTING], "?rehab=5000&probability=0.7")
    assert by_address["deals"][0]["margin"] == next(d for d in answer["deals"] if d["row"] == 0)["margin"]


def test_reasons_come_with_each_valuation(client: FlaskClient) -> None:
    answer = screen(client, [CHEAP, DEAR], "?include=comparables,contributions")
    expected = client.post("/predict?include=comparables,contributions", json=HOME).get_json()
    assert [deal["valuation"] for deal in answer["deals"]] == [expected, expected]


def test_duplicate_listings_are_refused(client: FlaskClient) -> None:
    answer = screen(client, [CHEAP, CHEAP | {"list_price": 5}, LISTING, LISTING])
    expected = [(entry["row"], entry["error"]["errors"][0]["message"]) for entry in answer["refused"]]
    assert expected == [(1, "'c' is already used in row 0"), (3, "the same listing is already in row 2")]
    by_file = screen_csv(client, as_csv([LISTING, LISTING]), Accept="application/json").get_json()
    assert by_file["refused"][0]["error"]["errors"] == [
        {"row": 1, "field": "list_price", "message": "the same listing is already in row 2"}
    ]


def test_a_corrected_copy_of_an_invalid_listing_is_screened(client: FlaskClient) -> None:
    foreign, invalid = CHEAP | {"currency": "EUR"}, LISTING | {"bedrooms": "many"}
    answer = screen(client, [foreign, invalid, CHEAP, LISTING])
    assert [deal["row"] for deal in answer["deals"]] == [2, 3]
    rows = list(csv.DictReader(io.StringIO(screen_csv(client, as_csv([foreign, invalid, CHEAP, LISTING])).text)))
    assert [row["screen_rank"] for row in rows] == ["1", "2", "", ""]


def test_metrics_are_the_same_for_json_and_csv(client: FlaskClient) -> None:
    listings: list[dict[str, Any]] = [
        DEAR,
        CHEAP,
        CHEAP,
        FAR,
        LISTING | {"list_price": 0},
        LISTING | {"currency": "EUR"},
    ]
    counted = []
    for send in (lambda: screen(client, listings), lambda: screen_csv(client, as_csv(listings))):
        before = figures(client)
        send()
        now = added(client, before)
        counted.append(
            {name: now[name] for name in now if name.startswith(("estimator_rows", "estimator_input_c"))}
        )
    assert counted[0] == counted[1]
    assert counted[0]["estimator_rows_valued_total"] == 2
    assert counted[0]['estimator_rows_refused_total{reason="out-of-reach"}'] == 1
    assert counted[0]['estimator_rows_refused_total{reason="invalid-facts"}'] == 3
    assert counted[0]['estimator_input_count{fact="square_footage"}'] == 2


def test_ndjson_is_refused_and_the_accepted_types_named(client: FlaskClient) -> None:
    answer = client.post("/screen", data=b"{}", content_type="application/x-ndjson")
    assert answer.status_code == 415
    assert answer.get_json()["detail"].endswith(f"x-ndjson; send one of text/csv, {EXCEL}, application/json")


@pytest.mark.parametrize("accept", ["", "text/csv", "*/*"])
def test_csv_is_answered_as_csv(client: FlaskClient, accept: str) -> None:
    headers = {"Accept": accept} if accept else {}
    answer = screen_csv(client, as_csv([DEAR, CHEAP, LISTING | {"list_price": "x"}]), **headers)
    assert answer.mimetype == "text/csv"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["list_price"] for row in rows] == ["300000", "900000", "x"]
    assert [row["screen_rank"] for row in rows] == ["1", "2", ""]
    assert rows[2]["error"] == "list_price: 'x' is not a number"
    expected = {deal["list_price"]: deal["margin"] for deal in screen(client, [DEAR, CHEAP])["deals"]}
    assert {float(row["list_price"]): float(row["screen_margin"]) for row in rows[:2]} == expected


def test_csv_is_answered_as_json_on_request(client: FlaskClient) -> None:
    answer = screen_csv(client, as_csv([DEAR, CHEAP]), Accept="application/json")
    expected = screen(client, [DEAR, CHEAP])
    for deal in expected["deals"]:
        deal["costs"] = {name: float(value) for name, value in deal["costs"].items()}
    by_table = answer.get_json()
    cells = [deal.pop("cells") for deal in by_table["deals"]]
    assert by_table == expected
    assert [row["list_price"] for row in cells] == ["300000", "900000"]


def test_a_listing_as_it_was_read_gives_the_same_answer_again(client: FlaskClient) -> None:
    own = {"rehab": 20_000, "after_condition": 5, "waterfront": True, "valuation_date": "2014-12-24"}
    lines = [
        "Street;listing id;ListPrice;Latitude;long;sqft_living;waterfront;rehab;after condition;date",
        "Main St;a;$300,000;47.6;-122.3;2,000;yes;20000;5;2014-12-24",
        "Side St;b;much;47.6;-122.3;2,000;no;;;",
    ]
    by_table = screen_csv(client, "\n".join(lines), Accept="application/json").get_json()
    (deal,), (refused,) = by_table["deals"], by_table["refused"]
    home = {"latitude": 47.6, "longitude": -122.3, "square_footage": 2000}
    assert deal["listing"] == home | own | {"listing_id": "a", "list_price": 300_000}
    assert deal.pop("cells")["Street"] == "Main St"
    assert refused["listing"] == home | {"listing_id": "b", "waterfront": False}
    assert refused["cells"]["ListPrice"] == "much"
    assert screen(client, [deal["listing"]])["deals"] == [deal]


def workbook(rows: list[list[Any]]) -> bytes:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def test_a_workbook_is_screened_like_a_csv_file(client: FlaskClient) -> None:
    wrong: dict[str, Any] = CHEAP | {"list_price": "x", "listing_id": "d"}
    rows: list[list[Any]] = [list(CHEAP), list(CHEAP.values()), list(wrong.values())]
    body = workbook(rows)
    text = "\n".join(",".join(map(str, row)) for row in rows)
    assert client.post("/screen", data=body, content_type=EXCEL).text == screen_csv(client, text).text
    headers = {"Accept": "application/json"}
    answer = client.post("/screen", data=body, content_type=EXCEL, headers=headers).get_json()
    assert answer == screen_csv(client, text, **headers).get_json()
    assert (answer["counts"]["refused"], answer["refused"][0]["row"]) == (1, 1)


def test_a_server_without_the_reader_of_workbooks_says_what_to_do(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = workbook([list(LISTING), list(LISTING.values())])
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    answer = client.post("/screen", data=body, content_type=EXCEL)
    assert answer.status_code == 400
    assert "pip install 'house-price-estimator[excel]'`, or save the sheet as CSV" in answer.get_json()["detail"]


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        (b"PK no workbook", 400, "not a complete Excel workbook"),
        (workbook([list(LISTING)] + [list(LISTING.values())] * 60), 413, "51 rows; the maximum is 50"),
        (workbook([[f"c{n}" for n in range(1001)]]), 400, "1001 columns; at most 1000 are allowed"),
    ],
)
def test_a_workbook_that_is_none_or_too_large_is_refused(
    client: FlaskClient, body: bytes, status: int, detail: str
) -> None:
    answer = client.post("/screen", data=body, content_type=EXCEL)
    assert answer.status_code == status
    assert detail in answer.get_json()["detail"]


@pytest.mark.parametrize(
    ("body", "query", "status", "kind", "detail"),
    [
        ([], "?rehab=-1", 400, "bad-screening", "rehab: '-1' is not a number"),
        ([], "?selling_cost=0.6", 400, "bad-screening", "selling_cost: 0.6 is above the maximum of 0.5"),
        ([], "?probability=0.4", 400, "bad-screening", "probability: 0.4 is below the minimum of 0.5"),
        ([], "?rehab=1&rehab=2", 400, "bad-screening", "rehab is given 2 times"),
        ([], "?fee=1", 400, "unknown-parameter", "'fee' is not a parameter of /screen"),
        ({"listings": [], "costs": {"fee": 1}}, "", 400, "bad-screening", "unknown cost 'fee'"),
        ({"listings": [], "costs": {"rehab": "1"}}, "", 400, "bad-screening", "rehab: '1' is not a number"),
        (
            {"listings": [], "costs": {"rehab": 1}},
            "?rehab=1",
            400,
            "bad-screening",
            "in the URL and in the body",
        ),
        ({"listings": [], "costs": {"probability": 0.7}}, "", 400, "bad-screening", "probability is not a cost"),
        ({"listings": [], "rent": 1}, "", 400, "malformed-table", "unknown member 'rent'"),
        ({"listings": [], "costs": 3}, "", 400, "malformed-table", "`costs` must be an object"),
        ({"listing": []}, "", 400, "malformed-table", "send a list of listings"),
        (7, "", 400, "malformed-table", "send a list of listings"),
        ([LISTING] * 51, "", 413, "too-many-rows", "51 rows; the maximum is 50"),
    ],
)
def test_invalid_requests_are_problems(
    client: FlaskClient, body: Any, query: str, status: int, kind: str, detail: str
) -> None:
    problem = screen(client, body, query, status)
    assert problem["type"] == f"/problems/{kind}"
    assert detail in problem["detail"]


def test_invalid_listings_are_reported(client: FlaskClient) -> None:
    answer = screen(client, [7, {}, LISTING | {"pool": True}])
    assert [len(entry["error"]["errors"]) for entry in answer["refused"]] == [1, 4, 1]
    assert answer["deals"] == []


def test_saved_list_prices_are_used_and_reported(models: Path, settings: Settings) -> None:
    rng = np.random.default_rng(0)
    worth = np.exp(rng.normal(13, 0.3, 300))
    value, list_prices = worth * np.exp(rng.normal(0, 0.2, 300)), worth * np.exp(rng.normal(0.1, 0.03, 300))
    fitted = ListPriceModel.fit(value, np.full(300, 0.2), list_prices, worth)
    without_fit = screen(ready_client(settings), [LISTING])
    path = save_list_prices(models, "king_county", fitted, {})
    try:
        answer = screen(ready_client(settings), [LISTING])
    finally:
        (models / "king_county" / LIST_PRICES_FILE).unlink()
    assert path.name == LIST_PRICES_FILE
    assert without_fit["asks"]["fitted"] is False
    assert answer["asks"] == {
        "fitted": True,
        "listings": 300,
        "premium": round(fitted.premium, 4),
        "noise": round(fitted.noise, 4),
    }
    assert answer["deals"][0]["resale_price"] != without_fit["deals"][0]["resale_price"]
    assert (without_fit["ranking"], answer["ranking"]) == ("value_to_list_price", "expected_margin")
    assert answer["deals"][0]["readings"] == {}
    assert answer["deals"][0]["pays"] in {"pays", "does not pay"}
    document = ready_client(settings).get("/openapi.json").get_json()
    schema = {"$ref": "#/components/schemas/Deals", "components": document["components"]}
    OAS31Validator(schema).validate(answer)


def test_the_answer_matches_the_document(client: FlaskClient) -> None:
    document = client.get("/openapi.json").get_json()
    schema = {"$ref": "#/components/schemas/Deals", "components": document["components"]}
    body = [DEAR, CHEAP, FAR, 7, LISTING | {"list_price": 0}, LISTING | {"after_condition": 5}]
    OAS31Validator(schema).validate(screen(client, body, "?include=comparables"))
    example = document["paths"]["/screen"]["post"]["requestBody"]["content"]["application/json"]["example"]
    assert len(screen(client, example)["deals"]) == 1


def test_columns_are_rounded_once_for_all_listings(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    once, calls = Screening.columns, []

    def columns(screening: Screening) -> Any:
        calls.append(screening)
        return once(screening)

    monkeypatch.setattr(Screening, "columns", columns)
    answer = screen(client, [LISTING | {"square_footage": 1500 + n} for n in range(20)])
    assert len(answer["deals"]) == 20
    assert len(calls) == 1
