"""The processes that value a long file: their answers, and what happens when one or all are stopped."""

import gzip
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path
from unittest import mock

import joblib
import pytest

from estimator.bulk import workers
from estimator.bulk.journal import JOURNAL_SUFFIX
from estimator.bulk.model import ModelSource
from estimator.bulk.workers import forked_workers
from estimator.errors import LostProcessError
from tests.bulk.processes import all_end, children, is_running, seven_pieces, wait_for
from tests.conftest import environment

needs_fork = pytest.mark.skipif(
    sys.platform != "linux" or joblib.cpu_count() == 1, reason="processes are forked on Linux, one for each core"
)
NO_MODEL = ModelSource("nowhere", "")


@pytest.fixture
def source(homes: Path, tmp_path: Path) -> Path:
    """A file of seven pieces."""
    return seven_pieces(homes, tmp_path)


@pytest.fixture
def second_thread() -> Iterator[None]:
    """Another thread of this process."""
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    yield
    end.set()
    thread.join()


def command(models: Path, *files: Path) -> list[str]:
    """Return the command that values a file."""
    return [sys.executable, "-m", "estimator", "predict", "--model", str(models), *map(str, files)]


def running(models: Path, source: Path, target: Path) -> subprocess.Popen[str]:
    """Start a command in a session of its own, as a terminal does."""
    return subprocess.Popen(
        command(models, source, target),
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def started(models: Path, source: Path, target: Path) -> tuple[subprocess.Popen[str], list[int]]:
    """Start a command; return it with its processes once they have valued a piece."""
    journal = journal_of(target)
    before = journal.stat().st_size if journal.exists() else 1000  # more than its header
    process = running(models, source, target)
    assert wait_for(lambda: journal.exists() and journal.stat().st_size > before)
    found = children(process.pid)
    assert len(found) == joblib.cpu_count()
    return process, found


def journal_of(target: Path) -> Path:
    """Return the journal beside a file."""
    return target.with_name(f".{target.name}{JOURNAL_SUFFIX}")


@needs_fork
@pytest.mark.slow
def test_a_killed_process_and_an_interrupt_end_the_run_which_then_goes_on_to_the_same_bytes(
    small_models: Path, source: Path, tmp_path: Path
) -> None:
    target, serial = tmp_path / "valued.csv", tmp_path / "serial.csv"
    process, forked = started(small_models, source, target)
    os.kill(forked[0], signal.SIGKILL)
    _, errors = process.communicate()
    assert process.returncode == 2
    assert "a process that values homes was killed" in errors
    assert "Traceback" not in errors
    assert not any(map(is_running, forked))
    process, forked = started(small_models, source, target)
    os.killpg(process.pid, signal.SIGINT)  # as the keyboard does
    _, errors = process.communicate()
    assert (process.returncode, errors.strip()) == (1, "Aborted!")
    assert not any(map(is_running, forked))
    process, forked = started(small_models, source, target)
    process.terminate()
    process.communicate()
    assert all_end(forked)

    one_core = {**environment(), "LOKY_MAX_CPU_COUNT": "1"}
    subprocess.run(command(small_models, source, serial), env=one_core, check=True)
    subprocess.run(command(small_models, source, target), env=environment(), check=True)
    assert target.read_bytes() == serial.read_bytes()


@needs_fork
@pytest.mark.slow
def test_an_interrupt_does_not_wait_for_the_whole_files_that_processes_value(
    small_models: Path, source: Path, tmp_path: Path
) -> None:
    folder, answers = tmp_path / "homes", tmp_path / "valued"
    folder.mkdir()
    for number in range(4 * joblib.cpu_count()):
        (folder / f"{number}.csv").hardlink_to(source)
    process = running(small_models, folder, answers)
    assert wait_for(lambda: any(file.stat().st_size > 1000 for file in answers.glob(f".*{JOURNAL_SUFFIX}")))
    forked = children(process.pid)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate()
    assert (process.returncode, errors.strip()) == (1, "Aborted!")
    assert not any(map(is_running, forked))
    assert not list(answers.glob("[!.]*"))


def long_answer(life: float) -> bytes:
    """Answer with more than a pipe holds, in a process that is killed after some seconds."""
    threading.Timer(life, os.kill, (os.getpid(), signal.SIGKILL)).start()
    return bytes(100_000_000)


def ends_of_runs(source: Path) -> list[str]:
    """Return how runs end if a process is killed after .02, .05, .1 and .2 seconds."""
    ends = []
    with mock.patch.object(workers, "load_model"):
        for life in (0.02, 0.05, 0.1, 0.2):
            with forked_workers(NO_MODEL, [source]) as processes:
                assert processes is not None
                try:
                    sum(map(len, processes.imap(long_answer, repeat(life))))
                except LostProcessError as error:
                    ends.append(str(error))
    return ends


@needs_fork
def test_a_process_that_is_killed_while_it_answers_ends_the_run(source: Path) -> None:
    # In a process of its own: this one may have threads of other tests, and is then not forked.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        ends = pool.submit(ends_of_runs, source).result()
    assert len(ends) == 4
    assert all("was killed" in end for end in ends)


@needs_fork
@pytest.mark.slow
def test_an_error_in_a_process_is_the_command_s(small_models: Path, source: Path, tmp_path: Path) -> None:
    source.write_text(source.read_text().replace("note", "geometry", 1))
    to_map = command(small_models, source, tmp_path / "map.geojson")
    run = subprocess.run(to_map, env=environment(), check=False, capture_output=True, text=True)
    assert run.returncode == 2
    assert "column 'geometry' has the name of a column of the map" in run.stderr
    assert "Traceback" not in run.stderr


def test_few_homes_start_no_process(homes: Path, tmp_path: Path) -> None:
    compressed = tmp_path / "homes.csv.gz"
    compressed.write_bytes(gzip.compress(homes.read_bytes()))
    with forked_workers(NO_MODEL, [homes, compressed, tmp_path / "none.csv"]) as processes:
        assert processes is None


def test_a_program_with_threads_is_not_forked(source: Path, second_thread: None) -> None:
    with forked_workers(NO_MODEL, [source]) as processes:
        assert processes is None
