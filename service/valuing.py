"""From parsed JSON to valuations, one subject or many. Knows nothing of requests and answers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from marshmallow import ValidationError

from estimator.appraiser import Appraiser
from estimator.facts import Facts
from service.reasons import NOTHING, Included, give_reasons
from service.schemas import Subject, SubjectSchema


def check_subject(schema: SubjectSchema, value: object) -> Subject | list[dict[str, str]]:
    """Return the subject that a JSON value describes, or `{"field", "message"}` for all that is wrong with it."""
    if not isinstance(value, dict):
        return [{"field": "", "message": 'a home is an object of facts, such as {"latitude": 47.6, …}'}]
    try:
        subject: Subject = schema.load(value)
    except ValidationError as error:
        return schema.faults(error)
    return subject


def value_subjects(
    appraiser: Appraiser, version: str, subjects: Sequence[Subject], included: Included = NOTHING
) -> list[dict[str, Any]]:
    """Value subjects, all at once.

    Parameters
    ----------
    version
        The appraiser's version, which each valuation names.
    included
        The reasons that each valuation comes with.
    """
    if not subjects:
        return []
    facts = Facts.of(appraiser.market, [subject.facts for subject in subjects])
    dates = np.array([subject.date for subject in subjects], "datetime64[D]")
    valuations = appraiser.value(facts, dates)
    reasons = give_reasons(appraiser, facts, dates, included)
    return [valuations.as_dict(row) | {"model_version": version} | reasons[row] for row in range(len(subjects))]
