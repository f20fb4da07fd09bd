from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimator.appraiser import Appraiser
from estimator.assessment.evaluation import ALL_FACTS, REQUIRED_FACTS, error_figures, evaluate
from estimator.assessment.ratio_study import ratio_study
from estimator.errors import DataError
from estimator.market.facts import Facts
from estimator.market.sales import Parts
from tests.assessment.made_up_sales import valuations

REQUIRED = ["latitude", "longitude", "square_footage"]


def test_the_figures_of_four_sales_by_hand() -> None:
    price = np.array([100.0, 200, 400, 1000])
    estimate = np.array([105.0, 180, 480, 1000])  # 5%, 10%, 20% and 0% off
    figures = error_figures(
        price, valuations(estimate, price * 0.9, np.array([110.0, 199, 800, 1000]), 0.9, fsd=0.2)
    )
    assert (figures.n, figures.hit_rate) == (4, 100)
    assert figures.winkler == pytest.approx((20 + 19 + 440 + 100 + 2 / 0.1 * 1) / 4), "200 is 1 above 199"
    assert figures.fsd_ratio == pytest.approx(np.std([0.05, -0.1, 0.2, 0]) / 0.2)
    assert figures.mdape == pytest.approx(7.5)
    assert (figures.ppe5, figures.ppe10, figures.ppe20) == pytest.approx((50, 75, 100))
    assert figures.rmse == pytest.approx(np.sqrt((25 + 400 + 6400 + 0) / 4))
    assert figures.log_rmse == pytest.approx(
        np.sqrt(np.mean(np.square([np.log(1.05), np.log(0.9), np.log(1.2), 0])))
    )
    assert figures.claimed_within_10 == pytest.approx(60)
    assert figures.median_ratio == pytest.approx(1.025)
    assert figures.coverage == pytest.approx(75)
    assert figures.confidence == 90
    assert figures.median_width == pytest.approx(np.median([110 / 90, 199 / 180, 800 / 360, 1000 / 900]))


amounts = st.floats(1, 1e7)


@given(st.lists(st.tuples(amounts, amounts, st.floats(1, 3)), min_size=1, max_size=30))
def test_the_figures_agree_with_pandas(rows: list[tuple[float, float, float]]) -> None:
    table = pd.DataFrame(rows, columns=["price", "estimate", "ratio"])
    table["low"], table["high"] = table.estimate / table.ratio, table.estimate * table.ratio
    price, estimate, low, high = (table[name].to_numpy() for name in ("price", "estimate", "low", "high"))
    figures = error_figures(price, valuations(estimate, low, high, 0.8))
    percent = 100 * (table.estimate - table.price).abs() / table.price
    assert figures.mdape == pytest.approx(percent.median())
    assert figures.rmse == pytest.approx(((table.estimate - table.price) ** 2).mean() ** 0.5)
    assert figures.log_rmse == pytest.approx(((np.log(table.estimate) - np.log(table.price)) ** 2).mean() ** 0.5)
    assert figures.ppe20 == pytest.approx(100 * (percent <= 20).mean())
    assert figures.coverage == pytest.approx(100 * table.price.between(table.low, table.high).mean())
    assert figures.median_ratio == pytest.approx((table.estimate / table.price).median())


def test_exact_values_have_no_error() -> None:
    price = np.array([100.0, 200.0])
    figures = error_figures(price, valuations(price, price, price, 0.9))
    assert (figures.winkler, figures.fsd_ratio) == (0, 0)
    assert (figures.mdape, figures.log_rmse, figures.rmse) == (0, 0, 0)
    assert (figures.ppe5, figures.coverage, figures.median_ratio, figures.median_width) == (100, 100, 1, 1)


def test_values_without_ranges_have_errors_but_no_figures_of_ranges() -> None:
    price, estimate, nan = np.array([100.0, 200]), np.array([105.0, 180]), np.full(2, np.nan)
    without = valuations(estimate, nan, nan, 0.9, fsd=np.nan)
    figures = error_figures(price, without).to_dict()
    missing = {"claimed_within_10", "coverage", "median_width", "winkler", "fsd_ratio"}
    assert {name for name, figure in figures.items() if figure is None} == missing
    with_ranges = error_figures(price, valuations(estimate, price, price, 0.9)).to_dict()
    assert figures == with_ranges | dict.fromkeys(missing)


