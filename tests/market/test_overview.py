import numpy as np
import pytest

from estimator.market.facts import Facts
from estimator.market.feature import Feature
from estimator.market.overview import overview
from estimator.market.sales import Sales


def sales(name: str, values: np.ndarray) -> Sales:
    n = len(values)
    return Sales(Facts({name: values}), np.ones(n), None, np.arange(n))


@pytest.mark.parametrize(
    ("kind", "values", "known", "shown", "remark"),
    [
        ("number", [1.0, 2.5, 9.0, np.nan], 0.75, "1 to 9, median 2.5", ""),
        ("integer", [2.0, 2.0], 1, "2 to 2, median 2", "the same in all sales"),
        ("boolean", [0.0, 1.0, 1.0, 1.0], 1, "yes in 75%", ""),
        ("date", [16_000.0, 16_001.0, 16_002.0], 1, "2013-10-22 to 2013-10-24, median 2013-10-23", ""),
        ("number", [np.nan], 0, "–", "known of no sale"),
    ],
)
def test_a_number_is_shown_with_its_range(
    kind: str, values: list[float], known: float, shown: str, remark: str
) -> None:
    seen = overview(Feature("fact", kind, "fact"), sales("fact", np.array(values)))
    assert (seen.known, seen.values) == (known, shown)
    assert seen.remark.startswith(remark)
    assert bool(seen.remark) == bool(remark)


@pytest.mark.parametrize(
    ("labels", "shown", "remark"),
    [
        (["a"] * 6 + ["b"] * 5 + [""], "2 labels, most often a", ""),
        (["a"] * 3, "1 label, most often a", "the same in all sales"),
        (["a"] * 5 + list("bcdefgh"), "8 labels, most often a", "58% of the sales have a label with fewer"),
    ],
)
def test_labels_are_counted(labels: list[str], shown: str, remark: str) -> None:
    seen = overview(Feature("fact", "category", "fact"), sales("fact", np.array(labels)))
    assert seen.values == shown
    assert seen.remark.startswith(remark)
