"""The process of one job: `python -m service.jobs FOLDER HOURS ID MAX_ROWS DISK [KEY_FILE]`.

It lets other processes go first before it loads anything, since that alone takes a second of a core.
"""

import os
import sys
from contextlib import suppress
from pathlib import Path

NICE = 19
"""The lowest priority. Beside requests that keep all cores busy, a job gets a seventieth of a core at least, and
whatever the requests leave: it ends. See benchmarks/SERVICE.md."""


def yield_to_others() -> None:
    """Let the processes that answer requests go first."""
    os.nice(NICE)
    # Linux shares the cores among sessions first, if it has automatic groups; then `nice` counts inside one only.
    # The session of somebody's terminal must stay as it is: an ordinary user could not undo it.
    if os.getsid(0) == os.getpid():
        with suppress(OSError):
            Path("/proc/self/autogroup").write_text(str(NICE))


if __name__ == "__main__":
    yield_to_others()
    from service.jobs.work import run

    sys.exit(run(sys.argv[1:]))
