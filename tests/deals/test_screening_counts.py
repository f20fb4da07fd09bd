import numpy as np
import pytest

from estimator.deals.readings import PAYS_BOTH, PAYS_NOT, PAYS_VALUE_ONLY
from estimator.deals.screening_counts import ScreeningCounts, unit_warning


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        (1.0, None),
        (1000.0, "960 times the value of the home or more"),
        (0.001, "0.00096 times the value of the home or less"),
        (1.6, None),
    ],
)
def test_list_prices_in_another_unit_are_noticed(unit: float, expected: str | None) -> None:
    value = np.array([300_000.0, 420_000.0, 500_000.0, np.nan])
    list_price = unit * np.array([310_000.0, 400_000.0, 480_000.0, 1.0])
    label = [PAYS_NOT, PAYS_VALUE_ONLY, PAYS_BOTH, None]
    counts = ScreeningCounts.of(label, 100 * (value - list_price) / list_price, 3)
    assert counts[:4] == (1, 1, 1, 1)
    assert counts.median_ratio == pytest.approx(unit * 480 / 500)
    warning = unit_warning(counts.median_ratio, "USD")
    assert warning is None if expected is None else warning is not None and expected in warning


def test_without_listings_nothing_is_said() -> None:
    counts = ScreeningCounts.of([None, None], np.array([np.nan, np.nan]), 0)
    assert (counts.errors, unit_warning(counts.median_ratio, "USD")) == (2, None)
