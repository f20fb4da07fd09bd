"""A kind of fact is one entry of `KINDS`: two made-up kinds are followed through everything that handles facts.

If this fails, some code depends on the names of kinds. A real kind is tested in `tests/market/test_checks.py`.
"""

import dataclasses
import inspect
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from flask.testing import FlaskClient
from numpy.typing import NDArray

from estimator.appraiser import Appraiser
from estimator.bulk import predict_file
from estimator.market import kinds
from estimator.market.checks import check_column, check_value, check_values
from estimator.market.columns import Problem, label_column, number_column
from estimator.market.facts import Facts, format_fact, json_value
from estimator.market.kinds import KINDS, FactKind, Widget
from estimator.market.market import Market
from estimator.market.values import parse_label, parse_number
from estimator.model.recipe import RECIPE
from estimator.registry import SavedVersion, load_version
from estimator.training import train_market
from estimator.what_if import what_if
from service.settings import Settings
from tests.service.ready import ready_client

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "service" / "pages" / "home"
COLOURS = ["#aa0000", "#00bb00", "#0000cc"]
HOME = {"size": 80, "front": "#AA0000", "share": 25}

MARKET = """\
name = "painted"
currency = "EUR"
sales = "sales.csv"
price = "price"

[[features]]
name = "size"
kind = "number"
unit = "m²"
required = true

[[features]]
name = "front"
kind = "colour"

[[features]]
name = "share"
kind = "percentage"
price_effect = "increasing"
"""


def parse_colour(value: object) -> str:
    text = parse_label(value).lower()
    if not re.fullmatch("#[0-9a-f]{6}", text):
        raise ValueError(f"{text} is not a colour like #aabbcc")
    return text


def colour_column(name: str, column: pa.ChunkedArray) -> tuple[NDArray[Any], list[Problem]]:
    labels, problems = label_column(name, column)
    labels = np.char.lower(labels)
    wrong = [row for row, text in enumerate(labels) if text and not re.fullmatch("#[0-9a-f]{6}", str(text))]
    problems += [Problem(row, name, f"{labels[row]} is not a colour like #aabbcc") for row in wrong]
    labels[wrong] = ""
    return labels, problems


COLOUR = dataclasses.replace(
    KINDS["category"],
    parse_value=parse_colour,
    parse_column=colour_column,
    json_types=("string",),
    json_format="hex-colour",
    is_unique=True,
    widget="code",
)
"""A label, and stricter than a category."""
PERCENTAGE = dataclasses.replace(
    KINDS["number"],
    parse_value=parse_number,
    parse_column=number_column,
    json_types=("number", "integer"),
    v2_datatype="FP32",
    default_bounds=(0.0, 100.0),
    can_be_size=False,
    range_step=5.0,
)
"""A number with bounds of its own."""


@pytest.fixture(scope="module", autouse=True)
def _new_kinds() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(KINDS, "colour", COLOUR)
        patch.setitem(KINDS, "percentage", PERCENTAGE)
        yield


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> SavedVersion:
    folder = tmp_path_factory.mktemp("painted")
    rng = np.random.default_rng(0)
    size, front, share = rng.uniform(20, 200, 300).round(1), rng.choice(COLOURS, 300), rng.uniform(10, 90, 300)
    price = 3000 * size * np.exp(share / 300) * rng.lognormal(0, 0.1, 300) * np.where(front == COLOURS[0], 1.5, 1)
    sales = pd.DataFrame({"price": price.round(), "size": size, "front": front, "share": share.round(1)})
    sales.loc[rng.random(300) < 0.2, "front"] = None
    (folder / "market.toml").write_text(MARKET, encoding="utf-8")
    (folder / RECIPE).write_text("networks = 1\nmembers = 2\n")
    sales.to_csv(folder / "sales.csv", index=False)
    return load_version(train_market(folder, None, folder / "models", split=None, seed=0).folder)


@pytest.fixture(scope="module")
def appraiser(saved: SavedVersion) -> Appraiser:
    return saved.appraiser


@pytest.fixture(scope="module")
def market(appraiser: Appraiser) -> Market:
    return appraiser.market


@pytest.fixture(scope="module")
def client(saved: SavedVersion) -> FlaskClient:
    return ready_client(Settings(model=saved.folder))


