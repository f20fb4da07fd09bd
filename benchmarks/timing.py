"""Measures run times, and the speed of the machine's matrix product as a reference."""

import time
from collections.abc import Callable

import numpy as np


def timed(run: Callable[[], object], repeats: int = 1) -> float:
    """Return the mean duration of a run over the repeats, in seconds."""
    started = time.perf_counter()
    for _ in range(repeats):
        run()
    return (time.perf_counter() - started) / repeats


def sgemm_rate(n: int = 1024, tries: int = 10, repeats: int = 1) -> float:
    """Return the GFLOP/s of an n × n float32 matrix product: the best try, each the mean of its repeats."""
    a, b = (np.random.default_rng(0).standard_normal((n, n), np.float32) for _ in range(2))
    out = np.empty_like(a)
    return 2e-9 * n**3 / min(timed(lambda: np.matmul(a, b, out=out), repeats) for _ in range(tries))
