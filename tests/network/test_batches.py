from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from estimator.network import Batches, BlockBatches, Source, Stream
from estimator.network.arrays import Array

X = np.arange(22, dtype=np.float32).reshape(11, 2)
Y = np.arange(11, dtype=np.float32)


def collect_rows(source: Source, seed: int = 0) -> tuple[list[int], list[float]]:
    """The batches' sizes, and the targets in the order in which they came; checks that x and y belong together."""
    sizes, targets = [], []
    for x, y in source.epoch(np.random.default_rng(seed)):
        np.testing.assert_array_equal(x[:, 0], 2 * y[:, 0])
        sizes.append(len(x))
        targets += y[:, 0].tolist()
    return sizes, targets


@pytest.mark.parametrize("source", [Batches(X, Y, 4), BlockBatches(X, Y, 4, block=100)])
def test_an_epoch_yields_all_rows_once_in_random_order(source: Source) -> None:
    sizes, targets = collect_rows(source)
    assert sizes == [4, 4, 3]
    assert len(source) == 3
    assert sorted(targets) == Y.tolist()
    assert targets != Y.tolist()


def test_the_order_depends_on_the_generator() -> None:
    source = Batches(X, Y, 4)
    first, again, other = (collect_rows(source, seed)[1] for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_augmenting_a_batch_does_not_change_the_data() -> None:
    def drop_half(x: Array, rng: np.random.Generator) -> None:
        x[rng.random(x.shape) < 0.5] = -1

    x = X.copy()
    batches = list(Batches(x, Y, 11, augment=drop_half).epoch(np.random.default_rng(0)))
    assert 0 < np.mean(batches[0][0] == -1) < 1
    np.testing.assert_array_equal(x, X)


def test_a_memory_map_is_read_block_by_block(tmp_path: Path) -> None:
    x = np.memmap(tmp_path / "x", np.float32, "w+", shape=(11, 2))
    y = np.memmap(tmp_path / "y", np.float32, "w+", shape=(11, 1))
    x[:], y[:, 0] = X, Y
    source = BlockBatches(x, y, 2, block=4)
    sizes, targets = collect_rows(source)
    assert len(source) == len(sizes) == 6
    assert sorted(targets) == Y.tolist()
    blocks = [{int(t) // 4 for t in targets[start : start + 3]} for start in (0, 8)]
    assert all(len(block) == 1 for block in blocks)


def test_a_stream_converts_the_callers_batches() -> None:
    def two_batches(rng: np.random.Generator) -> Iterator[tuple[list[list[int]], list[int]]]:
        yield [[0, 1], [2, 3]], [0, 1]
        yield [[4, 5]], [2]

    sizes, targets = collect_rows(Stream(two_batches, 2))
    assert sizes == [2, 1]
    assert targets == [0, 1, 2]
    assert all(
        x.dtype == np.float64 for x, _ in Stream(two_batches, 2, dtype=np.float64).epoch(np.random.default_rng(0))
    )


@pytest.mark.parametrize(("x", "y"), [(X, Y[:-1]), (X[:0], Y[:0]), (Y, Y)])
def test_examples_and_targets_of_different_lengths_are_refused(x: Array, y: Array) -> None:
    with pytest.raises(ValueError, match="examples"):
        Batches(x, y)


@pytest.mark.parametrize("make", [lambda: Batches(X, Y, 0), lambda: BlockBatches(X, Y, block=0)])
def test_a_batch_or_block_size_below_one_is_refused(make: Callable[[], Source]) -> None:
    with pytest.raises(ValueError, match="must be at least 1, not 0"):
        make()


def test_block_batches_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="11 and 10"):
        BlockBatches(X, Y[:-1])
