"""The ratio study, compared with the examples that IAAO publishes and with what its measures are for."""

import json
from dataclasses import astuple
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from estimator.assessment.ratio_statistics import cod, median_interval, mki, outliers, prb, proxies, vei
from estimator.assessment.ratio_study import (
    ACCEPTABLE,
    MIN_SALES_FOR_VERDICT,
    RatioFigures,
    ratio_figures,
    ratio_study,
    studies_as_dict,
)
from estimator.market.arrays import FloatArray
from tests.assessment.made_up_sales import amounts, columns, market, sales_lists

# Estimates and prices of the worked examples, by table.
EXAMPLES = {
    "1-1": (
        """
        48000 28800 78400 39840 68160 94400 67200 56960 87200 38240 96320 67680 32960 50560 61360
        47360 58080 47040 136000 103200 59040 168000 128000 132000 160000 160000 200000 184000 160000
        157200 99200 200000 64000 192000 190400 65440
        """,
        """
        138000 59250 157500 74400 114900 159000 111900 93000 138720 59700 146400 99000 47400 70500
        78000 60000 69000 55500 154500 109500 60000 168000 124500 127500 150000 141000 171900 157500
        129600 126000 77700 153000 48750 144000 141000 48000
        """,
    ),
    "1-4": (
        """
        87200 38240 96320 68610 32960 50560 61360 47360 56580 47040 136000 98000 56000 159100 128000
        132000 160000
        """,
        """
        138720 59700 146400 99000 47400 70500 78000 60000 69000 55500 154500 109500 60000 168000
        124500 127500 150000
        """,
    ),
    "D-1": (
        """
        116700 130300 130200 145500 134100 153900 143400 156900 169000 149200 160100 191400 177200
        205500 206500 243800 211600 242500 258400 265900 305700 291600 312800 352200 354900
        """,
        """
        114500 121000 133900 139000 145000 156500 161100 169500 175000 181000 188900 205000 216150
        219000 235000 249000 258900 263000 305900 312500 336000 360000 399900 418500 459000
        """,
    ),
    "D-2": (
        """
        45000 100000 165000 180000 250000 330000 315000 400000 495000 450000 550000 660000 585000
        700000 825000 1875000
        """,
        """
        50000 100000 150000 200000 250000 300000 350000 400000 450000 500000 550000 600000 650000
        700000 750000 2500000
        """,
    ),
    "54": (
        """
        240000 144000 392000 199200 340800 472000 336000 284800 436000 191200 225000 194000 481600
        338400 164800 252800 945000 280000 407000 423000 306800 236800 361000 290400 235200 415000
        381000 380000 875000 680000 329000 457000 516000 295200 580000 840000 640000 660000 354000
        800000 390000 800000 469000 1000000 920000 527000 800000 786000 496000 1000000 320000 960000
        952000 327200
        """,
        """
        690000 296250 787500 372000 574500 795000 559500 465000 693600 298500 350000 295000 732000
        495000 237000 352500 1289000 379000 540000 560000 390000 300000 450000 345000 277500 485000
        442000 435000 998000 772500 365000 487000 547500 300000 580000 840000 622500 637500 340000
        750000 352500 705000 410000 859500 787500 440000 648000 630000 388500 765000 243750 720000
        705000 240000
        """,
    ),
}


def example(table: str) -> tuple[FloatArray, FloatArray]:
    """Return the prices and the estimates of a table."""
    estimate, price = (np.array(column.split(), np.float64) for column in EXAMPLES[table])
    return price, estimate


def printed(value: float | None, text: str) -> bool:
    """Return whether a figure, written with as many decimals, is the one printed."""
    assert value is not None
    return f"{value:.{len(text.partition('.')[2])}f}" == text


@pytest.mark.parametrize(
    ("table", "n", "expected"),
    [
        ("1-1", 36, {"cod": "29.8", "prd": "0.98", "prb": "0.232"}),
        ("1-4", 17, {"cod": "14.5", "prd": "0.98", "prb": "0.135"}),
        ("D-1", 25, {"cod": "7.5", "prd": "1.027", "prb": "-0.120"}),
        ("D-2", 16, {"cod": "7.8", "prd": "1.056", "prb": "-0.011"}),
        (
            "54",
            54,
            {
                "cod": "24.651",
                "prd": "0.99279",
                "prb": "0.18713",
                "median_ratio": "0.86778",
                "mki": "1.06944",
                "vei": "48.53",
                "vei_significance": "17.57",
            },
        ),
    ],
)
def test_the_published_examples_are_reproduced(table: str, n: int, expected: dict[str, str]) -> None:
    price, estimate = example(table)
    study = ratio_study(price, estimate)
    assert (study.overall.n, study.overall.trimmed) == (n, 0)
    for name, text in expected.items():
        assert printed(getattr(study.overall, name), text), (name, getattr(study.overall, name))