def test_refused_homes_affect_the_hit_rate_alone() -> None:
    price, nan = np.array([100.0, 200, 400]), np.nan
    refused = valuations(np.array([110.0, nan, 400]), np.array([90.0, nan, 300]), np.array([120.0, nan, 500]), 0.9)
    valued_prices = price[[0, 2]]
    valued = valuations(np.array([110.0, 400]), np.array([90.0, 300]), np.array([120.0, 500]), 0.9)
    figures = error_figures(price, refused)
    assert figures == replace(error_figures(valued_prices, valued), hit_rate=figures.hit_rate)
    assert figures.hit_rate == pytest.approx(200 / 3)


def test_an_error_with_a_reason_is_raised_if_no_home_can_be_valued(appraiser: Appraiser, parts: Parts) -> None:
    homes = parts.test.take(np.arange(3))
    huge = replace(homes, facts=homes.facts.replace({"square_footage": np.full(3, 19_999.0)}))
    with pytest.raises(
        DataError, match=r"none of the 3 homes can be valued; the first one: square_footage: 19,999 ft² is"
    ):
        evaluate(appraiser, huge)


def test_homes_are_valued_at_their_date_of_sale_with_all_and_with_the_required_facts(
    appraiser: Appraiser, parts: Parts
) -> None:
    figures = evaluate(appraiser, parts.test).figures
    sales = parts.test
    n = len(sales)
    required = {
        feature.name: sales.facts[feature.name]
        if feature.name in REQUIRED
        else (np.full(n, "") if feature.is_label else np.full(n, np.nan))
        for feature in appraiser.market.features
    }
    for fact_set, facts in ((ALL_FACTS, sales.facts), (REQUIRED_FACTS, Facts(required))):
        values = appraiser.value(facts, sales.date)
        assert figures[fact_set] == error_figures(sales.price, values)
    assert figures[REQUIRED_FACTS].mdape > figures[ALL_FACTS].mdape
    widths = [figures[fact_set].median_width for fact_set in (ALL_FACTS, REQUIRED_FACTS)]
    assert widths[0] is not None
    assert widths[1] is not None
    assert widths[0] < widths[1]


def test_figures_are_written_rounded(appraiser: Appraiser, parts: Parts) -> None:
    figures = evaluate(appraiser, parts.test).figures[ALL_FACTS]
    assert figures.n == round(len(parts.test) * figures.hit_rate / 100)
    assert all(value is not None and value == round(value, 4) for value in figures.to_dict().values())


def test_the_ratio_study_uses_the_same_values_and_the_homes_postal_codes(
    appraiser: Appraiser, parts: Parts
) -> None:
    sales = parts.test
    code = sales.facts["postal_code"]
    studies = evaluate(appraiser, sales).ratio_studies
    values = appraiser.value(sales.facts, sales.date)
    valued = values.priced
    assert studies[ALL_FACTS] == ratio_study(sales.price[valued], values.price[valued], code[valued])
    assert set(studies[ALL_FACTS].areas or {}) == set(code[valued])
    assert studies[REQUIRED_FACTS].overall != studies[ALL_FACTS].overall


def test_a_home_without_a_postal_code_counts_in_its_neighbours_area(appraiser: Appraiser, parts: Parts) -> None:
    sales = parts.test
    hidden = replace(sales, facts=sales.facts.without({"postal_code": np.ones(len(sales), np.bool_)}))
    known, guessed = (evaluate(appraiser, part).ratio_studies[ALL_FACTS].areas for part in (sales, hidden))
    assert known
    assert guessed
    counts = [
        pd.Series({code: area.n + area.trimmed for code, area in areas.items()}) for areas in (known, guessed)
    ]
    valued = int(appraiser.value(sales.facts, sales.date).priced.sum())
    assert [count.sum() for count in counts] == [valued, valued]
    assert counts[0].sub(counts[1], fill_value=0).abs().sum() / 2 < 0.2 * len(sales)
