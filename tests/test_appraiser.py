import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from estimator.appraiser import CONFIDENCE, STATE_FORMAT, Appraiser
from estimator.errors import SavedVersionError
from estimator.market.areas import Areas
from estimator.market.checks import check_value
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.market.sales import Parts, split_sales
from estimator.uncertainty.conformal import MIN_CALIBRATION_SALES
from estimator.valuations import Valuations
from tests.conftest import PAIR, with_fewer_calibration_sales

BASIC_FACTS = {
    "latitude": 47.63,
    "longitude": -122.34,
    "crime_rate": 5000,
    "square_footage": 1800,
    "population": 21000,
}
PLACE_AND_SIZE = {name: BASIC_FACTS[name] for name in ("latitude", "longitude", "square_footage")}
FIGURES = ("price", "low", "high", "fsd", "probability_within_10")


def value(appraiser: Appraiser, *subjects: dict[str, Any], date: str | None = None) -> Valuations:
    market = appraiser.market
    subjects_facts = [
        {name: check_value(market.by_name[name], fact) for name, fact in home.items()} for home in subjects
    ]
    days = None if date is None else np.full(len(subjects), np.datetime64(date, "D"))
    return appraiser.value(Facts.of(market, subjects_facts), days)


def test_the_four_basic_facts_alone_get_a_price_and_a_range(appraiser: Appraiser) -> None:
    answer = value(appraiser, BASIC_FACTS).as_dict(0)
    assert 100_000 < answer["price_low"] < answer["price"] < answer["price_high"] < 5_000_000
    assert answer["currency"] == "USD"
    assert answer["confidence"] == CONFIDENCE == 0.9
    assert answer["looked_up"] == ["postal_code"]
    assert answer["warnings"] == []
    assert {"bedrooms", "grade", "waterfront"} <= set(answer["unknown"])
    assert not set(BASIC_FACTS) & set(answer["unknown"])


def test_place_and_size_alone_get_a_wider_range_and_the_looked_up_facts(appraiser: Appraiser) -> None:
    basic, minimal = value(appraiser, BASIC_FACTS).as_dict(0), value(appraiser, PLACE_AND_SIZE).as_dict(0)
    assert minimal["price_high"] / minimal["price_low"] > basic["price_high"] / basic["price_low"]
    assert minimal["fsd"] > basic["fsd"]
    assert minimal["looked_up"] == ["postal_code", "crime_rate", "population"]
    assert minimal["unknown"] == basic["unknown"]


def test_what_is_looked_up_is_the_figure_of_the_postal_code(appraiser: Appraiser) -> None:
    looked_up = value(appraiser, PLACE_AND_SIZE | {"postal_code": "98109"})
    given = value(
        appraiser, PLACE_AND_SIZE | {"postal_code": "98109", "crime_rate": 345.0 + 6384.1, "population": 20715}
    )
    assert looked_up.price == given.price
    assert set(looked_up.looked_up) == {"crime_rate", "population"}
    assert given.looked_up == {}


def test_a_price_does_not_depend_on_the_other_homes_of_the_batch(appraiser: Appraiser, parts: Parts) -> None:
    facts, date = parts.test.facts, parts.test.date
    assert date is not None
    together = appraiser.value(facts, date)
    shuffled = np.random.default_rng(0).permutation(len(date))
    in_other_order = appraiser.value(facts.take(shuffled), date[shuffled])
    for name in FIGURES:
        np.testing.assert_array_equal(getattr(in_other_order, name), getattr(together, name)[shuffled])
    for row in range(0, len(date), 3):
        alone = appraiser.value(facts.take(np.array([row])), date[[row]])
        assert alone.as_dict(0) == together.as_dict(row)


def test_no_subjects_give_no_valuations(appraiser: Appraiser) -> None:
    assert len(value(appraiser)) == 0


def test_prices_are_in_whole_cents_and_inside_their_ranges(appraiser: Appraiser, parts: Parts) -> None:
    values = appraiser.value(parts.test.facts, parts.test.date)
    for amount in (values.price, values.low, values.high):
        np.testing.assert_array_equal(amount, np.round(amount, 2))
    assert (values.low < values.price).all()
    assert (values.price < values.high).all()
    narrow, wide = (appraiser.value(parts.test.facts, parts.test.date, share) for share in (0.5, 0.99))
    assert (values.low < narrow.low).all()
    assert (narrow.high < values.high).all()
    assert (wide.low < values.low).all()
    assert (values.high < wide.high).all()
    assert (narrow.confidence, values.confidence, wide.confidence) == (0.5, 0.9, 0.99)


