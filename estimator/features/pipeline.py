"""Facts and dates → all that the network sees of a home: what is said of its price, and its facts, encoded.

Kriging says a price in every market; comparables say one where homes have places. Both look away from the home
itself when its own sales are among those that they know, and from the facts whose effect on the price has a
declared direction: these come in last, as numbers of their own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from estimator.features.comparables import FEATURE_NAMES, Comparables
from estimator.features.encoding import Encoding, NumberScales
from estimator.features.kriging import Homes, Kriging, LeaveHomeOut, learn
from estimator.features.monotone import MonotoneEncoding
from estimator.market.areas import kilometres
from estimator.market.arrays import BoolArray, DateArray, Float32Array, FloatArray
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.market.sales import Sales

_NEARLY_ALL = 0.95
"""Share of the sales that know a fact; of a twentieth that do not, kriging can learn what that means."""


@dataclass(frozen=True)
class Features:
    """What is seen of n homes.

    Parameters
    ----------
    columns
        For a network, shape (n, d + r): the last r are the directed numbers.
    by_kriging
        Log prices, shape (n,); the first of the columns says them too, scaled and but for the directed numbers.
    clues
        To how far off a price may be, shape (n, c): what comparables say, how near they are and how they agree
        (NaN where that is not known), to who knows only the facts that all homes have. None depends on what else
        is known.
    complete
        Where no fact is unknown but what sales often lack, shape (n,): kriging has not learned what is then to be
        expected, and takes an unknown fact for the usual one.
    """

    columns: NDArray[np.float32]
    kriging_log_price: FloatArray
    error_features: FloatArray
    complete: BoolArray


@dataclass(frozen=True)
class _Sight:
    """n homes themselves: their encoded facts, their directed numbers, and the two as kriging takes them."""

    encoded: Float32Array
    directed: Float32Array
    homes: Homes


@dataclass(frozen=True)
class FeaturePipeline:
    """Made by `fit` or `from_state`, then never changed.

    Parameters
    ----------
    market
        The market.
    encoding
        Facts → columns.
    directed
        Facts → numbers that the price may only rise with.
    kriging
        Says a price of encoded facts and places.
    comparables
        The sold homes to look among; None in a market without places.
    mean_latitude
        Of the sales learned from, degrees; NaN in a market without places.
    scales
        Of what is said.
    seldom_unknown
        Facts that nearly all of the sales learned from knew.
    """

    market: Market
    encoding: Encoding
    monotone: MonotoneEncoding
    kriging: Kriging
    comparables: Comparables | None
    mean_latitude: float
    scales: NumberScales
    seldom_unknown: tuple[str, ...]

    @classmethod
    def fit(cls, market: Market, sales: Sales, rng: np.random.Generator) -> tuple[Self, LeaveHomeOut, Features]:
        """Learn from n sales.

        Returns
        -------
        Evidence
            For any home.
        LeaveHomeOut
            For the sales themselves.
        Seen
            What is so seen of them: it is the dearest part of a training, and not to be made twice.
        """
        comparables = Comparables.fit(market, sales, rng)
        encoding = Encoding.fit(market, sales.facts, sales.date, rng)
        latitude = np.nan if comparables is None else _mean_latitude(market, sales.facts)
        directed = MonotoneEncoding.fit(market, sales.facts)
        sight = _sight(market, encoding, directed, latitude, sales.facts, sales.date)
        kriging_log_price, left_out = learn(sight.homes, np.log(sales.price), sales.home, rng)
        seldom = tuple(name for name in encoding.facts if sales.facts.known(name).mean() >= _NEARLY_ALL)
        nothing = NumberScales.fit(np.empty((0, 0)))
        unscaled = cls(market, encoding, directed, kriging_log_price, comparables, latitude, nothing, seldom)
        said, error_features = unscaled._said(sight.homes, sales.facts, sales.date, sales.home, left_out)
        evidence = replace(unscaled, scales=NumberScales.fit(said))
        return evidence, left_out, evidence._seen(sight, sales.facts, said, error_features)

    @property
    def n_numeric(self) -> int:
        """How many of the columns, the first ones, are numbers to be made waves of."""
        return 1 + (0 if self.comparables is None else len(FEATURE_NAMES)) + self.encoding.n_numeric

    def transform(
        self,
        facts: Facts,
        date: DateArray | None,
        home: NDArray[np.int64] | None = None,
        left_out: LeaveHomeOut | None = None,
    ) -> Features:
        """Return what is seen of n homes at their valuation dates.

        Parameters
        ----------
        home
            Which homes they are, so that their own sales are left out of their comparables.
        left_out
            Leaves them out of kriging as well: for the sales that were learned from.
        """
        sight = self._sight(facts, date)
        return self._seen(sight, facts, *self._said(sight.homes, facts, date, home, left_out))

    def with_sales(self, sales: Sales) -> "FeaturePipeline":
        """Return the same columns of what these sales say: newer ones than those that `fit` was given, say."""
        always_the_same = np.random.default_rng(0)  # so that the same sales are the same evidence, whoever asks
        homes = self._sight(sales.facts, sales.date).homes
        return replace(
            self,
            kriging=learn(homes, np.log(sales.price), sales.home, always_the_same)[0],
            comparables=None if self.comparables is None else self.comparables.with_sales(sales),
        )

    def state(self) -> dict[str, Any]:
        """Return what was learned as plain values and arrays; `from_state` takes it back."""
        return {
            "encoding": self.encoding.state(),
            "directed": self.monotone.state(),
            "kriging": self.kriging.state(),
            "comparables": None if self.comparables is None else self.comparables.state(),
            "mean_latitude": self.mean_latitude,
            "scales": [self.scales.median, self.scales.spread, self.scales.logarithmic],
            "seldom_unknown": list(self.seldom_unknown),
        }

    @classmethod
    def from_state(cls, market: Market, state: Mapping[str, Any]) -> Self:
        """Build the evidence again from its state."""
        found = state["comparables"]
        return cls(
            market,
            Encoding.from_state(market, state["encoding"]),
            MonotoneEncoding.from_state(market, state["directed"]),
            Kriging.from_state(state["kriging"]),
            None if found is None else Comparables.from_state(market, found),
            state["mean_latitude"],
            NumberScales(*state["scales"]),
            tuple(state["seldom_unknown"]),
        )

    def _sight(self, facts: Facts, date: DateArray | None) -> _Sight:
        return _sight(self.market, self.encoding, self.monotone, self.mean_latitude, facts, date)

    def _seen(self, sight: _Sight, facts: Facts, said: FloatArray, error_features: FloatArray) -> Features:
        """Return what is seen of n homes of which that is said, unscaled."""
        scaled = self.scales.apply(said)
        scaled[np.isnan(scaled)] = 0.0
        complete: BoolArray = ~np.logical_or.reduce(facts.unknown(self.seldom_unknown), axis=1)
        columns = np.hstack((scaled.astype(np.float32), sight.encoded, sight.directed))
        return Features(columns, said[:, 0] + self.kriging.worth_of(sight.homes.directed), error_features, complete)

    def _said(
        self,
        homes: Homes,
        facts: Facts,
        date: DateArray | None,
        home: NDArray[np.int64] | None,
        left_out: LeaveHomeOut | None,
    ) -> tuple[FloatArray, FloatArray]:
        """Return what is said of the prices of n homes but for their directed numbers, unscaled, and clues.

        Shapes (n, 1) and (n, 0), or with comparables (n, 7) and (n, 6).
        """
        if left_out is None or home is None:
            price = self.kriging.estimate(homes)
        else:
            price = left_out.estimate(homes, home)
        if self.comparables is None:
            return price[:, None], np.empty((len(price), 0))
        said, error_features = self.comparables.look(facts, date, home)
        return np.column_stack((price, said)), error_features.astype(np.float64)


def _sight(
    market: Market,
    encoding: Encoding,
    directed: MonotoneEncoding,
    mean_latitude: float,
    facts: Facts,
    date: DateArray | None,
) -> _Sight:
    """Look at n homes.

    Kriging takes the directed numbers from the mean home's: its price without them is then that of a home that
    there are many of. From the least home's it would move with every sale learned from anew.
    """
    encoded, upwards = encoding.transform(facts, date), directed.transform(facts)
    numbers, flags = encoded[:, : encoding.n_numeric], encoded[:, encoding.n_numeric :]
    place = None
    if market.coordinates is not None and not np.isnan(mean_latitude):
        place = kilometres(facts, market.coordinates, mean_latitude)
    return _Sight(encoded, upwards, Homes(numbers, flags, upwards - directed.centre, place))


def _mean_latitude(market: Market, facts: Facts) -> float:
    """Return the mean of those known, degrees."""
    assert market.coordinates is not None  # noqa: S101  # there are comparables
    return float(np.nanmean(facts[market.coordinates[0]]))