def facts_of(market: Market, *homes: dict[str, Any]) -> Facts:
    stored = [{name: check_value(market.by_name[name], value) for name, value in home.items()} for home in homes]
    return Facts.of(market, stored)


def test_all_properties_of_a_kind_are_set_explicitly() -> None:
    assert all(
        field.default is field.default_factory is dataclasses.MISSING for field in dataclasses.fields(FactKind)
    )
    source = inspect.getsource(kinds)
    entries = dict(re.findall(r'^    "(\w+)": FactKind\(\n(.*?)^    \),$', source, re.DOTALL | re.MULTILINE))
    assert {*entries, "colour", "percentage"} == set(KINDS)
    names = [field.name for field in dataclasses.fields(FactKind)]
    for entry in entries.values():
        assert re.findall(r"^        (\w+)=", entry, re.MULTILINE) == names


def test_no_other_code_compares_names_of_kinds_or_has_a_default_for_them() -> None:
    comparison = re.compile(
        r"(?<!dtype)\.kind\b\s*(==|!=|in\b|not in\b)\s*[\"'({\[]|\.get\(\w*\.?kind\b|\bkind in \{"
    )
    python = (path for folder in ("estimator", "service") for path in (ROOT / folder).rglob("*.py"))
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in python
        if path != Path(kinds.__file__)
        for line in path.read_text(encoding="utf-8").splitlines()
        if comparison.search(line)
    ]
    assert found == []


def test_the_page_has_all_widgets_and_does_not_use_kinds() -> None:
    script = (PAGE / "widgets.js").read_text(encoding="utf-8")
    table = script.partition("export const WIDGETS = {\n")[2].partition("\n};\n")[0]
    assert set(re.findall(r"^  (\w+): ", table, re.MULTILINE)) == set(get_args(Widget))
    assert {kind.widget for kind in KINDS.values()} <= set(get_args(Widget))
    for path in PAGE.glob("*.js"):
        assert not re.search(r"\.kind\b|\{ kind", path.read_text(encoding="utf-8")), path.name


def test_a_market_file_declares_it(market: Market) -> None:
    front, share = market.by_name["front"], market.by_name["share"]
    assert (front.kind, front.is_label, front.minimum) == ("colour", True, None)
    assert (share.minimum, share.maximum) == (0, 100)
    assert market.of_kind("colour") is front
    assert [feature.name for feature in market.labels] == ["front"]
    assert [feature.name for feature in market.monotone] == ["share"]
    assert Market.from_dict(market.to_dict()) == market
    assert market.size is market.by_name["size"]


def test_an_unknown_kind_is_an_error(market: Market) -> None:
    with pytest.raises(KeyError):
        market.of_kind("colours")
    with pytest.raises(KeyError):
        _ = dataclasses.replace(market.features[0], kind="colours").fact_kind


@pytest.mark.parametrize(
    ("name", "given", "stored"),
    [
        ("front", ["#AA0000", "#00bb00", None, "red"], ["#aa0000", "#00bb00"]),
        ("share", [7, 7.5, None, 101], [7, 7.5]),
    ],
)
def test_values_and_columns_are_parsed_alike(
    market: Market, name: str, given: list[Any], stored: Sequence[float | str]
) -> None:
    feature = market.by_name[name]
    assert [check_value(feature, value) for value in given[:2]] == stored
    with pytest.raises(ValueError, match=r"red is not a colour|101 is above the maximum") as error:
        check_value(feature, given[-1])
    texts = [None if value is None else str(value) for value in given]
    cells = pa.chunked_array([pa.array(texts, pa.string())])
    for values, problems in (check_values(feature, given), check_column(feature, cells)):
        assert values[:2].tolist() == stored
        assert not Facts({name: values}).known(name)[2:].any()
        assert [(problem.row, problem.message) for problem in problems] == [(3, str(error.value))]
    assert [json_value(feature, value) for value in stored] == stored
    assert format_fact(feature, stored[0]) == str(stored[0])


def test_it_is_encoded(appraiser: Appraiser, market: Market) -> None:
    encoding = appraiser.model.pipeline.encoding
    homes = facts_of(market, HOME, HOME | {"front": COLOURS[1]}, {"size": 80, "share": 25})
    encoded = encoding.transform(homes, None)
    assert tuple(encoding.fact_names) == ("size", "front", "share")
    assert len(np.unique(encoded, axis=0)) == 3
    assert encoding.unseen(facts_of(market, {"size": 80, "front": "#123456"}), "front").all()


