"""Each standard of the verdict table: where its numbers come from, and when it is met."""

import numpy as np
import pytest

from estimator.appraiser import Appraiser
from estimator.assessment.evaluation import ALL_FACTS, error_figures, evaluate
from estimator.assessment.ratio_study import ACCEPTABLE, ratio_figures
from estimator.assessment.standards import FSD_RATIO_BOUNDS, STANDARDS, Standard, standards
from estimator.market.arrays import FloatArray
from estimator.market.gate_limits import GateLimits
from estimator.market.sales import Parts
from tests.assessment.made_up_sales import valuations

LIMITS = GateLimits(min_hit_rate=80, max_coverage_gap=5)


def judged(ratio: FloatArray, width: float = 2.0, fsd: float = 0.1, refused: int = 0) -> dict[str, Standard]:
    """The standards of homes at different prices with these ratios of value to price, the last ones refused."""
    price = 100_000 * (1 + np.arange(len(ratio)) % 17).astype(np.float64)
    value = np.where(np.arange(len(ratio)) < len(ratio) - refused, price * ratio, np.nan)
    given = valuations(value, value / width, value * width, fsd=fsd)
    valued = given.priced
    found = standards(price, given, ratio_figures(price[valued], value[valued]), LIMITS)
    return {entry.name: entry for entry in found}


def test_every_standard_is_there_once_and_in_order() -> None:
    assert tuple(judged(np.ones(40))) == STANDARDS


def test_a_verdict_is_certain_if_the_whole_interval_is_on_its_side() -> None:
    rng = np.random.default_rng(0)
    noise = np.exp(0.1 * rng.normal(size=2000))
    for level, met, certain in (
        (1.0, True, True),
        (0.902, True, False),
        (0.898, False, False),
        (0.8, False, True),
    ):
        found = judged(level * noise / np.median(noise))["median_ratio"]
        assert (found.met, found.certain, found.least, found.most) == (met, certain, 0.9, 1.1)
        assert found.low is not None
        assert found.high is not None
        assert found.low < level < found.high


def test_ranges_and_fsds_are_judged_by_what_came_true() -> None:
    ratio = np.tile([0.7, 0.9, 1.0, 1.1, 1.3], 200)
    narrow = judged(ratio, width=1.2, fsd=0.1)
    # In each five homes, three prices are within a factor of 1.2; the ratios' standard deviation is .2.
    assert (narrow["coverage"].value, narrow["coverage"].least, narrow["coverage"].met) == (60.0, 85.0, False)
    assert narrow["fsd_ratio"].value == pytest.approx(2.0)
    assert (narrow["fsd_ratio"].met, narrow["fsd_ratio"].certain) == (False, True)
    honest = judged(ratio, width=1.2, fsd=0.2)["fsd_ratio"]
    assert (honest.met, honest.certain, (honest.least, honest.most)) == (True, True, FSD_RATIO_BOUNDS)


def test_refused_homes_count_in_the_hit_rate_only() -> None:
    found = judged(np.ones(100), refused=30)
    hit_rate = found["hit_rate"]
    assert (hit_rate.value, hit_rate.least, hit_rate.most, hit_rate.met) == (70.0, 80.0, None, False)
    assert found["coverage"].value == 100.0


def test_few_sales_and_missing_ranges_give_no_verdict_but_a_reason() -> None:
    few = judged(np.ones(20))
    assert {entry.met for entry in few.values()} == {None}
    assert all(entry.reason for entry in few.values())
    assert few["coverage"].value == 100.0
    without = judged(np.ones(40), width=np.nan, fsd=np.nan)
    assert (without["coverage"].met, without["coverage"].reason) == (None, "the values have no ranges")
    assert without["hit_rate"].met is True


def test_the_standards_have_the_numbers_of_study_and_error_figures(appraiser: Appraiser, parts: Parts) -> None:
    result = evaluate(appraiser, parts.test)
    study = result.ratio_studies[ALL_FACTS].overall.to_dict()
    values = appraiser.value(parts.test.facts, parts.test.date, earlier_sales_only=True)
    figures = error_figures(parts.test.price, values).to_dict()
    found = result.standards_as_dict()[ALL_FACTS]
    assert [entry["name"] for entry in found] == list(STANDARDS)
    for entry in found:
        if (name := entry["name"]) in ACCEPTABLE:
            assert (entry["value"], entry["met"]) == (study[name], study["met"][name])
            assert (entry["low"], entry["high"]) == (study.get(f"{name}_low"), study.get(f"{name}_high"))
        else:
            assert entry["value"] == figures[name]
