"""Sales of a city, and drafts from columns of them."""

import numpy as np
import pyarrow as pa

from estimator.drafting.draft import Draft, draft_market

N = 120
RNG = np.random.default_rng(0)
SIZE = RNG.integers(40, 200, N)
PRICE = (3000 * SIZE * np.exp(RNG.normal(0, 0.2, N))).astype(int)
DAYS = [f"2019-{1 + row * 12 // N:02}-{1 + row % 28:02}" for row in range(N)]


def drafted(columns: dict[str, object], price: str | None = None) -> Draft:
    """Draft a market from columns of text."""
    cells = {name: [str(cell) for cell in np.asarray(values, object)] for name, values in columns.items()}
    return draft_market(pa.table(cells), price)
