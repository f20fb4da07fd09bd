"""The process of one job: `python -m service.jobs FOLDER HOURS ID MAX_ROWS DISK [KEY_FILE]`.

It lets other processes go first before it loads anything, since that alone takes a second of a core.
"""

import os
import sys
from contextlib import suppress
from pathlib import Path

LOADING = 10
"""Priority while modules are loaded: a tenth of a core beside requests that keep all cores busy, so that a short
job on a busy machine begins in seconds, not minutes."""
WORKING = 19
"""The lowest priority. Beside requests that keep all cores busy, a job gets a seventieth of a core, and otherwise
whatever the requests leave, so it always ends. See benchmarks/SERVICE.md."""


def yield_to_others(nice: int) -> None:
    """Let the processes that answer requests go first; a later call only lowers the priority."""
    os.nice(max(0, nice - os.getpriority(os.PRIO_PROCESS, 0)))
    # Linux shares the cores among sessions first, if it has automatic groups; then `nice` counts inside one only.
    # The session of somebody's terminal must stay as it is: an ordinary user could not undo it.
    if os.getsid(0) == os.getpid():
        with suppress(OSError):
            Path("/proc/self/autogroup").write_text(str(nice))


if __name__ == "__main__":
    yield_to_others(LOADING)
    from service.jobs.work import run

    yield_to_others(WORKING)
    sys.exit(run(sys.argv[1:]))