def test_a_confidence_out_of_bounds_is_refused(appraiser: Appraiser, parts: Parts) -> None:
    with pytest.raises(ValueError, match=r"0.999 is not from 0.5 to 0.99"):
        appraiser.value(parts.test.facts, parts.test.date, 0.999)


subsets = st.sets(
    st.sampled_from(["bedrooms", "bathrooms", "grade", "view", "waterfront", "crime_rate", "population"])
)


@given(subsets, subsets, st.integers(0, 400))
def test_a_known_fact_never_widens_the_range(
    appraiser: Appraiser, parts: Parts, known: set[str], added: set[str], row: int
) -> None:
    market = appraiser.market
    home = appraiser.areas.complete(parts.test.facts.take(np.array([row])))[0].as_values(market, 0)

    def value_with(names: set[str]) -> Valuations:
        return value(appraiser, {name: fact for name, fact in home.items() if name in names | set(PLACE_AND_SIZE)})

    assume(not appraiser.domain.check(Facts.of(market, [home]))[1])  # a fact outside the usual range widens it
    fsd_before, fsd_after = value_with(known).fsd[0], value_with(known | added).fsd[0]
    assert fsd_after <= fsd_before
    assert (added <= known) == (fsd_after == fsd_before)


def test_without_a_date_homes_are_valued_at_the_newest_sales(appraiser: Appraiser) -> None:
    assert appraiser.sale_dates is not None
    newest = str(appraiser.sale_dates[1])
    facts = Facts.of(appraiser.market, [PLACE_AND_SIZE, PLACE_AND_SIZE])
    values = appraiser.value(facts, np.array(["NaT", "2014-06-01"], "datetime64[D]"))
    assert value(appraiser, PLACE_AND_SIZE).as_dict(0) == values.as_dict(0)
    assert values.as_dict(0)["valuation_date"] == newest
    assert values.as_dict(1)["valuation_date"] == "2014-06-01"
    assert values.price[0] != values.price[1]


@pytest.mark.parametrize(
    ("date", "is_late", "warning"),
    [
        ("1066-10-14", False, "valuation_date is before the oldest sale, so the home is valued as of {nearest}"),
        (
            "2999-01-01",
            True,
            "valuation_date is after the last day with a forecast, so the home is valued as of {nearest}",
        ),
    ],
)
def test_a_date_before_the_sales_or_long_after_them_is_replaced_by_the_nearest_possible_one(
    appraiser: Appraiser, date: str, is_late: bool, warning: str
) -> None:
    assert appraiser.sale_dates is not None
    nearest = str(appraiser.last_valuation_date if is_late else appraiser.sale_dates[0])
    answer = value(appraiser, BASIC_FACTS, date=date).as_dict(0)
    assert answer["warnings"] == [warning.format(nearest=nearest)]
    possible = value(appraiser, BASIC_FACTS, date=nearest).as_dict(0)
    assert answer | {"warnings": []} == possible | {"warnings": []}


def test_the_last_day_with_a_forecast_is_not_replaced_and_the_next_one_is(appraiser: Appraiser) -> None:
    last = appraiser.last_valuation_date
    assert last is not None
    on_it, after_it = (value(appraiser, BASIC_FACTS, date=str(last + days)).as_dict(0) for days in (0, 1))
    assert "so the price is a forecast" in on_it["warnings"][0]
    assert after_it["warnings"] == [
        f"valuation_date is after the last day with a forecast, so the home is valued as of {last}"
    ]


def test_a_value_after_the_newest_sale_is_a_forecast_with_a_wider_range(appraiser: Appraiser) -> None:
    assert appraiser.sale_dates is not None
    newest = appraiser.sale_dates[1]
    answers = [
        value(appraiser, BASIC_FACTS, date=str(newest + days)).as_dict(0) for days in (0, 30, 91, 182, 365, 640)
    ]
    forecast = f"valuation_date is after the newest sale ({newest}), so the price is a forecast"
    assert [answer["warnings"] for answer in answers] == [[], *[[forecast]] * 5]
    widths = [answer["price_high"] / answer["price_low"] for answer in answers]
    spreads = [answer["fsd"] for answer in answers]
    assert widths == sorted(set(widths))
    assert spreads == sorted(set(spreads))


@pytest.mark.parametrize("facts", [BASIC_FACTS, PLACE_AND_SIZE])
def test_a_value_moves_from_day_to_day_without_steps(appraiser: Appraiser, facts: dict[str, Any]) -> None:
    """The same home on every day from the oldest sale to the end of the forecast."""
    assert appraiser.sale_dates is not None
    assert appraiser.last_valuation_date is not None
    days = np.arange(appraiser.sale_dates[0], appraiser.last_valuation_date + 1)
    home = Facts.of(appraiser.market, [facts])
    values = appraiser.value(home.take(np.zeros(len(days), np.int64)), days)
    log_price = np.log(values.price)
    assert np.abs(np.diff(log_price)).max() < 0.005
    assert np.abs(log_price[30:] - log_price[:-30]).max() < 0.04
    assert np.abs(np.diff(np.log(values.fsd))).max() < 0.01


