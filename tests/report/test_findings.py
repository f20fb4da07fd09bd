"""Coverage, importance of facts, price effects and largest errors."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from estimator.appraiser import Appraiser
from estimator.assessment.evaluation import evaluate
from estimator.market.sales import Parts
from estimator.report.files import read_report
from estimator.report.findings import check_price_effects, coverage
from tests.report.page_parser import Report


def test_contributions_of_a_large_error_sum_to_the_valuation(report: Report) -> None:
    for entry in report["worst"]:
        total = entry["reference_price"] + sum(entry["parts"].values()) + entry["other_parts"]
        assert total == pytest.approx(entry["price"], abs=0.01)
        assert len(entry["comparables"]) == 3


def test_coverage_rises_with_the_confidence_level(report: Report) -> None:
    for entries in report["coverage"].values():
        covered = [level["held"] for level in entries]
        assert covered == sorted(covered)


def test_location_and_size_are_the_most_important_facts(report: Report) -> None:
    facts = [entry["fact"] for entry in report["importance"]["facts"]]
    assert set(facts[:2]) == {"place", "square_footage"}


@pytest.mark.training
def test_a_constant_fact_has_no_importance(town: Path) -> None:
    rises = {entry["fact"]: entry for entry in read_report(town)["importance"]["facts"]}
    assert (rises["always_seven"]["mdape"], rises["always_seven"]["log_rmse_sd"]) == (0, 0)
    assert rises["size"]["mdape"] > 5 > rises["always_seven"]["mdape"]
    assert "never_recorded" not in rises


def test_steps_against_a_price_effect_are_counted(appraiser: Appraiser, parts: Parts) -> None:
    effects = check_price_effects(appraiser, parts.test, np.random.default_rng(0))
    assert (effects["homes"], effects["against"]) == (50, 0)
    assert effects["steps"] > 1000
    opposite = {"increasing": "decreasing", "decreasing": "increasing"}
    features = [
        feature if feature.price_effect is None else replace(feature, price_effect=opposite[feature.price_effect])  # type: ignore[arg-type]
        for feature in appraiser.market.features
    ]
    reversed_appraiser = replace(appraiser, market=replace(appraiser.market, features=tuple(features)))
    assert check_price_effects(reversed_appraiser, parts.test, np.random.default_rng(0))["against"] > 1000


def test_no_later_sale_helps_where_values_are_compared_with_prices(appraiser: Appraiser, parts: Parts) -> None:
    """The oldest sales, valued by a model that knows later ones nearby: as in a random split of dated sales."""
    early = parts.train.take(np.arange(200))
    figures = evaluate(appraiser, early).figures
    for known, levels in coverage(appraiser, early).items():
        held = {level["confidence"]: level["held"] for level in levels}
        assert held[90.0] == pytest.approx(figures[known].coverage, abs=0.01)
