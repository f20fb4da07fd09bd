"""Answers of many subjects, row by row: valuations and problems, with a limit on the errors of an answer."""

from collections.abc import Mapping, Sequence
from typing import Any

from estimator.market.arrays import BoolArray
from estimator.market.facts import Facts
from estimator.uncertainty.applicability import Refusal
from service import metrics
from service.http.problems import INVALID_FACTS, OUTSIDE_DOMAIN, ProblemError
from service.valuation.snapshot import Snapshot
from service.valuation.subject_columns import CheckedSubjects
from service.valuation.subject_schema import MAX_ERRORS
from service.valuation.valuation import ValuationOptions, value_facts


class ErrorBudget:
    """The errors that may still be listed in one answer."""

    def __init__(self) -> None:
        self._left = MAX_ERRORS

    def invalid_facts(self, errors: Sequence[Mapping[str, Any]], n_more: int = 0) -> ProblemError:
        """Return the problem of a subject with invalid facts; `n_more` is the number of errors besides these."""
        count = len(errors) + n_more
        detail = f"{count} {'fact is' if count == 1 else 'facts are'} invalid"
        return ProblemError(INVALID_FACTS, detail, self._members(errors, n_more))

    def outside_domain(self, refusals: Sequence[Refusal], **row: int) -> ProblemError:
        """Return the problem of a home that is refused a price; `row` is added to each of its errors."""
        errors = [row | refusal._asdict() for refusal in refusals]
        return ProblemError(
            OUTSIDE_DOMAIN, "we can't value this home: nothing similar has sold", self._members(errors)
        )

    def _members(self, errors: Sequence[Mapping[str, Any]], n_more: int = 0) -> dict[str, Any]:
        """Return as many errors as the budget allows, at least one, and the number of the others."""
        listed = list(errors[: max(self._left, 1)])
        self._left -= len(listed)
        left_out = len(errors) - len(listed) + n_more
        return {"errors": listed} | ({"errors_left_out": left_out} if left_out else {})


def answer_rows(
    snapshot: Snapshot,
    subjects: CheckedSubjects,
    options: ValuationOptions,
    unreadable: Mapping[int, ProblemError] | None = None,
) -> list[dict[str, Any]]:
    """Value n subjects: a valuation or `{"error": problem}` for each, in order.

    Parameters
    ----------
    unreadable
        Row → problem of a row that could not be parsed.
    """
    valid = subjects.valid
    facts, dates = subjects.facts.take(valid), subjects.dates[valid]
    outcomes = iter(value_facts(snapshot.appraiser, snapshot.version, facts, dates, options))
    priced = valid.copy()
    budget = ErrorBudget()
    answers: list[dict[str, Any]] = []
    for row, is_valid in enumerate(valid.tolist()):
        outcome = next(outcomes) if is_valid else None
        if isinstance(outcome, dict):
            answers.append(outcome)
        elif unreadable and row in unreadable:
            answers.append({"error": unreadable[row].as_dict()})
        elif outcome is not None:
            priced[row] = False
            answers.append({"error": budget.outside_domain(outcome, row=row).as_dict()})
        else:
            errors = [{"row": row, **error} for error in subjects.errors[row]]
            answers.append({"error": budget.invalid_facts(errors, subjects.more_errors.get(row, 0)).as_dict()})
    count_homes(snapshot, subjects.facts, valid, priced)
    return answers


def count_homes(snapshot: Snapshot, facts: Facts, valid: BoolArray, priced: BoolArray) -> None:
    """Count the n homes of a request in the metrics.

    Parameters
    ----------
    valid, priced
        Which homes have no invalid facts, and which of those have a price, shape (n,).
    """
    metrics.count_valued(int(priced.sum()))
    metrics.count_refused(INVALID_FACTS.name, int((~valid).sum()))
    metrics.count_refused(OUTSIDE_DOMAIN.name, int((valid & ~priced).sum()))
    metrics.observe_inputs(facts, priced, snapshot.input_statistics)
