"""Fixtures of the network's tests."""

from collections.abc import Iterator

import pytest
from threadpoolctl import threadpool_limits


@pytest.fixture
def one_blas_thread() -> Iterator[None]:
    """Train on one thread: for small matrices a second BLAS thread is slower, up to 20 times on busy cores."""
    with threadpool_limits(1, user_api="blas"):
        yield