def test_an_appraiser_values_warns_and_explains(appraiser: Appraiser, market: Market) -> None:
    homes = facts_of(market, HOME, HOME | {"front": COLOURS[1]}, HOME | {"front": "#123456"}, HOME | {"share": 98})
    values = appraiser.value(homes, None)
    assert values.price[0] > values.price[1]
    assert values.price[3] >= values.price[0]
    warned = {row: [warning for warning, rows in values.warnings.items() if rows[row]] for row in range(4)}
    assert [len(warned[row]) for row in range(4)] == [0, 0, 1, 1]
    assert "front" in warned[2][0]
    assert "share" in warned[3][0]
    (colours,) = what_if(appraiser, homes.take(slice(0, 1)), market.by_name["front"])
    assert {point.value for point in colours} == set(COLOURS)
    (shares,) = what_if(appraiser, homes.take(slice(0, 1)), market.by_name["share"])
    assert len(shares) > 10
    assert set(appraiser.fact_ranges.labels) == {"front"}
    assert {"size", "share"} <= set(appraiser.fact_ranges.numbers)


@pytest.mark.training
def test_the_service_takes_it_everywhere(client: FlaskClient) -> None:
    include = "contributions,comparables,what_if:front,what_if:share"
    answer = client.post(f"/predict?include={include}", json=HOME | {"front": COLOURS[1]}).get_json()
    assert answer["contributions"]["parts"]["front"] < 0 > answer["contributions"]["parts"]["share"]
    assert set(answer["what_if"]) == {"front", "share"}
    refused = client.post("/predict", json=HOME | {"front": "red", "share": 101}).get_json(force=True)
    assert [(error["field"], error["message"]) for error in refused["errors"]] == [
        ("front", "red is not a colour like #aabbcc"),
        ("share", "101 is above the maximum of 100"),
    ]
    lines = client.post(
        "/predict/batch", data="size,front,share\n80,#AA0000,25\n80,red,25\n", content_type="text/csv"
    )
    rows = lines.get_data(as_text=True).splitlines()
    assert len(rows) == 3
    assert "not a colour" in rows[2]


@pytest.mark.training
def test_documents_describe_it(client: FlaskClient) -> None:
    subject = client.get("/openapi.json").get_json()["components"]["schemas"]["Subject"]["properties"]
    assert (subject["front"]["type"], subject["front"]["format"]) == (["string", "null"], "hex-colour")
    assert subject["share"]["type"] == ["number", "integer", "null"]
    assert (subject["share"]["minimum"], subject["share"]["maximum"]) == (0, 100)
    inputs = client.get("/v2/models/painted").get_json()["inputs"]
    assert {tensor["name"]: tensor["datatype"] for tensor in inputs} == {
        "size": "FP64",
        "front": "BYTES",
        "share": "FP32",
    }
    model = client.get("/model").get_json()
    features = {feature["name"]: feature for feature in model["features"]}
    assert (features["front"]["kind"], features["front"]["widget"]) == ("colour", "code")
    assert (features["share"]["kind"], features["share"]["widget"]) == ("percentage", "number")
    assert (model["size"], model["coordinates"]) == ("size", None)


def test_a_file_is_valued(appraiser: Appraiser, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("size,front,share\n80,#AA0000,25\n80,red,25\n")
    predict_file(appraiser, tmp_path / "in.csv", tmp_path / "out.csv")
    valued = pd.read_csv(tmp_path / "out.csv")
    assert valued["valuation_price"][0] > 0
    assert "red is not a colour" in valued["error"][1]


@pytest.mark.training
def test_the_report_describes_it(saved: SavedVersion) -> None:
    report = json.loads((saved.folder / "report.json").read_text())
    facts = {fact["fact"]: fact for fact in report["data"]["facts"]}
    assert (facts["front"]["kind"], facts["front"]["labels"]) == ("colour", 3)
    assert facts["front"]["least"] is None
    assert 10 <= facts["share"]["least"] < facts["share"]["greatest"] <= 90
