"""Learning from closed listings held out, and judging by them, the way a person does it: by the commands."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from estimator.cli import _tell_refused
from estimator.deals.held_out import HeldOut, fit_list_prices, held_out_listings
from estimator.deals.list_prices import ListPriceModel
from estimator.deals.saved_list_prices import ASKS
from estimator.market.market import Market
from tests.conftest import estimator
from tests.town import make_town


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A town's folder; of most of its sales it is known what was asked: 4% more, give or take 3%."""
    folder = tmp_path_factory.mktemp("town")
    sales = make_town(folder, 1_200)
    rng = np.random.default_rng(2)
    asked = (sales.paid * 1.04 * np.exp(rng.normal(0, 0.03, len(sales)))).round()
    sales["list_price"] = asked.where(rng.random(len(sales)) < 0.9)
    sales.to_csv(folder / "closed.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def held(town: Path) -> HeldOut:
    return held_out_listings(town, town / "closed.csv", None, 0)


def test_listings_held_out_are_test_sales_with_a_list_price(town: Path, held: HeldOut) -> None:
    closed = pd.read_csv(town / "closed.csv")
    assert 0.8 * 240 < len(held) <= 240
    pairs = set(zip(closed.paid, closed.list_price, strict=True))
    assert set(zip(held.price, held.ask, strict=True)) <= pairs
    assert held.size is not None
    assert set(held.size) <= set(closed.m2)


def test_values_of_listings_held_out_have_not_seen_their_prices(held: HeldOut) -> None:
    # The town's prices scatter by 5% about what facts can tell.
    assert np.std(np.log(held.values.price / held.price)) > 0.045


def test_the_fit_finds_what_was_asked_of_the_town(held: HeldOut) -> None:
    asks = fit_list_prices(held)
    assert asks.premium == pytest.approx(np.log(1.04), abs=0.01)
    assert isinstance(asks, ListPriceModel)
    assert asks.listings == len(held)


def test_fit_asks_saves_what_screen_then_uses(town: Path, tmp_path: Path) -> None:
    trained = estimator("train", "--market", town, "--models", tmp_path)
    assert trained.returncode == 0, trained.stderr
    fitted = estimator("fit-asks", "--market", town, "--sales", town / "closed.csv", "--models", tmp_path)
    assert fitted.returncode == 0, fitted.stderr
    assert "asks are 4." in fitted.stdout or "asks are 3." in fitted.stdout
    saved = json.loads((tmp_path / "town" / ASKS).read_bytes())
    assert saved["market"] == Market.read(town).name
    homes = pd.read_csv(town / "closed.csv").drop(columns="paid").dropna(subset="list_price").head(40)
    homes.to_csv(tmp_path / "in.csv", index=False)
    run = estimator("screen", "--model", tmp_path / "town", tmp_path / "in.csv", tmp_path / "out.csv")
    assert run.returncode == 0, run.stderr
    assert "fit-asks" not in run.stderr


def test_backtest_compares_promised_with_realised(town: Path) -> None:
    command = ("backtest", "--market", town, "--sales", town / "closed.csv", "--selling-cost", "0")
    run = estimator(*command, "--json")
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert sum(band["n"] for band in found["reliability"]) == found["n"]
    assert {"expected margin", "value over ask", "70% rule", "price per unit"} == set(found["rankings"])
    told = estimator(*command)
    assert told.returncode == 0, told.stderr
    for name in found["rankings"]:
        assert name in told.stdout


def test_listings_whose_homes_were_refused_are_counted_to_the_reader(
    held: HeldOut, capsys: pytest.CaptureFixture[str]
) -> None:
    _tell_refused(replace(held, refused=0))
    assert capsys.readouterr().err == ""
    _tell_refused(replace(held, refused=1_234))
    assert capsys.readouterr().err == "1,234 more listings were left out: their homes were refused a price\n"


def test_backtest_without_list_prices_is_refused(town: Path) -> None:
    run = estimator("backtest", "--market", town)
    assert run.returncode == 2
    assert "there is no column of list prices" in run.stderr
