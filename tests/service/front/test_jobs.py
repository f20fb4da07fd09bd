"""The order in which requests are given to workers."""

import time

from service.front.jobs import LARGE_BODY_BYTES, Job, Lane, Queue
from service.front.messages import Answer
from service.http.problems import BUSY, ProblemError


def job(size: int = 0, ends: float = float("inf"), **environ: str) -> Job:
    return Job(dict(environ), bytes(size), ends, lambda _: None, lambda _: None)


def test_small_and_large_requests_keep_their_order_in_lanes_of_their_own() -> None:
    queue = Queue()
    jobs = [job(size) for size in (1, LARGE_BODY_BYTES + 1, 2, LARGE_BODY_BYTES + 2)]
    for one in jobs:
        queue.add(one)
    assert [queue.next(Lane.SMALL) for _ in range(3)] == [jobs[0], jobs[2], None]
    assert [queue.next(Lane.LARGE) for _ in range(3)] == [jobs[1], jobs[3], None]


def test_a_compressed_body_is_taken_for_a_large_one() -> None:
    assert job(1, HTTP_CONTENT_ENCODING="gzip").lane is Lane.LARGE


def test_expired_requests_leave_the_queue_and_abandoned_ones_are_skipped() -> None:
    queue = Queue()
    late, gone, waiting = job(ends=time.monotonic() - 1), job(), job()
    for one in (late, gone, waiting):
        queue.add(one)
    assert queue.expired() == [late]
    gone.finished = True
    assert queue.next(Lane.SMALL) is waiting
    assert len(queue) == 0


def test_only_the_first_answer_counts() -> None:
    passed_on: list[Answer | ProblemError] = []
    one = Job({}, b"", 0, passed_on.append, passed_on.append)
    problem, answer = ProblemError(BUSY, ""), Answer(200, [], b"")
    one.fail(problem)
    one.answer(answer)
    assert passed_on == [problem]
