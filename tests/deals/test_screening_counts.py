import numpy as np
import pytest

from estimator.deals.readings import PAYS_BOTH, PAYS_NOT, PAYS_VALUE_ONLY
from estimator.deals.screening_counts import ScreeningCounts


@pytest.mark.parametrize(("unit", "expected"), [(1.0, False), (1000.0, True), (0.001, True), (1.6, False)])
def test_list_prices_in_another_unit_are_noticed(unit: float, expected: bool) -> None:
    value = np.array([300_000.0, 420_000.0, 500_000.0, np.nan])
    list_price = unit * np.array([310_000.0, 400_000.0, 480_000.0, 1.0])
    label = [PAYS_NOT, PAYS_VALUE_ONLY, PAYS_BOTH, None]
    counts = ScreeningCounts.of(label, 100 * (value - list_price) / list_price, 3)
    assert counts[:4] == (1, 1, 1, 1)
    assert counts.median_ratio == pytest.approx(unit * 480 / 500)
    assert counts.have_other_unit is expected


def test_without_listings_nothing_is_said() -> None:
    counts = ScreeningCounts.of([None, None], np.array([np.nan, np.nan]), 0)
    assert (counts.errors, counts.have_other_unit) == (2, False)
