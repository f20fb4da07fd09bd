"""The training report: every number on the page is the JSON's, and the JSON's are true."""

import json
import re
from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from estimator.appraiser import Appraiser
from estimator.assessment.evaluation import evaluate
from estimator.errors import SavedVersionError
from estimator.market.sales import Parts
from estimator.model.ensemble import Moment
from estimator.model.recipe import DEFAULTS
from estimator.network import Epoch
from estimator.registry import publish, save_version
from estimator.report import NUMBERS, PAGE, Recorder, collect, read_report, render, report_files
from estimator.report.charts import areas
from estimator.report.findings import directions
from estimator.report.sales_summary import about_sales
from estimator.training import train_market
from tests.conftest import estimator
from tests.town import make_town

Report = dict[str, Any]


class Page(HTMLParser):
    """What the tests read of a page: `data` elements, the text of cells outside of them, and addresses."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.numbers: list[tuple[str, str, str, str]] = []
        self.bare_cells: list[str] = []
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.text = ""
        self._data: dict[str, str] | None = None
        self._shown = ""
        self._column = 0
        self._in_cell = False
        self._silent = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.add(tag)
        self.addresses += [given[name] for name in ("src", "href", "xlink:href") if name in given]
        self._silent += tag in {"style", "svg"}
        if tag == "data":
            self._data, self._shown = given, ""
        elif tag == "tr":
            self._column = 0
        elif tag == "td":
            self._column += 1
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in {"style", "svg"}
        if tag == "data" and self._data is not None:
            self.numbers.append((self._data["data-of"], self._data["data-at"], self._data["value"], self._shown))
            self._data = None
        elif tag == "td":
            self._in_cell = False

    def handle_data(self, data: str) -> None:
        if self._silent:
            return
        self.text += data
        if self._data is not None:
            self._shown += data
        elif self._in_cell and self._column > 1:
            self.bare_cells.append(data)


def at(report: Mapping[str, Any], pointer: str) -> Any:
    """Follow a JSON pointer (RFC 6901)."""
    found: Any = report
    for key in pointer.split("/")[1:]:
        name = key.replace("~1", "/").replace("~0", "~")
        found = found[int(name)] if isinstance(found, list) else found[name]
    return found


def check_numbers(page: Page, reports: Mapping[str, Report]) -> None:
    assert len(page.numbers) > 200
    for of, pointer, value, shown in page.numbers:
        told = at(reports[of], pointer)
        if isinstance(told, bool):
            assert (value, shown) == (str(told).lower(), "yes" if told else "no")
        elif isinstance(told, str):
            assert value == shown == told
        else:
            assert float(value) == told
            digits = shown.replace("−", "-").replace(",", "").rstrip("%")
            decimals = len(digits.partition(".")[2]) if "e" not in digits else 0
            assert float(digits) == pytest.approx(told, abs=0.5 * 10.0**-decimals + 1e-9, rel=1e-9), pointer


@pytest.fixture(scope="module")
def report(appraiser: Appraiser, parts: Parts) -> Report:
    """Of the small appraiser of King County, on a hundred test sales; nobody watched it learn."""
    few = replace(parts, test=parts.test.take(np.arange(0, len(parts.test), 4)))
    evaluation = evaluate(appraiser, few.test)
    record = {
        "market": "king_county",
        "market_table": appraiser.market.to_dict(),
        "sales_sha256": "0" * 64,
        "split": "time",
        "seed": 0,
        "recipe": vars(DEFAULTS),
        "sales": {name: len(part) for name, part in vars(few).items()},
        "error_figures": evaluation.figures_as_dict(),
        "ratio_study": evaluation.ratio_study_as_dict(),
        "libraries": {"numpy": np.__version__},
        "python": "3",
    }
    evidence = collect(appraiser, few, record, Recorder(), "", [], np.random.default_rng(0))
    told: Report = json.loads(report_files(evidence, "this-one")[NUMBERS])
    return told


@pytest.fixture(scope="module", params=[False, True], ids=["without places", "with places"])
def town(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A version of a made-up city, as a training saves it."""
    folder = tmp_path_factory.mktemp("town")
    make_town(folder / "data", 200, places=request.param)
    return train_market(folder / "data", None, folder / "models", split=None, seed=0).folder


