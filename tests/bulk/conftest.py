"""Files of homes to value."""

from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import KING_COUNTY


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of 400 sold homes, as they were recorded, among them ones that lack facts."""
    table = pd.read_csv(KING_COUNTY / "sales.csv.gz", dtype=str, keep_default_na=False).tail(400)
    table.loc[table.index[::7], "zipcode"] = ""
    table.loc[table.index[::5], ["bedrooms", "grade"]] = ""
    table["note"] = 'said "fine",\nthen left'
    path = tmp_path_factory.mktemp("homes") / "homes.csv"
    table.to_csv(path, index=False)
    return path