def test_the_verdicts_of_the_published_example() -> None:
    price, estimate = example("54")
    assert ratio_study(price, estimate).overall.met == {
        "median_ratio": False,
        "cod": False,
        "prd": True,
        "prb": False,
        "mki": False,
        "vei": False,
        "vei_significance": False,
    }


@pytest.mark.parametrize(("n", "groups"), [(20, 2), (50, 2), (51, 4), (500, 4), (501, 10), (3000, 10)])
def test_price_bands_are_the_quantiles_of_worth(n: int, groups: int) -> None:
    price, estimate = market(n, noise=0.05)
    study = ratio_study(price, estimate)
    bands = study.price_bands or ()
    assert study.overall.trimmed == 0
    ratio = pd.Series(estimate / price)
    group, limits = pd.qcut(0.5 * price + 0.5 * estimate / ratio.median(), groups, labels=False, retbins=True)
    assert [band.figures.n for band in bands] == np.bincount(group).tolist()
    np.testing.assert_allclose(
        [[band.low, band.high] for band in bands], np.column_stack((limits[:-1], limits[1:]))
    )
    np.testing.assert_allclose([band.figures.median_ratio or 0 for band in bands], ratio.groupby(group).median())
    overall = study.overall
    first, last = bands[0].figures.median_ratio, bands[-1].figures.median_ratio
    assert first is not None
    assert last is not None
    assert overall.vei == pytest.approx(100 * (last - first) / ratio.median())


def test_a_home_on_the_limit_of_two_bands_is_in_the_lower() -> None:
    price = np.array([1.0, 2, 3] * 9)  # the median, 2, is nine homes' worth
    study = ratio_study(price, price)
    assert [band.figures.n for band in study.price_bands or ()] == [18, 9]


def test_price_bands_do_not_make_fair_values_look_unfair() -> None:
    price, estimate = market(2_000, noise=0.3)
    by_price = pd.Series(estimate / price).groupby(pd.qcut(price, 10, labels=False)).median()
    assert by_price.iloc[-1] < 0.85 * by_price.iloc[0], "what the proxies are for"
    overall = ratio_study(price, estimate).overall
    assert overall.vei == pytest.approx(0, abs=5)
    assert overall.prb == pytest.approx(0, abs=0.02)


def all_figures(figures: RatioFigures) -> list[float]:
    return [np.nan if value is None else value for value in astuple(figures)[2:-1]]


@given(sales_lists, st.integers(-20, 20), st.integers(-20, 20))
def test_units_do_not_matter_and_scaling_the_values_changes_the_level_alone(
    rows: list[tuple[float, float]], unit: int, level: int
) -> None:
    price, estimate = columns(rows)
    plain = ratio_study(price, estimate).overall
    # Powers of two change no digit, so no home changes its band.
    in_units = ratio_study(price * 2.0**unit, estimate * 2.0**unit).overall
    np.testing.assert_allclose(all_figures(in_units), all_figures(plain), rtol=1e-9, atol=1e-9)
    scaled = ratio_study(price, estimate * 2.0**level).overall
    for name, value in plain.figures.items():
        if value is None or "ratio" in name:
            continue
        assert getattr(scaled, name) == pytest.approx(getattr(plain, name), rel=1e-9, abs=1e-9), name
    if plain.median_ratio is not None:
        assert scaled.median_ratio == plain.median_ratio * 2.0**level


@given(sales_lists, st.randoms(use_true_random=False))
def test_the_order_of_sales_does_not_matter(rows: list[tuple[float, float]], random: Any) -> None:
    distinct = list({price: (price, ratio) for price, ratio in rows}.values())  # see `mki`: its sort is stable
    shuffled = random.sample(distinct, len(distinct))
    one, other = (ratio_study(*columns(order)).overall for order in (distinct, shuffled))
    assert one.reasons == other.reasons
    np.testing.assert_allclose(all_figures(one), all_figures(other), rtol=1e-6, atol=1e-8)


