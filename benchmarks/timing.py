"""Seconds, and the machine's own rate to measure against."""

import time
from collections.abc import Callable

import numpy as np


def timed(run: Callable[[], object], repeats: int = 1) -> float:
    """Return the seconds of a run, the mean of the repeats."""
    began = time.perf_counter()
    for _ in range(repeats):
        run()
    return (time.perf_counter() - began) / repeats


def sgemm_rate(n: int = 1024, tries: int = 10, repeats: int = 1) -> float:
    """Return GFLOP/s of a large float32 product: of each try the mean of its repeats, the best of the tries."""
    a, b = (np.random.default_rng(0).standard_normal((n, n), np.float32) for _ in range(2))
    out = np.empty_like(a)
    return 2e-9 * n**3 / min(timed(lambda: np.matmul(a, b, out=out), repeats) for _ in range(tries))