def test_every_number_on_the_page_is_the_one_in_the_json(report: Report) -> None:
    check_numbers(Page(render(report)), {"this": report})


def test_no_table_holds_a_number_of_which_the_json_knows_nothing(report: Report) -> None:
    units = {fact["unit"] for fact in report["data"]["facts"]}
    bare = {text for text in Page(render(report)).bare_cells if re.search("[0-9]", text)}
    assert bare - units == set()


def test_a_trainings_page_is_made_of_its_json_alone(town: Path) -> None:
    told = read_report(town)
    assert told["version"] == town.name
    page = (town / PAGE).read_text(encoding="utf-8")
    assert render(told) == page
    check_numbers(Page(page), {"this": told})


@pytest.mark.parametrize("word", ["None", "nan", "inf", "{{", "undefined"])
def test_what_a_market_lacks_leaves_no_hole(town: Path, word: str) -> None:
    page = Page((town / PAGE).read_text(encoding="utf-8"))
    assert not re.search(rf"\b{re.escape(word)}\b" if word.isalpha() else re.escape(word), page.text)
    assert "By month" not in page.text
    assert ("How the price surface took shape" in page.text) == (read_report(town)["surface"] is not None)


def test_the_page_opens_without_a_network_and_needs_no_script(report: Report, town: Path) -> None:
    for html in (render(report), (town / PAGE).read_text(encoding="utf-8")):
        page = Page(html)
        assert "script" not in page.tags
        assert all(address.startswith(("#", "data:")) for address in page.addresses)
        assert all(address.startswith(("data:", "#")) for address in re.findall(r"url\(([^)]*)\)", html))
        assert "@import" not in html


def test_no_two_things_on_the_page_share_an_id(report: Report) -> None:
    names = re.findall(r' id="([^"]*)"', render(report, report | {"version": "other"}))
    assert len(names) > 20
    assert len(set(names)) == len(names)


def test_the_errors_are_those_of_the_test_sales(report: Report, appraiser: Appraiser, parts: Parts) -> None:
    test = parts.test.take(np.arange(0, len(parts.test), 4))
    values = appraiser.value(test.facts, test.date)
    table = pd.DataFrame(
        {
            "price": test.price,
            "value": values.price,
            "inside": (values.low <= test.price) & (test.price <= values.high),
            "fsd": values.fsd,
            "month": pd.Series(test.date).dt.strftime("%Y-%m"),
            "area": test.facts["postal_code"],
        }
    ).dropna()
    table["error"] = 100 * (table["value"] / table["price"] - 1).abs()
    assert report["predictions"]["sold_for"] == table["price"].tolist()
    for key, column in (("by_month", "month"), ("by_area", "area")):
        for entry in report[key]:
            own = table[table[column] == entry[column]]
            assert entry["n"] == len(own)
            assert (entry["mdape"] is None) == (len(own) < 5)
            if len(own) >= 5:
                assert entry["mdape"] == pytest.approx(own["error"].median(), abs=1e-4)
                assert entry["coverage"] == pytest.approx(100 * own["inside"].mean(), abs=1e-4)
                realised = 100 * (own["value"] / own["price"]).std(ddof=0)
                assert entry["realised"] == pytest.approx(realised, abs=1e-4)
    fifths = table.groupby(pd.qcut(table["value"], 5))
    assert [entry["n"] for entry in report["by_price"]] == fifths.size().tolist()
    medians = fifths["error"].median().tolist()
    assert [entry["mdape"] for entry in report["by_price"]] == pytest.approx(medians, abs=1e-4)
    at_90 = next(each for each in report["coverage"]["all_facts"] if each["confidence"] == 90)
    assert at_90["held"] == pytest.approx(100 * table["inside"].mean(), abs=0.01)
    off = (table["value"] / table["price"]).map(np.log).abs().sort_values(ascending=False)
    worst = table.loc[off.index[:10], "price"].round(2).tolist()
    assert [miss["sold_for"] for miss in report["worst"]] == worst