def test_values_follow_the_level_of_new_sales(appraiser: Appraiser, parts: Parts) -> None:
    """If the prices of all new sales are a tenth higher, so are the values as of their months."""
    test = parts.test
    as_sold, higher = (
        appraiser.with_sales(replace(test, price=test.price * factor), np.random.default_rng(0))
        for factor in (1.0, 1.1)
    )
    homes, newest = parts.validation.facts, np.full(len(parts.validation), test.date.max())  # type: ignore[union-attr]
    ratio = higher.value(homes, newest).price / as_sold.value(homes, newest).price
    assert np.nanmedian(ratio) == pytest.approx(1.1, abs=0.015)


def test_new_sales_count_for_everything_that_an_answer_rests_on(appraiser: Appraiser, parts: Parts) -> None:
    test = parts.test
    refreshed = appraiser.with_sales(test, np.random.default_rng(0))
    assert test.date is not None
    assert refreshed.sale_dates == (parts.train.date.min(), test.date.max())  # type: ignore[union-attr]
    for sold, n in ((appraiser, 0), (refreshed, len(test))):
        assert sold.sold is not None
        assert len(sold.sold) == len(sold.model.sales) == len(parts.train) + len(parts.validation) + n
        assert {len(errors.residual) for errors in sold.calibration} == {len(parts.validation) + n}
    assert refreshed.value(test.facts).as_dict(0)["valuation_date"] == str(test.date.max())
    error_before, error_after = (
        np.nanmedian(np.abs(np.log(a.value(test.facts, test.date).price / test.price)))
        for a in (appraiser, refreshed)
    )
    assert error_after < error_before, "the new sales are now among their own comparables"


def test_new_sales_whose_prices_are_hard_to_tell_widen_the_ranges(appraiser: Appraiser, parts: Parts) -> None:
    test = parts.test
    scatter = np.exp(np.random.default_rng(0).normal(0, 0.6, len(test)))
    calm, wild = (
        appraiser.with_sales(sales, np.random.default_rng(0))
        for sales in (test, replace(test, price=test.price * scatter))
    )
    homes = parts.validation.facts
    narrow, wide = (np.nanmedian(np.log(v.high / v.low)) for v in (calm.value(homes), wild.value(homes)))
    assert wide > 1.5 * narrow


def test_an_answer_is_plain_json(appraiser: Appraiser) -> None:
    answer = value(appraiser, BASIC_FACTS).as_dict(0)
    assert json.loads(json.dumps(answer, allow_nan=False)) == answer
    assert list(answer) == [
        "price",
        "price_low",
        "price_high",
        "confidence",
        "fsd",
        "probability_within_10",
        "currency",
        "valuation_date",
        "looked_up",
        "unknown",
        "warnings",
    ]


def test_claimed_and_realised_shares_within_10_percent_agree(appraiser: Appraiser, parts: Parts) -> None:
    values = appraiser.value(parts.test.facts, parts.test.date)
    within = np.abs(values.price / parts.test.price - 1) <= 0.1
    claimed = values.probability_within_10
    assert np.mean(claimed) == pytest.approx(np.mean(within), abs=0.06)
    likely = claimed > np.median(claimed)
    assert np.mean(within[likely]) > np.mean(within[~likely]) + 0.1


def test_the_chance_of_a_higher_price_follows_from_the_same_distribution_as_the_range(
    appraiser: Appraiser,
) -> None:
    facts = Facts.of(appraiser.market, [BASIC_FACTS])
    answer = appraiser.value(facts).as_dict(0)
    assert "probability_above" not in answer

    def above(price: float) -> float:
        found = appraiser.value(facts, price_above=price).as_dict(0)
        chance: float = found.pop("probability_above")
        assert found == answer
        return chance

    assert above(1.0) == 1
    assert above(1e9) == 0
    assert above(answer["price"]) == pytest.approx(0.5, abs=0.1)
    ends = above(answer["price_low"]) - above(answer["price_high"])
    assert 0.88 <= ends <= 0.97, "the range of 90%; it is the widest that any share of known facts needs"
    within = above(answer["price"] / 1.1) - above(answer["price"] / 0.9)
    assert within == pytest.approx(answer["probability_within_10"], abs=2e-4)


