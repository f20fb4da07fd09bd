import threading
import time
from collections.abc import Iterator

import joblib
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from estimator.threads import parallel_imap, parallel_map


def test_what_comes_of_each_stands_in_their_order() -> None:
    assert parallel_map(lambda item: item**2, range(100)) == [item**2 for item in range(100)]


def test_work_goes_on_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joblib, "cpu_count", lambda: 2)
    both = threading.Barrier(2, timeout=20)
    assert (
        len(parallel_map(lambda _: both.wait(), range(2))) == 2
    )  # one after the other, the first would wait for ever


def test_a_product_within_takes_one_core_and_those_outside_what_they_did() -> None:
    def cores() -> set[int]:
        return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

    with threadpool_limits(2, user_api="blas"):
        assert parallel_map(lambda _: cores(), range(2)) == [{1}, {1}]
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
        parallel_map(work, range(100))
    assert len(begun) < 100


def test_what_comes_of_each_is_given_in_order_while_others_are_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joblib, "cpu_count", lambda: 2)
    second = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            assert second.wait(20)
        elif item == 1:
            second.set()
        return item**2

    assert list(parallel_imap(work, range(100))) == [item**2 for item in range(100)]


def test_only_so_many_items_are_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joblib, "cpu_count", lambda: 2)
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in range(100):
            taken.append(item)
            yield item

    given = parallel_imap(lambda item: item, items())
    assert [next(given), next(given)] == [0, 1]
    assert len(taken) == 5
    given.close()
    assert len(taken) == 5


def test_an_error_is_raised_in_its_turn_and_what_was_not_begun_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joblib, "cpu_count", lambda: 1)
    begun: list[int] = []

    def work(item: int) -> int:
        begun.append(item)
        if item == 2:
            raise ValueError("the third")
        return item

    given = parallel_imap(work, range(100))
    assert [next(given), next(given)] == [0, 1]
    with pytest.raises(ValueError, match="the third"):
        next(given)
    assert len(begun) < 10
