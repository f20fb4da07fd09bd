"""Subjects: homes that are ready to be valued, with what is known, looked up and unknown about each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from estimator.market.areas import AreaLookup
from estimator.market.arrays import BoolArray, DateArray
from estimator.market.facts import Facts
from estimator.model.label_warnings import label_warnings
from estimator.model.price_model import PriceModel
from estimator.uncertainty.applicability import ApplicabilityDomain, Refusal
from estimator.valuation_dates import valuation_dates


@dataclass(frozen=True, eq=False)
class Subjects:
    """N homes to be valued.

    Parameters
    ----------
    given
        Their facts as they were given.
    completed
        Their facts with their areas' figures filled in.
    looked_up
        Feature name → where its value was looked up, shape (n,).
    unknown
        Which of the model's f facts its networks treat as unknown, shape (n, f).
    date
        Valuation dates, datetime64[D], shape (n,); None in a market without dates.
    warnings
        Warning → the subjects it applies to, shape (n,).
    near_boundary
        Those of the warnings that say that a home is just outside the sold ones.
    refusals
        Row → why that subject gets no price.
    """

    given: Facts
    completed: Facts
    looked_up: Mapping[str, BoolArray]
    unknown: BoolArray
    date: DateArray | None
    warnings: Mapping[str, BoolArray]
    near_boundary: Mapping[str, BoolArray]
    refusals: Mapping[int, Sequence[Refusal]]

    def __len__(self) -> int:
        return len(self.given)

    def unknown_by_name(self, names: Sequence[str]) -> dict[str, BoolArray]:
        """Return name → where it is unknown, shape (n,), of the model's facts that are unknown somewhere."""
        return {names[index]: self.unknown[:, index] for index in np.logical_or.reduce(self.unknown).nonzero()[0]}


def prepare_subjects(
    facts: Facts,
    date: DateArray | None,
    areas: AreaLookup,
    domain: ApplicabilityDomain,
    model: PriceModel,
    sale_dates: tuple[np.datetime64, np.datetime64] | None,
) -> Subjects:
    """Look up what n homes' areas say about them, and find what to warn of and which homes to refuse.

    Parameters
    ----------
    facts
        Of the homes, checked.
    date
        Dates requested; see `valuation_dates`.
    sale_dates
        Oldest and newest date of the sales that the model knows; None in a market without dates.
    """
    completed, looked_up = areas.complete(facts)
    refusals, near_boundary = domain.check(completed)
    date, warnings = valuation_dates(sale_dates, date, len(facts))
    warnings |= label_warnings(model.market, model.pipeline, completed) | near_boundary | areas.warnings(facts)
    unknown = model.unknown(completed)
    return Subjects(facts, completed, looked_up, unknown, date, warnings, near_boundary, refusals)