def test_the_reasons_of_a_miss_sum_to_its_value(report: Report) -> None:
    for miss in report["worst"]:
        parts = miss["reference_price"] + sum(miss["parts"].values()) + miss["other_parts"]
        assert parts == pytest.approx(miss["price"], abs=0.01)
        assert len(miss["comparables"]) == 3


def test_a_wider_promise_holds_more(report: Report) -> None:
    for entries in report["coverage"].values():
        held = [each["held"] for each in entries]
        assert held == sorted(held)


def test_what_matters_is_the_place_and_the_size(report: Report) -> None:
    facts = [each["fact"] for each in report["importance"]["facts"]]
    assert set(facts[:2]) == {"place", "square_footage"}


def test_a_fact_that_is_always_the_same_does_not_matter(town: Path) -> None:
    rises = {each["fact"]: each for each in read_report(town)["importance"]["facts"]}
    assert (rises["always_seven"]["mdape"], rises["always_seven"]["log_rmse_sd"]) == (0, 0)
    assert rises["size"]["mdape"] > 5 > rises["always_seven"]["mdape"]
    assert "never_recorded" not in rises


def test_steps_against_a_declared_direction_are_counted(appraiser: Appraiser, parts: Parts) -> None:
    found = directions(appraiser, parts.test, np.random.default_rng(0))
    assert (found["homes"], found["against"]) == (50, 0)
    assert found["steps"] > 1000
    turned = copy(appraiser)
    opposite = {"increasing": "decreasing", "decreasing": "increasing"}
    features = [
        feature if feature.price_effect is None else replace(feature, price_effect=opposite[feature.price_effect])  # type: ignore[arg-type]
        for feature in appraiser.market.features
    ]
    turned.market = replace(appraiser.market, features=tuple(features))
    assert directions(turned, parts.test, np.random.default_rng(0))["against"] > 1000


def test_the_film_of_the_price_surface_goes_from_chance_to_the_epoch_that_was_kept(town: Path) -> None:
    told = read_report(town)
    surface, epochs = told["surface"], told["learning"]
    if "latitude" not in told["predictions"]:
        assert surface is None
        return
    kept = [epoch for epoch in epochs if epoch["network"] == 1 and epoch["best"]][-1]
    frames = surface["frames"]
    assert [frame["step"] for frame in frames] == sorted({frame["step"] for frame in frames})
    assert frames[0]["step"] == 0
    assert frames[-1]["epoch"] == kept["epoch"]
    assert all(len(frame["price"]) == len(surface["cells"]) for frame in frames)


def test_two_versions_stand_side_by_side(report: Report) -> None:
    other = json.loads(json.dumps(report)) | {"version": "the-other", "seed": 1}
    other["error_figures"]["all_facts"]["mdape"] = 12.3456
    page = Page(render(report, other))
    check_numbers(page, {"this": report, "other": other})
    assert ("other", "/error_figures/all_facts/mdape", "12.3456", "12.35%") in page.numbers
    assert "They differ in seed" in page.text
    assert "Both were tested on the same sales" in Page(render(report, report)).text


def test_names_from_sales_are_drawn_as_they_are() -> None:
    name = '<b>$a$ & "co"</b> 東'
    told = {"n": 40, "median_ratio": 1.0, "median_ratio_low": 0.9, "median_ratio_high": 1.1}
    drawn = areas([{"area": name, **told}], name)
    assert "<b>" not in drawn
    assert "&lt;b&gt;$a$ &amp; " in drawn


