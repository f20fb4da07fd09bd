"""The table of a search's trials."""

from pathlib import Path

import numpy as np
import pytest

from estimator.errors import DataError
from estimator.model.trials import LOG_RMSE, TRIALS, read_trials, write_trials


def test_trials_are_read_back_best_first(tmp_path: Path) -> None:
    assert read_trials(tmp_path) == []
    trials = [{"depth": 3, LOG_RMSE: 0.2}, {"depth": 1, LOG_RMSE: np.inf}, {"depth": 2, LOG_RMSE: 0.1}]
    assert write_trials(tmp_path, trials) == tmp_path / TRIALS
    assert read_trials(tmp_path) == [
        {"depth": 2.0, LOG_RMSE: 0.1},
        {"depth": 3.0, LOG_RMSE: 0.2},
        {"depth": 1.0, LOG_RMSE: None},
    ]
    (tmp_path / TRIALS).write_text("depth,log_rmse\ndeep,0.1\n")
    with pytest.raises(DataError, match=r"trials\.csv: could not convert"):
        read_trials(tmp_path)
