"""`python -m service`, also called `house-price serve`: starts the production server."""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable

import click

from service.settings import PREFIX, Settings, setting_infos

_MEMORY = {
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": str(2**20),
    "MALLOC_TRIM_THRESHOLD_": str(2**24),
    "ARROW_DEFAULT_MEMORY_POOL": "system",
}
"""What workers tell glibc and Arrow, so that the memory of a large request goes back to the system after it. By
default each thread keeps some: a worker grew to four times its size in an hour of large requests of all kinds."""


def _with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Add an option for each setting, except secrets: other users of the machine can read a command line."""
    defaults = Settings()
    for name, info in reversed(setting_infos().items()):
        if not info.secret:
            default = getattr(defaults, name)
            notes = [info.unit] if info.bounds is not None else []
            notes += [f"default: {default}"] if default not in (None, "", ()) else []
            command = click.option(
                f"--{name.replace('_', '-')}",
                metavar="TEXT" if info.bounds is None else "N",
                help=f"{info.description} [{'; '.join(notes)}]" if notes else info.description,
            )(command)
    return command


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@_with_settings
def main(**given: str | None) -> None:
    """Serve a saved model over HTTP, with a web page.

    Every option is also an environment variable: --port is ESTIMATOR_PORT. An option overrides its variable.
    docs/settings.md lists all settings.
    """
    os.environ.update({PREFIX + name.upper(): value for name, value in given.items() if value is not None})
    # NumPy reads this when it is first imported. The matrix products are small: one thread is faster than two.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    for name, value in _MEMORY.items():
        os.environ.setdefault(name, value)
    # prometheus_client reads this when it is first imported, and then sums over all workers. The folder is new, so
    # that it contains no counts of an earlier server.
    metrics = os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="estimator-metrics-")
    from service.server import main as run_server  # noqa: PLC0415 # after the environment is set

    try:
        code = run_server()
    finally:
        shutil.rmtree(metrics, ignore_errors=True)
    sys.exit(code)


if __name__ == "__main__":
    main(prog_name="house-price serve")
