import threading

import numpy as np

from estimator.network.arrays import Array, Buffer


def test_a_buffer_reuses_its_memory_for_a_smaller_array() -> None:
    buffer = Buffer()
    full = buffer.take((8, 3), np.float32)
    short = buffer.take((5, 3), np.float32)
    assert np.shares_memory(full, short)
    assert short.flags.c_contiguous


def test_a_buffer_can_grow_and_change_its_dtype() -> None:
    buffer = Buffer()
    buffer.take((2, 2), np.float32)
    assert buffer.take((20, 2), np.float32).shape == (20, 2)
    assert buffer.take((2, 2), np.float64).dtype == np.float64


def test_threads_do_not_share_a_buffer() -> None:
    buffer = Buffer()
    mine = buffer.take((4,), np.float32)
    from_thread: list[Array] = []
    thread = threading.Thread(target=lambda: from_thread.append(buffer.take((4,), np.float32)))
    thread.start()
    thread.join()
    assert not np.shares_memory(mine, from_thread[0])
