"""Workers that end, hang, fail or never load: every request gets its one answer, and the others go on."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from service.front.jobs import Job
from service.front.messages import Answer
from service.front.pool import LATE_SECONDS, MAX_ATTEMPTS, WorkerPool
from service.http.problems import ProblemError

TIMEOUT_SECONDS = 30.0


@asynccontextmanager
async def running(application: str, *, workers: int = 2, threads: int = 4) -> AsyncIterator[WorkerPool]:
    """Run a pool, with its periodic checks."""
    pool = WorkerPool(
        [f"tests.service.front.odd_workers:{application}"], workers=workers, threads=threads, max_jobs=100
    )

    async def maintain() -> None:
        while True:
            pool.maintain()
            await asyncio.sleep(0.02)

    task = asyncio.create_task(maintain())
    try:
        yield pool
    finally:
        task.cancel()
        await pool.stop()


def submit(
    pool: WorkerPool, path: str, body: bytes = b"", seconds: float = TIMEOUT_SECONDS
) -> tuple[Job, "asyncio.Future[Any]"]:
    """Submit a request; the future gets its answer or its problem, and fails if it gets two."""
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    job = Job({"PATH_INFO": path}, body, time.monotonic() + seconds, future.set_result, future.set_result)
    pool.submit(job)
    return job, future


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while not condition():
            await asyncio.sleep(0.01)


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def timed() -> None:
        async with asyncio.timeout(4 * TIMEOUT_SECONDS):
            await test()

    asyncio.run(timed())


def test_requests_wait_for_the_first_worker_and_keep_their_bodies() -> None:
    async def check() -> None:
        async with running("odd") as pool:
            futures = [submit(pool, "/", bytes([number]) * number)[1] for number in range(50)]
            answers = await asyncio.gather(*futures)
            assert [answer.body for answer in answers] == [bytes([number]) * number for number in range(50)]

    run(check)


def test_a_request_that_ends_its_worker_is_refused_and_the_others_are_answered() -> None:
    async def check() -> None:
        async with running("odd") as pool:
            await until(lambda: len(pool.serving()) == 2)
            first = {link.pid for link in pool.serving()}
            job, ended = submit(pool, "/end")
            futures = [submit(pool, "/pause")[1] for _ in range(20)]
            assert {answer.status for answer in await asyncio.gather(*futures)} == {200}
            problem = await ended
            assert isinstance(problem, ProblemError)
            assert problem.problem_type.name == "not-ready"
            assert job.attempts == MAX_ATTEMPTS
            await until(lambda: len(pool.serving()) == 2)
            assert first.isdisjoint(link.pid for link in pool.serving())

    run(check)


def test_a_request_that_its_worker_does_not_stop_gets_its_503_anyway() -> None:
    async def check() -> None:
        async with running("odd") as pool:
            await until(lambda: len(pool.serving()) == 2)
            start = time.monotonic()
            _, slept = submit(pool, "/sleep", seconds=0.5)
            quick = [submit(pool, "/")[1] for _ in range(20)]
            assert {answer.status for answer in await asyncio.gather(*quick)} == {200}
            problem = await slept
            assert problem.problem_type.name == "deadline-exceeded"
            assert time.monotonic() - start > LATE_SECONDS

    run(check)


def test_a_worker_that_hangs_gets_no_more_requests() -> None:
    async def check() -> None:
        async with running("odd") as pool:
            await until(lambda: len(pool.serving()) == 2)
            submit(pool, "/stop")
            await until(lambda: len(pool.serving()) == 1)
            futures = [submit(pool, "/")[1] for _ in range(20)]
            assert {answer.status for answer in await asyncio.gather(*futures)} == {200}

    run(check)


def test_requests_beyond_the_threads_of_all_workers_wait_and_get_503_at_their_deadline() -> None:
    async def check() -> None:
        async with running("odd", workers=1, threads=1) as pool:
            await until(lambda: len(pool.serving()) == 1)
            submit(pool, "/sleep")
            problem = await submit(pool, "/", seconds=0.3)[1]
            assert problem.problem_type.name == "deadline-exceeded"

    run(check)


def test_a_request_is_told_that_its_client_has_gone() -> None:
    async def check() -> None:
        async with running("odd", workers=1, threads=1) as pool:
            await until(lambda: len(pool.serving()) == 1)
            job, waiting = submit(pool, "/wait")
            queued, never = submit(pool, "/end")
            pool.cancel(queued)
            pool.cancel(job)
            answer = await submit(pool, "/")[1]
            assert answer.status == 200
            assert not waiting.done()
            assert not never.done()

    run(check)


def test_an_application_that_raises_gets_500_and_the_worker_goes_on() -> None:
    async def check() -> None:
        async with running("odd", workers=1) as pool:
            failed, answered = submit(pool, "/fail")[1], submit(pool, "/")[1]
            assert isinstance(await failed, Answer)
            assert ((await failed).status, (await answered).status) == (500, 200)

    run(check)


@pytest.mark.parametrize("application", ["never_ready", "broken"])
def test_a_worker_that_does_not_load_gets_no_requests(application: str) -> None:
    async def check() -> None:
        async with running(application) as pool:
            refusal = pool.refusal()
            assert refusal is not None
            assert refusal.problem_type.name == "not-ready"
            problem = await submit(pool, "/", seconds=2)[1]
            assert problem.code == 503
            assert pool.serving() == []

    run(check)


def test_a_reload_keeps_the_old_workers_until_new_ones_are_ready() -> None:
    async def check() -> None:
        async with running("odd") as pool:
            await until(lambda: len(pool.serving()) == 2)
            before = {link.pid for link in pool.serving()}
            pool.reload()
            numbers = []

            def is_reloaded() -> bool:
                numbers.append(len(pool.serving()))
                return len(pool.serving()) == 2 and before.isdisjoint(link.pid for link in pool.serving())

            await until(is_reloaded)
            assert min(numbers) == 2

    run(check)
