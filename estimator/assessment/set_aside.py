"""What a manifest, a report and the command line say about the sales that were set aside."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from estimator.appraiser import Appraiser
from estimator.assessment.evaluation import ALL_FACTS, ErrorFigures, evaluate
from estimator.market.market_data import MarketData, suspects_of_test
from estimator.market.validation.reasons import SetAside, count_by_reason
from estimator.market.validation.validate import ValidatedSales

MAX_EXAMPLES = 3
"""Sales that are shown for each reason; all are in the list."""


def set_aside_record(validated: ValidatedSales, entries: Sequence[SetAside]) -> dict[str, Any]:
    """Return how many sales of a file were set aside and why, as plain values, with the user's overrides."""
    examples: dict[str, list[dict[str, int | str]]] = {}
    for entry in entries:
        shown = examples.setdefault(entry.reason, [])
        if len(shown) < MAX_EXAMPLES:
            shown.append(entry.as_dict())
    return {
        "rows": validated.n_rows,
        "sales": len(entries),
        "leads": len(entries) > validated.max_unreadable * validated.n_rows,
        "by_reason": count_by_reason(entries),
        "examples": [example for shown in examples.values() for example in shown],
        "unread_columns": list(validated.unread),
        "lacking_columns": list(validated.lacking),
        "label_variants": list(validated.label_variants),
        "overrides": [override.as_dict() for override in validated.overrides],
    }


def figures_with_suspects(
    appraiser: Appraiser, data: MarketData, rng: np.random.Generator
) -> tuple[int, ErrorFigures | None]:
    """Return how many of the test sales were set aside, and the error figures with them; None if none was.

    Parameters
    ----------
    rng
        As `suspects_of_test` takes it.
    """
    suspects = suspects_of_test(data, rng)
    if not len(suspects):
        return 0, None
    return len(suspects), evaluate(appraiser, data.parts.test.joined(suspects)).figures[ALL_FACTS]


def with_figures(record: Mapping[str, Any], n_suspects: int, figures: ErrorFigures | None) -> dict[str, Any]:
    """Return the record with the error figures that include the test sales that were set aside."""
    return {
        **record,
        "test_sales": n_suspects,
        "error_figures_with": None if figures is None else figures.to_dict(),
    }
