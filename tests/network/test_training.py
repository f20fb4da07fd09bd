import tracemalloc
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from estimator.network import (
    MSE,
    RMSE,
    AdamW,
    Batches,
    BlockBatches,
    Dense,
    Dropout,
    Epoch,
    GradientDescent,
    History,
    Layer,
    MemberBias,
    MemberDense,
    MemberScale,
    Network,
    NonFiniteLossError,
    Periodic,
    Plan,
    ReLU,
    Source,
    StopTraining,
    Stream,
    cosine,
    train,
)
from estimator.network.arrays import Array

pytestmark = pytest.mark.usefixtures("one_blas_thread")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(400, 3))
Y = np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2]


def network(seed: int = 0) -> Network:
    layers: list[Layer] = [Dense(3, 32), ReLU(), Dropout(0.1), Dense(32, 32), ReLU(), Dense(32, 1)]
    return Network(layers, rng=np.random.default_rng(seed))


def learn(learner: Network, batches: Source | None = None, **more: Any) -> History:
    """Train with default settings."""
    settings: dict[str, Any] = {"loss": MSE(), "optimiser": AdamW(), "rng": np.random.default_rng(0)} | more
    return train(learner, batches or Batches(X, Y), **settings)


def trained(seed: int = 0, *, of: Network | None = None, **plan: object) -> tuple[Network, History]:
    learner = of or network()
    history = train(
        learner,
        Batches(X[:300], Y[:300], 32),
        loss=RMSE(),
        optimiser=AdamW(1e-2),
        rng=np.random.default_rng(seed),
        plan=Plan(**{"epochs": 12} | plan),  # type: ignore[arg-type]
        validation=(X[300:], Y[300:]),
    )
    return learner, history


def test_training_lowers_the_loss() -> None:
    _, history = trained(epochs=60, schedule=cosine)
    assert history.epochs[-1].train_loss < 0.4 * history.epochs[0].train_loss
    assert history.kept.validation_loss is not None
    assert history.kept.validation_loss < 0.45 * Y.std()


def test_the_same_seed_gives_the_same_weights_bit_for_bit() -> None:
    first, second, other = (trained(seed, average_decay=0.9, clip_norm=1.0)[0] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.parameters.vector, second.parameters.vector)
    assert not np.array_equal(first.parameters.vector, other.parameters.vector)


def test_the_best_weights_are_kept() -> None:
    losses = [5.0, 3.0, 4.0, 3.5]
    weights: list[Array] = []

    def metric(learner: Network) -> float:
        weights.append(learner.parameters.vector.copy())
        return losses[len(weights) - 1]

    learner = network()
    history = learn(learner, plan=Plan(epochs=4), validation=metric)
    np.testing.assert_array_equal(learner.parameters.vector, weights[1])
    assert history.kept.number == 2
    assert [epoch.validation_loss for epoch in history.epochs] == losses
    assert [epoch.best for epoch in history.epochs] == [True, True, False, False]


@pytest.mark.parametrize(("patience", "epochs"), [(1, 3), (2, 5), (None, 8)])
def test_patience_stops_the_training_early(patience: int | None, epochs: int) -> None:
    losses = iter(
        [5.0, 4.0, 4.0, 3.0, 3.5, 3.6, 3.7, 3.8] if patience != 2 else [5.0, 4.0, 3.0, 3.5, 3.6, 0, 0, 0]
    )
    history = learn(network(), plan=Plan(epochs=8, patience=patience), validation=lambda _: next(losses))
    assert len(history.epochs) == epochs


def test_a_validation_loss_of_zero_counts_as_best() -> None:
    losses = iter([1.0, 0.0, 0.5])
    history = learn(network(), plan=Plan(epochs=3), validation=lambda _: next(losses))
    assert history.kept.number == 2


def test_without_validation_the_last_weights_are_kept() -> None:
    def after(epochs: int) -> Network:
        learner = network()
        learn(learner, plan=Plan(epochs=epochs))
        return learner

    assert not np.array_equal(after(2).parameters.vector, after(3).parameters.vector)


