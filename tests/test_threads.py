import threading
import time
from collections.abc import Iterator

import joblib
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from estimator.threads import parallel_imap, parallel_map


def test_results_are_in_the_order_of_the_items() -> None:
    assert parallel_map(lambda item: item**2, range(100)) == [item**2 for item in range(100)]


def test_items_are_processed_in_parallel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joblib, "cpu_count", lambda: 2)
    both = threading.Barrier(2, timeout=20)
    # A serial run would block at the first item.
    assert len(parallel_map(lambda _: both.wait(), range(2))) == 2


def test_blas_uses_one_thread_inside_and_as_many_as_before_outside() -> None:
    def cores() -> set[int]:
        return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

    with threadpool_limits(2, user_api="blas"):
        assert parallel_map(lambda _: cores(), range(2)) == [{1}, {1}]
        assert cores() == {2}


def test_an_error_is_raised_and_no_further_item_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joblib, "cpu_count", lambda: 1)
    started: list[int] = []

    def work(item: int) -> None:
        started.append(item)
        time.sleep(0.01)
        if item == 2:
            raise ValueError("the third")

    with pytest.raises(ValueError, match="the third"):
        parallel_map(work, range(100))
    assert len(started) < 100


def test_imap_yields_results_in_order_while_later_items_are_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joblib, "cpu_count", lambda: 2)
    second = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            assert second.wait(20)
        elif item == 1:
            second.set()
        return item**2

    assert list(parallel_imap(work, range(100))) == [item**2 for item in range(100)]


def test_imap_holds_a_bounded_number_of_items(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joblib, "cpu_count", lambda: 2)
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in range(100):
            taken.append(item)
            yield item

    results = parallel_imap(lambda item: item, items())
    assert [next(results), next(results)] == [0, 1]
    assert len(taken) == 5
    results.close()
    assert len(taken) == 5


def test_imap_raises_an_error_in_order_and_starts_no_further_item(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joblib, "cpu_count", lambda: 1)
    started: list[int] = []

    def work(item: int) -> int:
        started.append(item)
        if item == 2:
            raise ValueError("the third")
        return item

    results = parallel_imap(work, range(100))
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ValueError, match="the third"):
        next(results)
    assert len(started) < 10
