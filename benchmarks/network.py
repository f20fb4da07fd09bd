"""Compare the network library's speed with PyTorch, scikit-learn and tabm: ``python -m benchmarks.network``.

Each library uses one BLAS thread. The candidates run in turn, round by round, and a ratio is the median over the
rounds, so that other load on the machine affects all of them alike. Needs the group ``oracles``. Takes some
minutes and prints Markdown.
"""

# ruff: noqa: E402 - the environment variables must be set before the imports

import os

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"  # must be set before a library starts its threads

import platform
import tempfile
import time
import tracemalloc
import warnings
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
import tabm
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor

from benchmarks.timing import sgemm_rate, timed
from estimator.network import (
    MSE,
    AdamW,
    Batches,
    BlockBatches,
    Dense,
    Layer,
    MemberDense,
    Network,
    Plan,
    ReLU,
    Source,
    batch_ensemble_dense,
    random_signs,
    train,
)
from estimator.network.arrays import Array

ROUNDS = 5
ROWS, WIDTHS, BATCH = 16_000, (32, 256, 256, 256, 1), 256
MEMBERS = 8


def main() -> None:
    """Run all comparisons and print their results."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", ConvergenceWarning)
    print(
        f"{platform.machine()}, Python {platform.python_version()}, NumPy {np.__version__}, "
        f"PyTorch {torch.__version__}, scikit-learn {sklearn.__version__}, tabm {tabm.__version__}; one thread\n"
    )
    compare_epochs()
    measure_products()
    compare_ensembles()
    measure_growth()


def compare_epochs() -> None:
    """Time an epoch of the same network in three libraries."""
    x, y = data(ROWS)
    print(f"An epoch of {'-'.join(map(str, WIDTHS))}, batch {BATCH}, AdamW, {ROWS:,} rows, float32:\n")
    report(
        {
            "estimator.network": network_epoch(plain_network(), x, y),
            "PyTorch, fused AdamW": torch_epoch(torch_network(), x, y),
            "scikit-learn MLPRegressor": sklearn_epoch(x, y),
            "scikit-learn MLPRegressor, float64 as by default": sklearn_epoch(
                x.astype(np.float64), y.astype(np.float64)
            ),
        }
    )


def measure_products() -> None:
    """Measure the speed of the matrix products in a training, and compare it with a single large product."""
    x, y = data(ROWS)
    epoch = network_epoch(plain_network(), x, y)
    epoch()
    machine, rates, shares = [], [], []
    for _ in range(ROUNDS):
        machine.append(sgemm_rate())
        started = time.perf_counter()
        rate, seconds = measure_matmul(epoch)
        rates.append(rate)
        shares.append(seconds / (time.perf_counter() - started))
    share = np.median(np.array(rates) / np.array(machine))
    print(f"One matrix product of 1024 × 1024 × 1024 on this machine: {np.median(machine):.0f} GFLOP/s")
    print(f"Matrix products in the training: {np.median(rates):.0f} GFLOP/s, {share:.0%} of that;")
    print(f"they take {np.median(shares):.0%} of the epoch's time\n")


def compare_ensembles() -> None:
    """Compare an ensemble of eight members: one layer forward and backward, and whole epochs."""
    rng = np.random.default_rng(0)
    print(f"One layer of {MEMBERS} members, 256 → 256, {BATCH} rows, forward and backward:\n")
    report(
        {
            "estimator.network": network_layer(rng),
            "PyTorch, tabm.LinearBatchEnsemble": torch_layer(),
        },
        repeats=20,
    )
    x, y = data(ROWS // 4)
    shape = f"{'-'.join(map(str, WIDTHS))}, {MEMBERS} members"
    print(f"An epoch of TabM, {shape}, batch {BATCH}, AdamW, {len(x):,} rows:\n")
    torch_model = tabm.TabM(
        n_num_features=WIDTHS[0],
        d_out=1,
        k=MEMBERS,
        n_blocks=len(WIDTHS) - 2,
        d_block=WIDTHS[1],
        dropout=0.0,
        arch_type="tabm",
        start_scaling_init="random-signs",
    )
    report(
        {
            "estimator.network": network_epoch(Network(tabm_layers(), rng=rng), x, y),
            "PyTorch, tabm.TabM, fused AdamW": torch_epoch(torch_model, x, y, members=MEMBERS),
        }
    )


def measure_growth() -> None:
    """Measure time and memory by the number of rows, from arrays and from a memory map."""
    print("An epoch of 32-64-64-1, batch 256, by number of rows:\n")
    print("| rows | seconds | µs per row | memory above the data, MB | from a memory map: seconds | memory, MB |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    for rows in (10_000, 100_000, 1_000_000):
        x, y = data(rows)
        seconds, memory = cost(partial(Batches, x, y, BATCH))
        with tempfile.TemporaryDirectory() as folder:
            mapped_x, mapped_y = as_memory_map(x, Path(folder) / "x"), as_memory_map(y, Path(folder) / "y")
            mapped_seconds, mapped_memory = cost(partial(BlockBatches, mapped_x, mapped_y, BATCH, block=50_000))
            del mapped_x, mapped_y
        per_row = 1e6 * seconds / rows
        times = f"{seconds:.2f} | {per_row:.2f} | {memory:.1f} | {mapped_seconds:.2f} | {mapped_memory:.1f}"
        print(f"| {rows:,} | {times} |", flush=True)


def data(rows: int) -> tuple[Array, Array]:
    """Draw random examples ``(rows, 32)`` and targets ``(rows, 1)``."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((rows, WIDTHS[0]), np.float32)
    return x, np.sin(x[:, :4].sum(axis=1, keepdims=True))