def test_the_average_is_validated_and_kept() -> None:
    validated: list[Array] = []
    learner = network()
    train(
        learner,
        Batches(X, Y),
        loss=MSE(),
        optimiser=AdamW(1e-2),
        rng=np.random.default_rng(0),
        plan=Plan(epochs=3, average_decay=0.9),
        callbacks=[lambda trained, _: validated.append(trained.parameters.vector.copy())],
    )
    plain = network()
    train(
        plain,
        Batches(X, Y),
        loss=MSE(),
        optimiser=AdamW(1e-2),
        rng=np.random.default_rng(0),
        plan=Plan(epochs=3),
    )
    np.testing.assert_array_equal(learner.parameters.vector, validated[-1])
    difference = np.abs(learner.parameters.vector - plain.parameters.vector).max()
    assert 0 < difference < 0.1  # not the same weights, but near: averaging does not change the steps themselves


def test_the_history_records_all_epochs() -> None:
    _, history = trained(epochs=4, schedule=cosine)
    assert [epoch.number for epoch in history.epochs] == [1, 2, 3, 4]
    rates = [epoch.learning_rate for epoch in history.epochs]
    last_steps = [(number + 9 / 10) / 4 for number in range(4)]
    assert rates == pytest.approx([1e-2 * cosine(t) for t in last_steps])
    assert all(epoch.seconds > 0 and epoch.planned == 4 for epoch in history.epochs)


def test_a_callback_is_called_after_every_epoch_and_can_stop_the_training() -> None:
    epochs: list[int] = []

    def stop_after_three(_: Network, epoch: Epoch) -> None:
        epochs.append(epoch.number)
        if epoch.number == 3:
            raise StopTraining

    history = learn(network(), callbacks=[stop_after_three])
    assert epochs == [1, 2, 3]
    assert len(history.epochs) == 3


def test_on_step_is_called_after_every_step_and_changes_nothing() -> None:
    calls: list[tuple[int, Array]] = []
    observed, _ = trained(
        epochs=2, on_step=lambda learner, done: calls.append((done, learner.parameters.vector.copy()))
    )
    plain, _ = trained(epochs=2)
    np.testing.assert_array_equal(observed.parameters.vector, plain.parameters.vector)
    assert [done for done, _ in calls] == list(range(2 * 10 + 1))  # 300 examples, 32 per step: 10 steps per epoch
    np.testing.assert_array_equal(calls[0][1], network().parameters.vector)
    assert all((one != other).any() for (_, one), (_, other) in pairwise(calls))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_loss_that_is_not_finite_stops_the_training_with_an_error(bad: float) -> None:
    x = X.copy()
    x[7, 1] = bad
    with pytest.raises(NonFiniteLossError, match=r"loss became (nan|inf) in epoch 1 at learning rate 0.001"):
        learn(network(), batches=Batches(x, Y))


def test_a_diverging_training_raises_an_error_with_advice() -> None:
    with pytest.raises(NonFiniteLossError, match="lower the learning rate"):
        train(network(), Batches(X, Y), loss=MSE(), optimiser=GradientDescent(1e4), rng=np.random.default_rng(0))


def test_clipping_prevents_divergence() -> None:
    history = train(
        network(),
        Batches(X, 1e3 * Y),
        loss=MSE(),
        optimiser=GradientDescent(0.1),
        rng=np.random.default_rng(0),
        plan=Plan(epochs=3, clip_norm=1.0),
    )
    assert np.isfinite(history.epochs[-1].train_loss)


def test_a_validation_loss_that_is_not_finite_is_an_error() -> None:
    with pytest.raises(NonFiniteLossError, match="validation loss became nan in epoch 1"):
        learn(network(), validation=lambda _: float("nan"))


def test_fewer_than_one_epoch_is_refused() -> None:
    with pytest.raises(ValueError, match="epochs must be at least 1, not 0"):
        Plan(epochs=0)


def test_patience_without_validation_is_refused() -> None:
    with pytest.raises(ValueError, match="patience"):
        learn(network(), plan=Plan(patience=3))


