"""A served model that was checked on too few sales: prices without ranges, and no screening."""

from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from estimator.deals.list_prices import ListPriceModel
from estimator.deals.screen_file import screen_file
from estimator.errors import DataError
from estimator.registry import load_version
from service.settings import Settings
from tests.conftest import publish_with_fewer_calibration_sales, with_fewer_calibration_sales
from tests.service.homes import HOME
from tests.service.ready import ready_client

WARNING = "There is no range: it takes 30 sales to check the model on, and there are 12"
REFUSAL = "listings cannot be screened, because the model cannot say how sure its values are"
LISTING = HOME | {"list_price": 400_000}


@pytest.fixture(scope="module")
def unsure(models: Path, tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    folder = tmp_path_factory.mktemp("unsure") / "king_county"
    publish_with_fewer_calibration_sales(models / "king_county", folder, 12)
    return ready_client(Settings(model=folder))


def value(client: FlaskClient, query: str = "") -> dict[str, Any]:
    answer: dict[str, Any] = client.post(f"/predict{query}", json=HOME).get_json()
    return answer


def test_prices_are_the_same_without_range_and_a_warning_says_why(
    unsure: FlaskClient, client: FlaskClient
) -> None:
    query = "?price_above=450000"
    answer, expected = value(unsure, query), value(client, query)
    names = ("price_low", "price_high", "fsd", "probability_within_10", "probability_above")
    changed = dict.fromkeys(names) | {"warnings": [WARNING], "model_version": answer["model_version"]}
    assert answer == expected | changed
    what_if = value(unsure, "?include=what_if:square_footage")["what_if"]["square_footage"]
    assert {(point["price_low"], point["price_high"]) for point in what_if} == {(None, None)}
    inputs = [{"name": name, "datatype": "FP64", "shape": [1], "data": [fact]} for name, fact in HOME.items()]
    outputs = unsure.post("/v2/models/king_county/infer", json={"inputs": inputs}).get_json()["outputs"]
    assert [output["data"] for output in outputs[1:5]] == [[None]] * 4


def test_tables_have_empty_cells(unsure: FlaskClient) -> None:
    table = f"{','.join(HOME)}\n{','.join(map(str, HOME.values()))}\n"
    names, cells = unsure.post("/predict/batch", data=table, content_type="text/csv").text.splitlines()
    row = dict(zip(names.split(","), cells.split(","), strict=False))
    empty = [f"valuation_{name}" for name in ("low", "high", "fsd", "probability_within_10")]
    assert [row[name] for name in empty] == [""] * 4
    assert float(row["valuation_price"]) == value(unsure)["price"]


@pytest.mark.parametrize("kind", ["application/json", "text/csv"])
def test_listings_are_refused_in_words(unsure: FlaskClient, kind: str) -> None:
    table = f"{','.join(LISTING)}\n{','.join(map(str, LISTING.values()))}\n"
    answer = (
        unsure.post("/screen", json=[LISTING])
        if kind == "application/json"
        else unsure.post("/screen", data=table, content_type=kind)
    )
    problem = answer.get_json()
    assert (answer.status_code, problem["type"]) == (409, "/problems/no-ranges")
    assert problem["detail"].startswith(REFUSAL)
    assert "takes 30 sales to check it on, and there are 12; train with more sales" in problem["detail"]


def test_files_of_listings_are_refused_in_words(models: Path, tmp_path: Path) -> None:
    appraiser = with_fewer_calibration_sales(load_version(models / "king_county").appraiser, 12)
    model = ListPriceModel.prior([errors.residual for errors in appraiser.calibration])
    with pytest.raises(DataError, match=REFUSAL):
        screen_file(appraiser, model, tmp_path / "listings.csv", tmp_path / "deals.csv", {})
    assert not list(tmp_path.iterdir())
