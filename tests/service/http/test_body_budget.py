"""Large bodies are worked on a few at a time, in the order in which they came; small ones do not wait."""

import threading
import time

import pytest

from service.http.body_budget import SMALL_BODY_BYTES, BodyBudget

LARGE = bytes(SMALL_BODY_BYTES + 1)


def go_on() -> None:
    pass


def hold_once(budget: BodyBudget) -> None:
    with budget.hold(LARGE, go_on):
        pass


def test_a_second_large_body_waits_and_a_small_one_does_not() -> None:
    budget, log = BodyBudget(len(LARGE)), list[str]()

    def second() -> None:
        hold_once(budget)
        log.append("second")

    with budget.hold(LARGE, go_on):
        thread = threading.Thread(target=second)
        thread.start()
        with budget.hold(bytes(SMALL_BODY_BYTES), go_on):
            log.append("small")
        time.sleep(0.05)
        log.append("first ends")
    thread.join()
    assert log == ["small", "first ends", "second"]


def test_two_bodies_that_fit_are_held_together() -> None:
    budget = BodyBudget(2 * len(LARGE))
    with budget.hold(LARGE, go_on), budget.hold(LARGE, go_on):
        pass


def test_a_body_over_the_budget_is_held_alone() -> None:
    budget = BodyBudget(1)
    with budget.hold(LARGE, go_on):
        pass
    with budget.hold(LARGE, go_on):
        pass


def test_who_gives_up_waiting_leaves_the_place_to_the_next() -> None:
    budget = BodyBudget(len(LARGE))

    def give_up() -> None:
        raise TimeoutError

    with budget.hold(LARGE, go_on), pytest.raises(TimeoutError), budget.hold(LARGE, give_up):
        pass
    with budget.hold(LARGE, go_on):
        pass


def test_an_error_inside_gives_the_room_back() -> None:
    budget = BodyBudget(len(LARGE))
    with pytest.raises(ZeroDivisionError), budget.hold(LARGE, go_on):
        raise ZeroDivisionError
    hold_once(budget)
