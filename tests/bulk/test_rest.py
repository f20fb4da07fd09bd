import time

import pytest

from estimator.bulk.rest import MAX_REST_SECONDS, MAX_WAITING_SHARE, REST, rest_seconds, with_rests


def test_work_that_has_a_core_for_itself_does_not_rest() -> None:
    assert rest_seconds(2.0, 2.0) == 0
    assert rest_seconds(2.0, 2.0 * (1 - MAX_WAITING_SHARE)) == 0
    assert rest_seconds(0.2, 0.201) == 0, "clocks differ a little"


def test_work_that_had_to_wait_takes_a_fifth_of_the_time() -> None:
    rest = rest_seconds(0.6, 0.25)
    assert 0.6 / (0.6 + rest) == pytest.approx(0.2)


def test_a_rest_ends_in_time_however_long_the_work_took() -> None:
    assert rest_seconds(120.0, 1.0) == MAX_REST_SECONDS


def test_a_function_rests_after_a_call_in_which_it_waited() -> None:
    rests: list[float] = []

    def wait(item: int) -> int:
        time.sleep(0.05)
        return 2 * item

    assert with_rests(wait, rests.append)(21) == 42
    assert rests[0] >= REST * 0.05