def test_a_stream_without_batches_is_an_error() -> None:
    def nothing(rng: np.random.Generator) -> Iterator[tuple[Array, Array]]:
        return iter(())

    with pytest.raises(ValueError, match="no batches in epoch 1"):
        train(network(), Stream(nothing, 1), loss=MSE(), optimiser=AdamW(), rng=np.random.default_rng(0))


def test_augmentation_can_make_inputs_missing_at_random() -> None:
    """A network trained with its first input missing in half of the rows predicts well without it."""

    def drop_first(x: Array, rng: np.random.Generator) -> None:
        x[rng.random(len(x)) < 0.5, 0] = 0

    y = X[:, 0] + X[:, 1]
    x = np.column_stack(
        [X[:, 0], X[:, 1], X[:, 0] + 0.1 * RNG.normal(size=400)]
    )  # the third is nearly a copy of the first
    without = x * [0, 1, 1]
    errors = []
    for augment in (None, drop_first):
        learner = Network([Dense(3, 16), ReLU(), Dense(16, 1)], rng=np.random.default_rng(1))
        train(
            learner,
            Batches(x, y, 32, augment=augment),
            loss=MSE(),
            optimiser=AdamW(1e-2),
            rng=np.random.default_rng(0),
            plan=Plan(epochs=40, schedule=cosine),
        )
        errors.append(float(np.mean((learner.predict(without)[:, 0] - y) ** 2)))
    assert errors[1] < 0.5 * errors[0]


def test_training_works_from_a_memory_map_and_from_an_iterator(tmp_path: Path) -> None:
    x = np.memmap(tmp_path / "x", np.float32, "w+", shape=X.shape)
    y = np.memmap(tmp_path / "y", np.float32, "w+", shape=(400, 1))
    x[:], y[:, 0] = X, Y

    def pieces(rng: np.random.Generator) -> Iterator[tuple[Array, Array]]:
        for start in rng.permutation(np.arange(0, 400, 25)):
            yield X[start : start + 25], Y[start : start + 25]

    for source in (BlockBatches(x, y, 25, block=150), Stream(pieces, 16)):
        learner = network()
        train(
            learner,
            source,
            loss=RMSE(),
            optimiser=AdamW(1e-2),
            rng=np.random.default_rng(0),
            plan=Plan(epochs=40, schedule=cosine),
        )
        assert np.sqrt(np.mean((learner.predict(X)[:, 0] - Y) ** 2)) < 0.35 * Y.std()


def ensemble() -> list[Layer]:
    first: list[Layer] = [Periodic(16, 8, 4), ReLU(), MemberScale(4, 64), Dense(64, 64), MemberBias(4, 64), ReLU()]
    return [*first, Dropout(0.1), Dense(64, 64), MemberBias(4, 64), ReLU(), MemberDense(4, 64, 1)]


def plain() -> list[Layer]:
    return [Dense(16, 64), ReLU(), Dropout(0.1), Dense(64, 64), ReLU(), Dense(64, 1)]


@pytest.mark.parametrize("layers", [plain(), ensemble()], ids=["plain", "ensemble"])
def test_the_training_loop_allocates_no_batch_sized_arrays(layers: list[Layer]) -> None:
    """After the first epochs, an epoch may not allocate half of the smallest such array (x, 4096 × 16 floats)."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(16384, 16)), rng.normal(size=16384)
    learner = Network(layers, rng=rng)
    sizes: list[int] = []

    def measure(_: Network, epoch: Epoch) -> None:
        if epoch.number == 2:
            tracemalloc.start()
            tracemalloc.reset_peak()
            sizes.append(tracemalloc.get_traced_memory()[0])
        if epoch.number == 4:
            sizes.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()

    train(
        learner,
        Batches(x, y, 4096),
        loss=RMSE(),
        optimiser=AdamW(),
        rng=rng,
        plan=Plan(epochs=4, clip_norm=1.0),
        callbacks=[measure],
    )
    before, peak = sizes
    assert peak - before < 4096 * 16 * 4 / 2