def test_of_very_many_areas_the_lowest_and_the_highest_are_drawn() -> None:
    told = [
        {"n": 40, "area": f"area {place}", "median_ratio": 0.5 + place / 1000}
        | {"median_ratio_low": 0.5, "median_ratio_high": 1.5}
        for place in range(1000)
    ]
    drawn = set(re.findall(r"area \d+", areas(told, "areas")))
    assert drawn == {f"area {place}" for place in (*range(40), *range(960, 1000))}


def test_a_report_can_be_had_again_from_a_version(town: Path, tmp_path: Path) -> None:
    run = estimator("report", "--model", town, tmp_path / "out.html", "--compare", town.parent)
    assert (run.returncode, run.stderr, run.stdout) == (0, "", f"written to {tmp_path / 'out.html'}\n")
    told = read_report(town)
    assert (tmp_path / "out.html").read_text(encoding="utf-8") == render(told, told)


def test_a_version_without_a_report_and_a_changed_report_are_told(appraiser: Appraiser, tmp_path: Path) -> None:
    def saved(told: Report) -> Path:
        return save_version(tmp_path / "market", appraiser, {}, lambda _: {NUMBERS: json.dumps(told).encode()})

    with pytest.raises(SavedVersionError, match="has format 0; this program reads format 2"):
        read_report(saved({"format": 0}))
    version = saved({"format": 2})
    assert read_report(version) == {"format": 2}
    (version / NUMBERS).write_text("{}")
    with pytest.raises(SavedVersionError, match=r"report\.json: SHA-256 is"):
        read_report(version)
    publish(save_version(tmp_path / "market", appraiser, {}))
    run = estimator("report", "--model", tmp_path / "market", tmp_path / "out.html")
    assert run.returncode == 2
    assert "was saved without a report.json; train it again" in run.stderr
    assert not (tmp_path / "out.html").exists()


def test_the_recorder_remembers_the_first_network_up_to_what_was_kept() -> None:
    class Held:
        vector = np.zeros(1, np.float32)

    class Fake:
        parameters = Held()

    recorder, network = Recorder(), Fake()

    def moment(place: int, epoch: Epoch) -> Moment:
        return Moment(place, network, epoch, 1, 60)  # type: ignore[arg-type]

    for done in range(21):
        Held.vector = np.full(1, done, np.float32)
        recorder.step(network, done)  # type: ignore[arg-type]
        if done in (10, 20):
            recorder(moment(0, Epoch(done // 10, 4, 1.0, 1.0, 0.1, 1.0, best=done == 10)))
        recorder(moment(1, Epoch(done + 1, 30, 1.0, 0.5, 0.1, 1.0, best=True)))
    assert {done: float(weights[0]) for done, weights in recorder.weights.items()} == {
        done: float(done) for done in (0, 1, 2, 3, 5, 7, 10)
    }
    assert recorder.steps_an_epoch == 10
    assert [epoch.number for epoch in recorder.epochs[0]] == [1, 2]
    assert [epoch.number for epoch in recorder.epochs[1]] == list(range(1, 22))
    for seconds in recorder.seconds.values():
        assert seconds == sorted(seconds)


def test_the_recorder_knows_when_a_training_began_whichever_network_is_the_first_to_tell() -> None:
    recorder = Recorder()
    recorder(Moment(1, None, Epoch(1, 4, 1.0, 1.0, 0.1, 2.5, best=False), 1, 8))  # type: ignore[arg-type]
    assert recorder.seconds == {1: [pytest.approx(2.5)]}


@pytest.mark.parametrize("cheapest", [50_000.0, 50_259.0, 51_221.5, 75_001.0, 99_999.99])
def test_no_sale_is_left_out_of_the_steps_of_price(appraiser: Appraiser, parts: Parts, cheapest: float) -> None:
    by_name = {name: replace(part, price=np.maximum(part.price, cheapest)) for name, part in vars(parts).items()}
    told = about_sales(appraiser.market, Parts(**by_name), appraiser.areas)
    counted = {name: sum(step[name] for step in told["price_steps"]) for name in by_name}
    assert counted == {name: len(part) for name, part in by_name.items()}
