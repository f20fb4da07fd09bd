"""Which listings should resell for more than they cost, best first.

Homes are valued without their list price. The resale price then follows from value and list price together, see
`list_prices`; in many markets a ranking by the value alone puts over-valued homes first. Without closed
listings nobody knows how much a list price says, and `readings` gives both extremes. This module works on arrays:
no files, no requests.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from estimator.deals.costs import Costs
from estimator.deals.list_prices import ListPriceModel, ResaleDistribution
from estimator.deals.past_resales import PastResales
from estimator.deals.readings import (
    ASK_INFORMED,
    HIGH_QUANTILE,
    LOW_QUANTILE,
    MAX_SPREAD,
    PAST_RESALES,
    READING_FIELDS,
    VALUE_RIGHT,
    Outcome,
    labels,
    resale_if_value_right,
    rounded,
)
from estimator.deals.repairs import Uplift
from estimator.errors import DataError
from estimator.market.arrays import BoolArray, FloatArray, LabelArray
from estimator.market.values import check_within
from estimator.uncertainty.conformal import MIN_CALIBRATION_SALES, ConformalRange

MIN_PROBABILITY, MAX_PROBABILITY = 0.5, 0.99
"""Bounds of the required probability: below one half a loss is more likely than a profit, and above .99 the
probability would depend on a handful of sales."""
DEFAULT_PROBABILITY = 0.8
"""Default probability of a resale above the break-even price for a listing to be a deal: four in five."""

VALUE_TO_LIST_PRICE, EXPECTED_MARGIN = "value_to_list_price", "expected_margin"
RANKINGS = (VALUE_TO_LIST_PRICE, EXPECTED_MARGIN)
"""What listings may be ranked by."""

SEVENTY_PERCENT = 0.7
"""Share of the after-repair value, less the repair, that investors pay at most by the 70% rule of thumb."""

REPAIR_REFUSED = (
    "The home as it will be after the repair cannot be valued, because nothing similar has sold: the figures are"
    " those of the home as it is"
)

MAX_PRICE_RATIO = 2.0
"""Ratio of list price and value, either way, above which a listing gets a warning. See benchmarks/DECISIONS.md,
"Warning for unusual list prices"."""


OTHER_FIGURES = (
    "seventy_percent_offer",
    "naive_percent",
    "cap_rate_percent",
    "arv",
    "arv_low",
    "arv_high",
    "uplift",
    "uplift_low",
    "uplift_high",
)
"""Figures that do not depend on how a list price is read, in the order of a file's columns."""


