"""Valuations and problems of many subjects, row by row, with one cap on the errors of a whole answer."""

from collections.abc import Mapping, Sequence
from typing import Any

from estimator.market.arrays import BoolArray
from estimator.market.facts import Facts
from estimator.uncertainty.applicability import Refusal
from service import metrics
from service.http.problems import INVALID_FACTS, OUTSIDE_DOMAIN, ProblemError
from service.live_model import Snapshot
from service.valuation.subject_columns import CheckedSubjects
from service.valuation.valuation import ValuationOptions, value_facts

MAX_ERRORS = 100
"""Errors told in one answer, besides the first of each row: a small body must not make a huge answer."""


class ErrorBudget:
    """How many errors may still be told in one answer."""

    def __init__(self) -> None:
        self._left = MAX_ERRORS

    def invalid(self, faults: Sequence[Mapping[str, Any]]) -> ProblemError:
        """Return the problem of a subject with bad facts."""
        count = len(faults)
        detail = f"{count} {'fact' if count == 1 else 'facts'} cannot be used"
        return ProblemError(INVALID_FACTS, detail, self._members(faults))

    def out_of_reach(self, refusals: Sequence[Refusal], **place: int) -> ProblemError:
        """Return the problem of a home that is refused a price; `place` goes into each of its errors."""
        faults = [place | refusal._asdict() for refusal in refusals]
        return ProblemError(OUTSIDE_DOMAIN, "the home is like none that was sold", self._members(faults))

    def _members(self, faults: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return as many faults as there is room for, at least one, and the count of the rest."""
        told = list(faults[: max(self._left, 1)])
        self._left -= len(told)
        left_out = len(faults) - len(told)
        return {"errors": told} | ({"errors_left_out": left_out} if left_out else {})


def answer_rows(
    snapshot: Snapshot, checked: CheckedSubjects, asked: ValuationOptions, problems: Mapping[int, ProblemError] | None = None
) -> list[dict[str, Any]]:
    """Value n subjects: a valuation each, or `{"error": problem}`, in order.

    Parameters
    ----------
    problems
        Row → what is wrong with a row that is not even a value.
    """
    good = checked.good
    facts, dates = checked.facts.take(good), checked.dates[good]
    outcomes = iter(value_facts(snapshot.appraiser, snapshot.version, facts, dates, asked))
    priced = good.copy()
    budget = ErrorBudget()
    answers: list[dict[str, Any]] = []
    for row, is_good in enumerate(good.tolist()):
        outcome = next(outcomes) if is_good else None
        if isinstance(outcome, dict):
            answers.append(outcome)
        elif problems and row in problems:
            answers.append({"error": problems[row].as_dict()})
        elif outcome is not None:
            priced[row] = False
            answers.append({"error": budget.out_of_reach(outcome, row=row).as_dict()})
        else:
            faults = [{"row": row, **fault} for fault in checked.faults[row]]
            answers.append({"error": budget.invalid(faults).as_dict()})
    count_homes(snapshot, checked.facts, priced, int((~good).sum()), int((good & ~priced).sum()))
    return answers


def count_homes(snapshot: Snapshot, facts: Facts, priced: BoolArray, invalid: int, out_of_reach: int) -> None:
    """Count the homes of one request: n, of which some, shape (n,), got a price."""
    metrics.count_valued(int(priced.sum()))
    metrics.count_refused(INVALID_FACTS.name, int(invalid))
    metrics.count_refused(OUTSIDE_DOMAIN.name, int(out_of_reach))
    metrics.observe_inputs(facts, priced, snapshot.inputs)