@given(st.lists(amounts, min_size=5, max_size=120), st.floats(0.3, 3))
def test_a_constant_ratio_is_perfectly_uniform_and_fair(prices: list[float], ratio: float) -> None:
    price = np.array(prices)
    figures = ratio_study(price, price * ratio).overall
    assert figures.median_ratio == pytest.approx(ratio)
    assert figures.cod == pytest.approx(0, abs=1e-9)
    if price.min() < price.max():
        assert figures.prd == pytest.approx(1)
        assert figures.prb is None or figures.prb == pytest.approx(0, abs=1e-5)
        assert figures.mki is None or figures.mki == pytest.approx(1, abs=1e-6)
        assert figures.vei is None or figures.vei == pytest.approx(0, abs=1e-9)


@given(st.lists(amounts, min_size=20, max_size=120, unique=True), st.floats(0.3, 0.9))
def test_values_with_less_spread_than_prices_are_regressive_by_all_measures(
    prices: list[float], power: float
) -> None:
    price = np.array(prices)
    under, over = (ratio_figures(price, 200_000 * (price / 200_000) ** p) for p in (power, 2 - power))
    assert (under.prd or 0) > 1
    for figures, sign in ((under, -1), (over, 1)):
        assert figures.prb is not None
        assert figures.mki is not None
        assert sign * figures.prb > 0
        assert sign * (figures.mki - 1) > 0
        assert figures.vei is None or sign * figures.vei > 0


def test_fair_values_meet_all_ranges_and_regressive_values_do_not() -> None:
    assert set(ratio_study(*market(3_000)).overall.met.values()) == {True}
    unfair = ratio_study(*market(3_000, power=0.8)).overall.met
    assert [name for name, met in unfair.items() if not met] == ["prd", "prb", "mki", "vei", "vei_significance"]


def test_a_ratio_on_the_bound_of_its_range_meets_it() -> None:
    price = np.arange(100.0, 140)
    for ratio, met in ((0.9, True), (1.1, True), (0.8999, False), (1.1001, False)):
        assert ratio_figures(price, price * ratio).met["median_ratio"] is met


def test_outliers_are_removed_and_counted_in_their_groups() -> None:
    price, estimate = market(200, noise=0.05)
    area = np.where(np.arange(200) < 100, "98001", "98002")
    clean = ratio_study(price, estimate, area)
    estimate[:2] *= 10  # two homes of 98001
    study = ratio_study(price, estimate, area)
    q1, q3 = stats.scoreatpercentile(estimate / price, [25, 75])
    expected = stats.iqr(estimate / price)
    np.testing.assert_array_equal(
        outliers(estimate / price),
        (estimate / price < q1 - 3 * expected) | (estimate / price > q3 + 3 * expected),
    )
    assert (clean.overall.n, clean.overall.trimmed) == (200, 0)
    assert (study.overall.n, study.overall.trimmed) == (198, 2)
    assert study.areas is not None
    assert {code: (figures.n, figures.trimmed) for code, figures in study.areas.items()} == {
        "98001": (98, 2),
        "98002": (100, 0),
    }
    assert sum(band.figures.trimmed for band in study.price_bands or ()) == 2
    assert study.overall == ratio_figures(price[2:], estimate[2:], trimmed=2)


def test_outliers_change_neither_the_bands_nor_the_vei() -> None:
    price, estimate = market(200, noise=0.05)
    estimate[:21] *= 10
    kept = ~outliers(estimate / price)
    study, clean = ratio_study(price, estimate), ratio_study(price[kept], estimate[kept])
    assert study.overall.trimmed == 21
    assert study.overall.vei == clean.overall.vei
    pairs = list(zip(study.price_bands or (), clean.price_bands or (), strict=True))
    assert [band.figures.n for band, _ in pairs] == [other.figures.n for _, other in pairs]
    assert [band.high for band, _ in pairs[:-1]] == [other.high for _, other in pairs[:-1]]
    assert [band.figures.median_ratio for band, _ in pairs] == [other.figures.median_ratio for _, other in pairs]


def test_an_area_is_studied_like_a_market_of_its_own() -> None:
    price, estimate = market(300, noise=0.05)
    estimate[outliers(estimate / price)] = price[outliers(estimate / price)]
    area = np.array(["98001", "98002", ""])[np.arange(300) % 3]
    study = ratio_study(price, estimate, area)
    assert study.areas is not None
    assert list(study.areas) == ["98001", "98002"], "an unknown code is no area"
    for code, figures in study.areas.items():
        assert figures == ratio_figures(price[area == code], estimate[area == code])
    assert "price_bands" not in study.reasons


