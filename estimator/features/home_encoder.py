"""Facts → encoded facts, monotone columns and locations: all that is known of a home without any price."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from estimator.features.encoding import Encoding
from estimator.features.kriging import KrigingInputs
from estimator.features.monotone import MonotoneEncoding
from estimator.features.numbers import NumberReader, Numbers, NumberUse, number_columns
from estimator.market.arrays import BoolArray, DateArray, Float32Array
from estimator.market.facts import Facts
from estimator.market.market import Market


class EncodedHomes(NamedTuple):
    """n homes: encoded facts (n, ·), monotone columns (n, r), both as inputs of kriging, unknown numbers."""

    encoded: Float32Array
    monotone: Float32Array
    kriging_inputs: KrigingInputs
    unknown: BoolArray


@dataclass(frozen=True)
class HomeEncoder:
    """The encodings of facts and locations, without any price.

    Parameters
    ----------
    market
        The market.
    encoding
        Facts → columns.
    monotone
        Monotone features → columns that the price may only rise with.
    mean_latitude
        Of the training sales, degrees; NaN where locations are not used.
    """

    market: Market
    encoding: Encoding
    monotone: MonotoneEncoding
    mean_latitude: float

    @classmethod
    def fit(cls, market: Market, facts: Facts, date: DateArray | None) -> Self:
        """Fit the encodings to n sold homes and their dates of sale."""
        encoding = Encoding.fit(market, facts, date)
        return cls(market, encoding, MonotoneEncoding.fit(market, facts), _mean_latitude(market, facts))

    def transform(self, facts: Facts, date: DateArray | None) -> EncodedHomes:
        """Encode n homes."""
        return self.encode(facts, date, NumberReader(self.market, [self.number_use]).read(facts))

    @property
    def number_use(self) -> NumberUse:
        """What it needs of the numbers. `encode` expects this use as the first one."""
        has_places = self.market.coordinates is not None and not np.isnan(self.mean_latitude)
        return self.encoding.number_use._replace(mean_latitude=self.mean_latitude if has_places else None)

    def encode(self, facts: Facts, date: DateArray | None, numbers: Numbers) -> EncodedHomes:
        """Encode n homes whose numbers have been read.

        Kriging's monotone columns are centred: its price without their effect is then that of an average home. If
        it were that of a home with the lowest values, it would change much with every new sale.
        """
        encoded = self.encoding.encode(facts, date, numbers)
        monotone = self.monotone.encode(numbers.values.take(self._monotone_numbers, axis=1))
        numeric, other = encoded[:, : self.encoding.n_numeric], encoded[:, self.encoding.n_numeric :]
        inputs = KrigingInputs(numeric, other, monotone - self.monotone.mean, numbers.places[0])
        return EncodedHomes(encoded, monotone, inputs, numbers.unknown)

    @cached_property
    def _monotone_numbers(self) -> NDArray[np.intp]:
        """Columns of the monotone features among the numbers."""
        return number_columns(self.market, [feature.name for feature in self.market.monotone])


def _mean_latitude(market: Market, facts: Facts) -> float:
    """Return the mean of the known latitudes, degrees; NaN where no home has a known location."""
    if market.coordinates is None:
        return np.nan
    latitude, longitude = (facts[name] for name in market.coordinates)
    located = ~np.isnan(latitude) & ~np.isnan(longitude)
    return float(np.nanmean(latitude)) if located.any() else np.nan