def plain_layers(widths: tuple[int, ...]) -> list[Layer]:
    layers: list[Layer] = []
    for n_in, n_out in pairwise(widths):
        layers += [Dense(n_in, n_out), ReLU()]
    return layers[:-1]


def plain_network() -> Network:
    return Network(plain_layers(WIDTHS), rng=np.random.default_rng(0))


def tabm_layers() -> list[Layer]:
    layers: list[Layer] = [batch_ensemble_dense(MEMBERS, *WIDTHS[:2], scale_in=random_signs), ReLU()]
    for n_in, n_out in pairwise(WIDTHS[1:-1]):
        layers += [batch_ensemble_dense(MEMBERS, n_in, n_out), ReLU()]
    return [*layers, MemberDense(MEMBERS, *WIDTHS[-2:])]


def network_epoch(network: Network, x: Array, y: Array) -> Callable[[], object]:
    rng, batches, optimiser, loss = np.random.default_rng(0), Batches(x, y, BATCH), AdamW(), MSE()
    return lambda: train(network, batches, loss=loss, optimiser=optimiser, rng=rng, plan=Plan(epochs=1))


def torch_network() -> Any:
    layers: list[Any] = []
    for n_in, n_out in pairwise(WIDTHS):
        layers += [torch.nn.Linear(n_in, n_out), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def torch_epoch(model: Any, x: Array, y: Array, members: int | None = None) -> Callable[[], None]:
    tx, ty = torch.from_numpy(x), torch.from_numpy(y)
    if members:
        ty = ty[:, None].expand(-1, members, -1)
    optimiser = torch.optim.AdamW(model.parameters(), weight_decay=1e-2, fused=True)

    def epoch() -> None:
        order = torch.randperm(len(tx))
        for start in range(0, len(tx), BATCH):
            rows = order[start : start + BATCH]
            optimiser.zero_grad()
            torch.nn.functional.mse_loss(model(tx[rows]), ty[rows]).backward()
            optimiser.step()

    return epoch


def sklearn_epoch(x: Array, y: Array) -> Callable[[], object]:
    model = MLPRegressor(hidden_layer_sizes=WIDTHS[1:-1], batch_size=BATCH, max_iter=1)
    return lambda: model.fit(x, y[:, 0])


def network_layer(rng: np.random.Generator) -> Callable[[], object]:
    network = Network([batch_ensemble_dense(MEMBERS, 256, 256)], rng=rng)
    x, dy = (rng.standard_normal((MEMBERS, BATCH, 256), np.float32) for _ in range(2))

    def step() -> None:
        network.forward(x)
        network.backward(dy)

    return step


def torch_layer() -> Callable[[], object]:
    layer = tabm.LinearBatchEnsemble(256, 256, k=MEMBERS, scaling_init="ones")
    x, dy = torch.randn(BATCH, MEMBERS, 256, requires_grad=True), torch.randn(BATCH, MEMBERS, 256)

    def step() -> None:
        layer.zero_grad()
        x.grad = None
        layer(x).backward(dy)

    return step


def report(candidates: dict[str, Callable[[], object]], repeats: int = 1) -> None:
    """Time the candidates in turn and print a table; the ratios are those of the first candidate to the others."""
    for run in candidates.values():
        run()
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(ROUNDS):
        for name, run in candidates.items():
            seconds[name].append(timed(run, repeats))
    first = np.array(next(iter(seconds.values())))
    print("| | median seconds | minimum … maximum | time of estimator.network ÷ this |")
    print("| --- | ---: | ---: | ---: |")
    for name, times in seconds.items():
        ratio = np.median(first / np.array(times))
        print(f"| {name} | {np.median(times):.4f} | {min(times):.4f} … {max(times):.4f} | {ratio:.2f} |")
    print(flush=True)


def measure_matmul(epoch: Callable[[], object]) -> tuple[float, float]:
    """Return the GFLOP/s of all matrix products in an epoch, and the seconds spent in them."""
    matmul, seconds, operations = np.matmul, 0.0, 0

    def timed_matmul(a: Array, b: Array, out: Array) -> Array:
        nonlocal seconds, operations
        started = time.perf_counter()
        matmul(a, b, out=out)
        seconds += time.perf_counter() - started
        operations += 2 * a.shape[-1] * out.size
        return out

    np.matmul = timed_matmul  # type: ignore[assignment]
    try:
        epoch()
    finally:
        np.matmul = matmul
    return 1e-9 * operations / seconds, seconds


def as_memory_map(array: Array, path: Path) -> Array:
    """Write the array to a file and return it as a read-only memory map."""
    memory_map = np.memmap(path, array.dtype, "w+", shape=array.shape)
    memory_map[:] = array
    memory_map.flush()
    return np.memmap(path, array.dtype, "r", shape=array.shape)


def cost(source: Callable[[], Source]) -> tuple[float, float]:
    """Return the median duration of three epochs in seconds, and the peak memory of an epoch in MB."""

    def epoch() -> None:
        network = Network(plain_layers((WIDTHS[0], 64, 64, 1)), rng=np.random.default_rng(0))
        train(network, source(), loss=MSE(), optimiser=AdamW(), rng=np.random.default_rng(0), plan=Plan(epochs=1))

    seconds = float(np.median([timed(epoch) for _ in range(3)]))
    tracemalloc.start()
    epoch()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return seconds, peak / 1e6


if __name__ == "__main__":
    main()
