"""A command that refuses its input ends with exit code 2, however often it runs."""

from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import estimator
from tests.town import make_town


@pytest.mark.parametrize("runs", [2, pytest.param(50, marks=pytest.mark.slow)])
def test_a_wrong_header_always_gives_exit_code_2(tmp_path: Path, runs: int) -> None:
    # Arrow's reading thread once freed bytes of Python's while Python ended: SIGABRT in three runs of ten.
    sales = make_town(tmp_path / "town", 60)
    sales.rename(columns={"paid": "amount"}).to_csv(tmp_path / "town" / "sales.csv", index=False)
    ended = [estimator("train", "--market", tmp_path / "town", "--models", tmp_path) for _ in range(runs)]
    assert Counter(run.returncode for run in ended) == {2: runs}
    assert all("column 'paid' is missing" in run.stderr for run in ended)
