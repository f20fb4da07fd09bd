"""Measures run times, and the speed of the machine's matrix product as a reference."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Used:
    """What a process has used: CPU seconds of all threads, seconds until its end, peak memory in MB."""

    cpu: float
    seconds: float
    peak: float


def used_by(command: Sequence[str], cores: Collection[int]) -> Used:
    """Run a command on some processors until it ends, and return what it used.

    Raises
    ------
    subprocess.CalledProcessError
        The command failed.
    """
    # A small process in between: the system counts the memory of whoever starts a process as its own at first.
    between = [sys.executable, "-m", "benchmarks.timing", ",".join(map(str, cores)), *command]
    return Used(*json.loads(subprocess.run(between, check=True, stdout=subprocess.PIPE).stdout))


def _print_used(cores: str, command: Sequence[str]) -> int:
    """Run a command for `used_by`, and return its exit code."""
    os.sched_setaffinity(0, map(int, cores.split(",")))
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    print(json.dumps([usage.ru_utime + usage.ru_stime, time.perf_counter() - started, usage.ru_maxrss / 1024]))
    return process.returncode


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


if __name__ == "__main__":
    sys.exit(_print_used(sys.argv[1], sys.argv[2:]))
