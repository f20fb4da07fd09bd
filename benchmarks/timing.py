"""Measures run times, and the speed of the machine's matrix product as a reference."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_LOOK_SECONDS = 0.05
"""Between looks at the memory of processes: a look takes a millisecond or two."""


@dataclass(frozen=True)
class Used:
    """What a process and those it started have used: CPU seconds, seconds until its end, peak memory in MB.

    The memory is that of all of them at one moment; what they share counts once. It is looked at every
    `_LOOK_SECONDS`.
    """

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
    # A small process in between: its only child is the command, whose CPU time the system then reports.
    between = [sys.executable, "-m", "benchmarks.timing", ",".join(map(str, cores)), *command]
    return Used(*json.loads(subprocess.run(between, check=True, stdout=subprocess.PIPE).stdout))


def _print_used(cores: str, command: Sequence[str]) -> int:
    """Run a command for `used_by`, and return its exit code."""
    os.sched_setaffinity(0, map(int, cores.split(",")))
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    peak, pid = 0.0, 0
    while pid == 0:
        peak = max(peak, _memory(process.pid))
        time.sleep(_LOOK_SECONDS)
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
    process.returncode = os.waitstatus_to_exitcode(status)
    print(json.dumps([usage.ru_utime + usage.ru_stime, time.perf_counter() - started, peak]))
    return process.returncode


def _memory(pid: int) -> float:
    """Return the memory of a process and of those it started, in MB (the proportional set size)."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0  # it has ended
    own = sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
    return own + sum(_memory(int(child)) for child in children)


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
