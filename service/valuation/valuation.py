"""From parsed JSON to valuations, one subject or many. Knows nothing of requests and answers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from marshmallow import ValidationError

from estimator.appraiser import CONFIDENCE, Appraiser
from estimator.market.arrays import DateArray
from estimator.market.facts import Facts
from estimator.uncertainty.applicability import Refusal
from service.valuation.includes import NO_INCLUDES, RequestedIncludes, compute_includes
from service.valuation.subject_schema import NOT_AN_OBJECT, Subject, SubjectSchema


@dataclass(frozen=True, slots=True)
class ValuationOptions:
    """How sure the ranges are to be, and what each valuation is to come with."""

    confidence: float = CONFIDENCE
    included: RequestedIncludes = field(default_factory=lambda: NO_INCLUDES)


def check_subject(schema: SubjectSchema, value: object) -> Subject | list[dict[str, str]]:
    """Return the subject that a JSON value describes, or `{"field", "message"}` for all that is wrong with it."""
    if not isinstance(value, dict):
        return [{"field": "", "message": NOT_AN_OBJECT}]
    try:
        subject: Subject = schema.load(value)
    except ValidationError as error:
        return schema.faults(error)
    return subject


def value_subjects(
    appraiser: Appraiser, version: str, subjects: Sequence[Subject], asked: ValuationOptions
) -> list[dict[str, Any] | Sequence[Refusal]]:
    """Value subjects, all at once; see `value_facts`."""
    facts = Facts.of(appraiser.market, [subject.facts for subject in subjects])
    dates = np.array([subject.date for subject in subjects], "datetime64[D]")
    return value_facts(appraiser, version, facts, dates, asked)


def value_facts(
    appraiser: Appraiser, version: str, facts: Facts, dates: DateArray, asked: ValuationOptions
) -> list[dict[str, Any] | Sequence[Refusal]]:
    """Value n subjects, all at once; one that is refused a price gets the reasons in the valuation's place.

    Parameters
    ----------
    version
        The appraiser's version, which each valuation names.
    dates
        The day each is valued at, datetime64[D], shape (n,); NaT for the newest sale's.
    asked
        How sure the ranges are to be, and what each valuation is to come with.
    """
    if not len(facts):
        return []
    valuations = appraiser.value(facts, dates, asked.confidence)
    priced = valuations.priced
    reasons = iter(compute_includes(appraiser, facts.take(priced), dates[priced], asked.included, asked.confidence))
    return [
        valuations.as_dict(row) | {"model_version": version} | next(reasons)
        if priced[row]
        else valuations.refusals[row]
        for row in range(len(facts))
    ]