def test_a_market_with_too_few_calibration_sales_has_prices_without_ranges(
    appraiser: Appraiser, parts: Parts
) -> None:
    unsure = with_fewer_calibration_sales(appraiser, MIN_CALIBRATION_SALES - 1)
    assert appraiser.has_ranges
    assert not unsure.has_ranges
    facts = Facts.of(appraiser.market, [BASIC_FACTS])
    with_range, without = (a.value(facts, price_above=5e5).as_dict(0) for a in (appraiser, unsure))
    nothing = dict.fromkeys(("price_low", "price_high", "fsd", "probability_within_10", "probability_above"))
    warning = "There is no range: it takes 30 sales to check the model on, and there are 29"
    assert without == with_range | nothing | {"warnings": [warning]}
    more = unsure.with_sales(parts.test.take(np.arange(1)), np.random.default_rng(0))
    assert more.has_ranges


def test_areas_are_looked_up_from_all_sales_it_knows(appraiser: Appraiser, parts: Parts) -> None:
    """The model that is judged and the one that answers look up areas alike."""
    assert len(appraiser.model.sales) == len(parts.train) + len(parts.validation)
    assert all(len(column) == len(appraiser.model.sales) for column in appraiser.areas.state()["sold"].values())


@pytest.mark.training
def test_the_test_sales_prices_and_facts_are_not_used(market: Market, areas: Areas, parts: Parts) -> None:
    fewer = Parts(*(part.take(np.arange(0, len(part), 5)) for part in (parts.train, parts.validation, parts.test)))
    other = replace(
        fewer,
        test=replace(
            fewer.test, price=fewer.test.price[::-1] * 3, facts=parts.test.facts.take(slice(len(fewer.test)))
        ),
    )
    one, same = (
        Appraiser.fit(market, areas, divided, np.random.default_rng(0), recipe=PAIR) for divided in (fewer, other)
    )
    answer = one.value(parts.test.facts, parts.test.date), same.value(parts.test.facts, parts.test.date)
    for name in FIGURES:
        np.testing.assert_array_equal(*(getattr(values, name) for values in answer))


def test_several_confidences_at_once_give_the_same_ranges_as_one_by_one(
    appraiser: Appraiser, parts: Parts
) -> None:
    facts, date = parts.test.facts, parts.test.date
    together = appraiser.value_by_confidence(facts, date, (0.95, 0.5, 0.9))
    for confidence, values in zip((0.95, 0.5, 0.9), together, strict=True):
        alone = appraiser.value(facts, date, confidence)
        assert values.confidence == alone.confidence == confidence
        for name in FIGURES:
            np.testing.assert_array_equal(getattr(values, name), getattr(alone, name))
    with pytest.raises(ValueError, match=r"1\.0 is not from"):
        appraiser.value_by_confidence(facts, date, (0.9, 1.0))


def test_an_appraiser_is_restored_from_its_state(appraiser: Appraiser, parts: Parts) -> None:
    again = Appraiser.from_state(appraiser.state())
    one, other = (a.value(parts.test.facts, parts.test.date) for a in (appraiser, again))
    assert [one.as_dict(row) for row in range(len(one))] == [other.as_dict(row) for row in range(len(other))]


def test_its_state_is_plain_values_and_arrays(appraiser: Appraiser) -> None:
    def check(value: object) -> None:
        if isinstance(value, dict):
            assert all(isinstance(key, str) for key in value)
            for entry in value.values():
                check(entry)
        elif isinstance(value, (list, tuple)):
            for entry in value:
                check(entry)
        else:
            assert value is None or isinstance(value, (bool, int, float, str, np.ndarray)), type(value)
            assert not isinstance(value, np.ndarray) or value.dtype != object

    check(appraiser.state())


def test_a_state_of_another_format_is_refused(appraiser: Appraiser) -> None:
    with pytest.raises(
        SavedVersionError, match=f"has format {STATE_FORMAT + 1} .* train it again with `house-price train`"
    ):
        Appraiser.from_state(appraiser.state() | {"format": STATE_FORMAT + 1})


@pytest.mark.training
def test_ranges_cover_their_share_of_a_random_split(market: Market, areas: Areas, parts: Parts) -> None:
    """Calibration and test sales of a random split are exchangeable, so the coverage is as stated."""
    sales = parts.train.take(np.arange(len(parts.train)))
    covered = []
    for seed in range(2):
        rng = np.random.default_rng(seed)
        divided = split_sales(sales, "random", rng)
        values = Appraiser.fit(market, areas, divided, rng, recipe=PAIR).value(
            divided.test.facts, divided.test.date
        )
        covered.append((values.low <= divided.test.price) & (divided.test.price <= values.high))
    assert np.mean(np.concatenate(covered)) == pytest.approx(0.9, abs=0.04)
