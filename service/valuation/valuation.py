"""From parsed JSON to valuations, one subject or many. Knows nothing of requests and answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from marshmallow import ValidationError

from estimator.appraiser import CONFIDENCE, Appraiser
from estimator.market.arrays import DateArray
from estimator.market.facts import Facts
from estimator.uncertainty.applicability import Refusal
from service.valuation.chunks import Check, value_in_chunks
from service.valuation.includes import compute_includes
from service.valuation.subject_schema import FieldError, Subject, SubjectSchema, why_unreadable


@dataclass(frozen=True, slots=True)
class ValuationOptions:
    """What a request asks for besides the price.

    Parameters
    ----------
    confidence
        Confidence level of the ranges.
    includes
        As `read_include` returns them.
    price_above
        Price for the probability that the home's is above it.
    check
        Called between the steps of long work: raises an error if nobody waits for the answer any more.
    """

    confidence: float = CONFIDENCE
    includes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    price_above: float | None = None
    check: Check = lambda: None


def check_subject(schema: SubjectSchema, value: object) -> Subject | list[FieldError]:
    """Return the subject that a JSON value describes, or all errors in it."""
    problem = why_unreadable(value)
    if problem is not None:
        return [{"field": "", "message": problem}]
    valid = schema.read_valid(cast("dict[str, Any]", value))
    if valid is not None:
        return valid
    try:
        subject: Subject = schema.load(cast("dict[str, Any]", value))
    except ValidationError as error:
        return schema.field_errors(error)
    return subject


def value_subjects(
    appraiser: Appraiser, version: str, subjects: Sequence[Subject], options: ValuationOptions
) -> list[dict[str, Any] | Sequence[Refusal]]:
    """Value subjects; see `value_facts`."""
    facts = Facts.of(appraiser.market, [subject.facts for subject in subjects])
    dates = np.array([subject.date for subject in subjects], "datetime64[D]")
    return value_facts(appraiser, version, facts, dates, options)


def value_facts(
    appraiser: Appraiser, version: str, facts: Facts, dates: DateArray, options: ValuationOptions
) -> list[dict[str, Any] | Sequence[Refusal]]:
    """Value n subjects. A subject without a price gets its refusals in place of a valuation.

    Parameters
    ----------
    version
        The appraiser's version, part of each valuation.
    dates
        Valuation dates, datetime64[D], shape (n,); NaT for the newest sale's.
    """
    if not len(facts):
        return []
    valuations = value_in_chunks(appraiser, facts, dates, options.confidence, options.check, options.price_above)
    priced = valuations.priced
    rows = slice(None) if priced.all() else priced
    includes = iter(
        compute_includes(
            appraiser, facts.take(rows), dates[rows], options.includes, options.confidence, options.check
        )
    )
    return [
        valuations.as_dict(row) | {"model_version": version} | next(includes)
        if priced[row]
        else valuations.refusals[row]
        for row in range(len(facts))
    ]
