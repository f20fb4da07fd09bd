"""The uplifts of repairs beside what homes of King County sold for.

The best evidence would be homes sold before and after a renovation. The file has none: both sales of a home have
the same facts. So homes that the model does not know are valued as if a repair had not been made, and what they
sold for above that is held against the uplift that the model claims.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from estimator.appraiser import Appraiser
from estimator.deals.repairs import UpliftErrors
from estimator.market.arrays import BoolArray, DateArray
from estimator.market.facts import Facts
from estimator.market.sales import Sales

RENOVATED_SINCE = 2013
"""The sales are of 2014 and 2015; homes renovated the year before are much as they were left."""
SHARE = 0.05
"""Of the other homes held out: about a thousand, enough for a standard error of half a percent."""


def held_out(sales: Sales, rng: np.random.Generator) -> BoolArray:
    """Return which sales the model must not know, shape (n,): whole homes.

    Half of those renovated since `RENOVATED_SINCE` are: the model knows the others, as a served one knows some.
    """
    recent = sales.facts["year_renovated"] >= RENOVATED_SINCE
    return rng.random(int(sales.home.max()) + 1)[sales.home] < np.where(recent, 0.5, SHARE)


def changed_between_sales(sales: Sales) -> tuple[int, int, int]:
    """Return how many homes were sold twice, of how many a fact differs, and how many were renovated since."""
    twice = np.flatnonzero(np.bincount(sales.home)[sales.home] > 1)
    home = sales.home[twice]
    facts = pd.DataFrame(dict(sales.facts.take(twice).columns))
    distinct = facts.assign(home=home).drop_duplicates()["home"].value_counts()
    assert sales.date is not None
    years = pd.Series(sales.date[twice].astype("datetime64[Y]").astype(int) + 1970).groupby(home)
    renovated = facts["year_renovated"].groupby(home).max() >= years.min()
    return len(distinct), int((distinct > 1).sum()), int(renovated.sum())


def uplift_table(appraiser: Appraiser, sales: Sales) -> pd.DataFrame:
    """Return the claimed and the seen uplift of n homes that the model does not know, by what was changed."""
    assert sales.date is not None
    errors = UpliftErrors.fit(appraiser.model)
    year = sales.date.astype("datetime64[Y]").astype(int) + 1970
    renovated, condition, grade = (sales.facts[name] for name in ("year_renovated", "condition", "grade"))
    recent = renovated >= RENOVATED_SINCE
    changes: dict[str, tuple[BoolArray, Mapping[str, Any]]] = {
        f"renovated since {RENOVATED_SINCE}": (recent & (renovated <= year), {"year_renovated": 0.0}),
        "sold the year before its renovation": (recent & (renovated > year), {"year_renovated": 0.0}),
        "condition 3 → 4": (~recent & (condition == 4), {"condition": 3.0}),
        "condition 3 → 5": (~recent & (condition == 5), {"condition": 3.0}),
        "grade, one step up to 8 or more": (~recent & (grade >= 8), {"grade": grade - 1}),
    }
    rows = {
        name: _compare(appraiser, errors, sales.take(where), _before(sales.facts, changed).take(where))
        for name, (where, changed) in changes.items()
    }
    return pd.DataFrame(rows).T


def _before(facts: Facts, changed: Mapping[str, Any]) -> Facts:
    return facts.replace(
        {name: np.broadcast_to(value, len(facts)).astype(float) for name, value in changed.items()}
    )


def _compare(appraiser: Appraiser, errors: UpliftErrors, sales: Sales, before: Facts) -> dict[str, str]:
    """Return uplifts in log points: what is claimed, with its own deviation, and what the homes sold for."""
    as_is, without = (_log_value(appraiser, facts, sales.date) for facts in (sales.facts, before))
    valued = ~np.isnan(as_is) & ~np.isnan(without)
    claimed = 100 * (as_is - without)[valued]
    seen = 100 * (np.log(sales.price) - without)[valued]
    deviation = 100 * errors.deviation(before, sales.facts)[valued]
    n = len(claimed)
    return {
        "homes": str(n),
        "claimed": f"{claimed.mean():+.1f}",
        "its own deviation": f"{deviation.mean():.1f}",
        "seen (standard error)": f"{seen.mean():+.1f} ({seen.std(ddof=1) / np.sqrt(n):.1f})" if n > 1 else "–",
    }


def _log_value(appraiser: Appraiser, facts: Facts, date: DateArray | None) -> NDArray[np.float64]:
    values = appraiser.value(facts, date)
    return np.log(values.price)
