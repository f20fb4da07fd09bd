"""Rest between pieces of work while other processes want the cores.

A low priority decides who gets a core first. But each change between processes still costs the others some time,
so work that may wait also stops for a while when it notices that it had to wait.
"""

import time
from collections.abc import Callable
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

MAX_WAITING_SHARE = 0.25
"""Share of a call's time without a core, above which other processes want the cores. Where a job has a core for
itself it is about 0, and beside requests without a pause .4 or more."""
REST = 4.0
"""Length of a rest in units of the call before it: work then takes at most a fifth of the time. See
benchmarks/SERVICE.md."""
MAX_REST_SECONDS = 10.0
"""So that work goes on, however long a call takes on a busy machine."""


def rest_seconds(seconds: float, computed: float) -> float:
    """Return how long to rest after a call.

    Parameters
    ----------
    seconds
        Duration of the call.
    computed
        For how many of them its thread had a core.
    """
    if seconds - computed <= MAX_WAITING_SHARE * seconds:
        return 0.0
    return min(REST * seconds, MAX_REST_SECONDS)


def with_rests(
    function: Callable[[Item], Result], sleep: Callable[[float], object] = time.sleep
) -> Callable[[Item], Result]:
    """Return the same function that rests after each call in which its thread had to wait for a core.

    Parameters
    ----------
    function
        Computes in the thread that calls it.
    sleep
        Rests for some seconds.
    """

    def call(item: Item) -> Result:
        began, computed_before = time.perf_counter(), time.thread_time()
        result = function(item)
        sleep(rest_seconds(time.perf_counter() - began, time.thread_time() - computed_before))
        return result

    return call
