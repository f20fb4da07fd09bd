import threading
import time

import joblib
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from estimator.threads import each


def test_what_comes_of_each_stands_in_their_order() -> None:
    assert each(lambda item: item**2, range(100)) == [item**2 for item in range(100)]


def test_work_goes_on_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joblib, "cpu_count", lambda: 2)
    both = threading.Barrier(2, timeout=20)
    assert len(each(lambda _: both.wait(), range(2))) == 2  # one after the other, the first would wait for ever


def test_a_product_within_takes_one_core_and_those_outside_what_they_did() -> None:
    def cores() -> set[int]:
        return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

    with threadpool_limits(2, user_api="blas"):
        assert each(lambda _: cores(), range(2)) == [{1}, {1}]
        assert cores() == {2}


def test_an_error_is_raised_here_and_nothing_is_begun_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joblib, "cpu_count", lambda: 1)
    begun: list[int] = []

    def work(item: int) -> None:
        begun.append(item)
        time.sleep(0.01)
        if item == 2:
            raise ValueError("the third")

    with pytest.raises(ValueError, match="the third"):
        each(work, range(100))
    assert len(begun) < 100