def test_price_bands_have_no_measure_of_vertical_equity() -> None:
    band = (ratio_study(*market(400)).price_bands or ())[0].figures
    assert (band.met["median_ratio"], band.met["cod"]) == (True, True)
    for name in ("prd", "prb", "prb_low", "prb_high", "mki", "vei", "vei_significance"):
        assert getattr(band, name) is None
    assert set(band.reasons) == {"prd", "prb", "mki", "vei", "vei_significance"}


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_with_fewer_than_five_sales_all_figures_are_missing_with_a_reason(n: int) -> None:
    price, estimate = market(n)
    study = ratio_study(price, estimate, np.full(n, "98001"))
    assert set(study.overall.figures.values()) == {None}
    assert set(study.overall.met.values()) == {None}
    assert set(study.overall.reasons.values()) == {"fewer than 5 sales"}
    assert set(study.overall.reasons) == {*ACCEPTABLE, "mean_ratio", "weighted_mean_ratio", "met"}
    assert study.price_bands is None
    assert study.areas == {"98001": study.overall}


@pytest.mark.parametrize(
    ("n", "missing"), [(5, {"mki", "vei", "vei_significance", "met"}), (20, {"met"}), (30, set())]
)
def test_figures_appear_as_the_number_of_sales_grows(n: int, missing: set[str]) -> None:
    figures = ratio_study(*market(n)).overall
    assert set(figures.reasons) == missing
    absent = {name for name, value in figures.figures.items() if value is None}
    assert absent == {
        name for name in figures.figures if name.removesuffix("_low").removesuffix("_high") in missing
    }
    assert (figures.met["cod"] is None) == (n < MIN_SALES_FOR_VERDICT)


@pytest.mark.parametrize("n", [1, 3, 5, 40, 600])
@pytest.mark.parametrize("spread", [0.0, 0.1])
def test_sales_at_one_price_have_a_level_and_no_measure_of_equity(n: int, spread: float) -> None:
    price = np.full(n, 250_000.0)
    estimate = price * np.exp(spread * np.random.default_rng(0).normal(size=n))
    study = ratio_study(price, estimate, np.full(n, "98001"))
    if n >= 5:
        assert study.overall.cod is not None
        assert study.overall.reasons["prd"] == "every sale has the same price"
    for name in ("prd", "prb", "mki", "vei", "vei_significance"):
        assert getattr(study.overall, name) is None
    counted = sum(band.figures.n + band.figures.trimmed for band in study.price_bands or ())
    assert counted == (n if n >= 20 else 0)
    assert json.loads(json.dumps(studies_as_dict({"all": study}), allow_nan=False))["all"] == study.to_dict()


def test_homes_of_equal_worth_have_no_price_related_bias() -> None:
    price = np.linspace(100, 300, 41)
    estimate = 400 - price  # m is 1, and every proxy 200
    assert prb(price, estimate) is None
    figures = ratio_figures(price, estimate)
    assert figures.prb is None
    assert figures.reasons["prb"] == "every home has the same worth"


def test_a_price_band_with_too_few_sales_leaves_no_vei() -> None:
    price = np.concatenate((np.full(38, 100.0), np.full(2, 200.0)))
    assert vei(price, price) is None
    assert "fewer than 5 sales" in ratio_figures(price, price).reasons["vei"]


def test_written_figures_are_rounded_and_include_the_acceptable_ranges() -> None:
    studies = studies_as_dict({"all": ratio_study(*market(300))})
    assert studies["confidence"] == 0.9
    assert studies["acceptable"]["cod"] == [5, 15]
    assert studies["acceptable"]["vei_significance"] == [None, 10]
    overall = studies["all"]["overall"]
    assert set(overall["met"]) == set(studies["acceptable"])
    for name, (low, high) in studies["acceptable"].items():
        value = overall[name]
        assert value == round(value, 4)
        assert overall["met"][name] == ((low is None or value >= low) and value <= high)


def test_the_study_contains_the_measures() -> None:
    price, estimate = market(800)
    figures = ratio_figures(price, estimate)
    middle = float(np.median(estimate / price))
    assert figures.cod == cod(estimate / price)
    assert figures.mki == mki(price, estimate)
    assert (figures.median_ratio_low, figures.median_ratio_high) == median_interval(estimate / price)
    np.testing.assert_allclose(proxies(price, estimate, middle), (price + estimate / middle) / 2)