@dataclass(frozen=True)
class Screening:
    """The expected outcome of buying and reselling n listed homes.

    Parameters
    ----------
    break_even
        Resale price that recovers the outlay, shape (n,), in the currency.
    outcome
        By value and list price together: as closed listings weigh the two or, without any, if the asking price is
        informed.
    seventy_percent_offer
        Highest purchase price by the 70% rule: 70% of the value, after a planned repair, less its cost, (n,).
    naive_percent
        (value − list price)/list price in percent, shape (n,).
    cap_rate_percent
        A year's rent after its costs in percent of list price and repair, shape (n,); NaN without a rent.
    arv, arv_low, arv_high
        Value after the planned repair (ARV), and the 10th and 90th percentile of what the home is worth then,
        shape (n,), in the currency; NaN without a planned repair.
    uplift, uplift_low, uplift_high
        What the repair adds to the value, and its own 10th and 90th percentile; shape and NaN as above.
    pays
        One of `LABELS` for each listing, shape (n,).
    readings
        Reading → outcome under it, in the order of `READINGS`; empty where closed listings decide.
    """

    break_even: FloatArray
    outcome: Outcome
    seventy_percent_offer: FloatArray
    naive_percent: FloatArray
    cap_rate_percent: FloatArray
    arv: FloatArray
    arv_low: FloatArray
    arv_high: FloatArray
    uplift: FloatArray
    uplift_low: FloatArray
    uplift_high: FloatArray
    pays: LabelArray
    readings: Mapping[str, Outcome]

    @property
    def score(self) -> FloatArray:
        """What listings are ranked by, largest first, shape (n,): see `ranking_of`."""
        return self.naive_percent if self.readings else self.outcome.margin_percent

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return each figure by its name in answers and files, shape (n,), without those of the readings."""
        outcome = dict(vars(self.outcome))
        deal = outcome.pop("pays")
        others = {name: getattr(self, name) for name in OTHER_FIGURES}
        return rounded({"break_even": self.break_even, **outcome, **others, "deal": deal, "pays": self.pays})

    def reading_columns(self) -> dict[str, dict[str, NDArray[Any]]]:
        """Return reading → its figures by name, shape (n,)."""
        return {
            name: rounded({field: getattr(outcome, field) for field in READING_FIELDS} | {"pays": outcome.pays})
            for name, outcome in self.readings.items()
        }


def screen(
    value: FloatArray,
    fsd: FloatArray,
    list_price: FloatArray,
    costs: Costs,
    model: ListPriceModel,
    probability: float = DEFAULT_PROBABILITY,
    past: PastResales | None = None,
    uplift: Uplift | None = None,
) -> Screening:
    """Screen n listings. The result for one listing does not depend on the others.

    Parameters
    ----------
    value, fsd
        Valuations made without the list price, shape (n,).
    list_price
        Shape (n,), positive.
    costs
        Of each listing.
    model
        Joint model of values, list prices and resale prices in the market.
    probability
        Required probability of a resale above the break-even, for a deal and for the highest offer.
    past
        What became of homes that were resold, for a third reading where closed listings do not decide.
    uplift
        Of the repairs planned. A repaired home resells for what it would as it is, times the uplift; without a
        value after the repair, as it is.

    Raises
    ------
    ValueError
        The probability is not between `MIN_PROBABILITY` and `MAX_PROBABILITY`.

    Notes
    -----
    A list price carries information about the home's worth, and an offer below it does not: the highest offer
    is valid for this list price.
    """
    check_within(probability, MIN_PROBABILITY, MAX_PROBABILITY)
    uplift = uplift or Uplift.none(len(value))
    resales = {ASK_INFORMED: model.resale(value, fsd, list_price)}
    if model.listings is None:
        resales[VALUE_RIGHT] = resale_if_value_right(value, fsd, model)
        if past is not None and past.is_known:
            resales[PAST_RESALES] = past.resale(value, list_price, uplift.planned)
    # Also where no repair is planned, so that a listing's result does not depend on the others.
    readings = {
        name: Outcome.of(
            resale.after_repair(uplift.log_uplift, uplift.deviation, MAX_SPREAD), list_price, costs, probability
        )
        for name, resale in resales.items()
    }
    outcome = readings[ASK_INFORMED]
    if model.listings is not None:
        readings = {}
    return Screening(
        break_even=costs.break_even(list_price),
        outcome=outcome,
        seventy_percent_offer=np.maximum(SEVENTY_PERCENT * value * np.exp(uplift.log_uplift) - costs.rehab, 0),
        naive_percent=100 * (value - list_price) / list_price,
        cap_rate_percent=100 * costs.cap_rate(list_price),
        **_repaired(value, fsd, uplift, model),
        pays=labels(readings, outcome),
        readings=readings,
    )


def _repaired(value: FloatArray, fsd: FloatArray, uplift: Uplift, model: ListPriceModel) -> dict[str, FloatArray]:
    """Return the values after the repair and the uplifts, by their names in `Screening`; NaN without a repair."""
    planned = np.where(uplift.planned, 1.0, np.nan)
    log_uplift = uplift.log_uplift * planned
    by_value = resale_if_value_right(value, fsd, model).after_repair(log_uplift, uplift.deviation, MAX_SPREAD)
    unit = ResaleDistribution(np.zeros(len(value)), np.zeros(len(value)), model.scores, MAX_SPREAD)
    own = unit.after_repair(log_uplift, uplift.deviation, MAX_SPREAD)
    return {
        "arv": value * np.exp(log_uplift),
        "arv_low": by_value.quantile(LOW_QUANTILE),
        "arv_high": by_value.quantile(HIGH_QUANTILE),
        "uplift": value * np.expm1(log_uplift),
        "uplift_low": value * (own.quantile(LOW_QUANTILE) - 1),
        "uplift_high": value * (own.quantile(HIGH_QUANTILE) - 1),
    }


def check_ranges(ranges: ConformalRange) -> None:
    """Refuse to screen listings by a model that cannot say how sure its values are.

    Raises
    ------
    DataError
        It has too few calibration sales.
    """
    if not ranges.are_offered:
        raise DataError(
            "listings cannot be screened, because the model cannot say how sure its values are: that takes"
            f" {MIN_CALIBRATION_SALES} sales to check it on, and there are {ranges.n_sales}; train with more sales"
        )


def repair_warnings(uplift: Uplift) -> dict[str, BoolArray]:
    """Return a warning for the homes whose value after the repair is not known, shape (n,)."""
    return {REPAIR_REFUSED: uplift.refused} if uplift.refused.any() else {}


def list_price_warnings(value: FloatArray, list_price: FloatArray) -> dict[str, BoolArray]:
    """Return warning → the listings with a list price far from their value, shape (n,)."""
    ratio = f"{MAX_PRICE_RATIO:g}"
    high = f"list_price is more than {ratio} times the value: check it for a typing error"
    low = (
        f"list_price is less than the value divided by {ratio}: check it for a typing error, an auction's opening"
        " bid or the price of a share"
    )
    marked = {high: list_price > MAX_PRICE_RATIO * value, low: list_price < value / MAX_PRICE_RATIO}
    return {text: rows for text, rows in marked.items() if rows.any()}


def ranking_of(model: ListPriceModel) -> str:
    """Return what listings are ranked by, one of `RANKINGS`.

    Without closed listings the ratio of value and list price ranks resales better than a margin that believes the
    list price, see benchmarks/SCREENING.md.
    """
    return VALUE_TO_LIST_PRICE if model.listings is None else EXPECTED_MARGIN


def best_first(score: FloatArray) -> NDArray[np.intp]:
    """Return the rows by falling score; ties in their original order, NaN last."""
    return np.argsort(-score, kind="stable")
