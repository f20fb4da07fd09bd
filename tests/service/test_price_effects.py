"""Served prices respect the price effects of the market, for many homes over HTTP."""

from pathlib import Path

import numpy as np
import pytest
from flask.testing import FlaskClient

from estimator.market.market import Market
from estimator.market.sales import Parts
from service.settings import Settings
from tests.model.test_price_effects import MONOTONE, steps_of
from tests.service.ready import ready_client

HOMES = 1_000
AT_ONCE = 5_000


@pytest.fixture(scope="module")
def wide_client(models: Path) -> FlaskClient:
    return ready_client(Settings(model=models / "king_county", max_rows=AT_ONCE))


@pytest.mark.slow
@pytest.mark.parametrize("name", MONOTONE)
def test_served_prices_of_a_thousand_homes_respect_every_price_effect(
    wide_client: FlaskClient, market: Market, parts: Parts, name: str
) -> None:
    feature = market.by_name[name]
    sign = 1 if feature.price_effect == "increasing" else -1
    values = [float(value) for value in steps_of(feature)]
    if feature.kind == "integer":
        values = [int(value) for value in values]
    facts = parts.train.facts
    homes = [
        facts.as_values(market, row) | {name: bool(value) if feature.kind == "boolean" else value}
        for row in range(HOMES)
        for value in values
    ]
    prices: list[float] = []
    for start in range(0, len(homes), AT_ONCE):
        answers = wide_client.post("/predict", json=homes[start : start + AT_ONCE]).get_json()
        assert isinstance(answers, list), answers
        prices += [answer.get("price", np.nan) for answer in answers]
    table = np.array(prices).reshape(HOMES, len(values))
    falls = 0
    for row in table:
        falls += int((sign * np.diff(row[~np.isnan(row)]) < 0).sum())
    assert falls == 0
    assert np.isfinite(table).mean() > 0.2, "too many steps are refused a price"
