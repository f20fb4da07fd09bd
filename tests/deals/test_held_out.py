"""Fitting and evaluating on held-out closed listings, by functions and by commands."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from estimator.cli.commands import _report_refused
from estimator.deals.held_out import HeldOutListings, fit_list_prices, held_out_listings
from estimator.deals.list_prices import ListPriceModel
from estimator.deals.saved_list_prices import LIST_PRICES_FILE
from estimator.market.market import Market
from tests.conftest import PUBLISH_ANYWAY, run_command
from tests.town import make_town


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A town's folder; most of its sales have a list price, 4% above the sale price with a deviation of 3%."""
    folder = tmp_path_factory.mktemp("town")
    sales = make_town(folder, 1_200)
    rng = np.random.default_rng(2)
    list_price = (sales.paid * 1.04 * np.exp(rng.normal(0, 0.03, len(sales)))).round()
    sales["list_price"] = list_price.where(rng.random(len(sales)) < 0.9)
    sales.to_csv(folder / "closed.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def listings(town: Path) -> HeldOutListings:
    return held_out_listings(town, town / "closed.csv", None, 0)


@pytest.mark.training
def test_held_out_listings_are_test_sales_with_a_list_price(town: Path, listings: HeldOutListings) -> None:
    closed = pd.read_csv(town / "closed.csv")
    assert 0.8 * 240 < len(listings) <= 240
    pairs = set(zip(closed.paid, closed.list_price, strict=True))
    assert set(zip(listings.price, listings.list_price, strict=True)) <= pairs
    assert listings.size is not None
    assert set(listings.size) <= set(closed.m2)


@pytest.mark.training
def test_held_out_listings_are_valued_without_their_own_prices(listings: HeldOutListings) -> None:
    # The town's prices scatter by 5% around the best prediction from the facts.
    assert np.std(np.log(listings.values.price / listings.price)) > 0.045


@pytest.mark.training
def test_the_fit_recovers_the_premium_of_list_prices(listings: HeldOutListings) -> None:
    model = fit_list_prices(listings)
    assert model.premium == pytest.approx(np.log(1.04), abs=0.01)
    assert isinstance(model, ListPriceModel)
    assert model.listings == len(listings)


@pytest.mark.training
def test_fit_list_prices_saves_the_model_that_screen_uses(town: Path, tmp_path: Path) -> None:
    make_town(tmp_path / "small", 60)
    assert (
        run_command("train", PUBLISH_ANYWAY, "--market", tmp_path / "small", "--models", tmp_path).exit_code == 0
    )
    (tmp_path / "key").write_bytes(b"k" * 32)
    fitted = run_command(
        *("fit-list-prices", "--market", town, "--sales", town / "closed.csv", "--models", tmp_path),
        *("--key-file", tmp_path / "key"),
    )
    assert fitted.exit_code == 0, fitted.stderr
    assert "list prices are 4." in fitted.stdout or "list prices are 3." in fitted.stdout
    saved = json.loads((tmp_path / "town" / LIST_PRICES_FILE).read_bytes())
    assert saved["market"] == Market.read(town).name
    assert len(saved["hmac"]) == 64
    homes = pd.read_csv(town / "closed.csv").drop(columns="paid").dropna(subset="list_price").head(40)
    homes.to_csv(tmp_path / "in.csv", index=False)
    run = run_command("screen", "--model", tmp_path / "town", tmp_path / "in.csv", tmp_path / "out.csv")
    assert run.exit_code == 0, run.stderr
    assert "fit-list-prices" not in run.stderr


@pytest.mark.training
def test_backtest_compares_claims_with_resale_prices(
    town: Path, listings: HeldOutListings, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments: list[object] = []

    def held_out(*given: object, **more: object) -> HeldOutListings:
        arguments[:] = given
        return listings

    monkeypatch.setattr(
        "estimator.cli.commands.held_out_listings", held_out
    )  # the fixture's training serves both commands
    command = ("backtest", "--market", town, "--sales", town / "closed.csv", "--selling-cost", "0")
    run = run_command(*command, "--json")
    assert run.exit_code == 0, run.stderr
    assert arguments == [town, town / "closed.csv", None, 0]
    found = json.loads(run.stdout)
    assert set(found["asks"]) == {"drift", "premium", "noise", "fade", "listings"}
    assert sum(band["n"] for band in found["reliability"]) == found["n"]
    assert {"expected margin", "value over ask", "70% rule", "price per unit"} == set(found["rankings"])
    tables = run_command(*command)
    assert tables.exit_code == 0, tables.stderr
    for name in found["rankings"]:
        assert name in tables.stdout


@pytest.mark.training
def test_the_number_of_listings_without_a_value_is_printed(
    listings: HeldOutListings, capsys: pytest.CaptureFixture[str]
) -> None:
    _report_refused(replace(listings, refused=0))
    assert capsys.readouterr().err == ""
    _report_refused(replace(listings, refused=1_234))
    assert capsys.readouterr().err == "listings left out because their homes could not be valued: 1,234\n"


def test_backtest_without_list_prices_is_refused(town: Path) -> None:
    run = run_command("backtest", "--market", town)
    assert run.exit_code == 2
    assert "no column of list prices; one column must be named list_price or ListPrice" in run.stderr
