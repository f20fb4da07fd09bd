from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from estimator.model import distillation
from estimator.model.distillation import JITTERED_PER_SALE, MAX_SWAPPED_SHARE, jitter, teach_student
from estimator.model.ensemble import predict_mean, train_ensemble
from estimator.model.recipe import Recipe
from estimator.model.training_set import TrainingSet
from estimator.network import StackedNetworks

RECIPE = Recipe(networks=3, epochs=5, width=16, members=2, waves=4)


def test_jittered_homes_have_columns_of_other_homes_and_most_of_their_own() -> None:
    columns = np.arange(40_000, dtype=np.float32).reshape(4000, 10)
    jittered = jitter(columns, JITTERED_PER_SALE, np.random.default_rng(0))
    assert jittered.shape == (JITTERED_PER_SALE * len(columns), 10)
    assert np.all(jittered % 10 == np.arange(10)), "each column comes from the same column of a home"
    own = jittered == np.tile(columns, (JITTERED_PER_SALE, 1))
    assert own.mean() == pytest.approx(1 - MAX_SWAPPED_SHARE / 2, abs=0.01)
    assert np.std(own.mean(axis=1)) > 0.15, "some homes keep nearly all columns, others half of them"


def test_a_student_is_nearer_to_its_teachers_mean_than_any_of_them(training_set: TrainingSet) -> None:
    teachers = train_ensemble(training_set, RECIPE, np.random.default_rng(1)).networks
    student = teach_student(training_set, teachers, RECIPE, np.random.default_rng(2))
    columns = training_set.validation.columns  # neither learned from these homes

    def distance(network: StackedNetworks) -> float:
        mean = predict_mean(StackedNetworks(teachers), columns)
        return float(np.sqrt(np.mean((predict_mean(network, columns) - mean) ** 2)))

    nearest = min(distance(StackedNetworks([teacher])) for teacher in teachers)
    assert distance(StackedNetworks([student])) < nearest
    assert len(student.parameters.vector) < len(teachers[0].parameters.vector)


def test_a_student_goes_on_learning_from_where_it_is(training_set: TrainingSet) -> None:
    teachers = train_ensemble(training_set, RECIPE, np.random.default_rng(1)).networks
    student = teach_student(training_set, teachers, RECIPE, np.random.default_rng(2))
    before = student.parameters.vector.tobytes()
    later = teach_student(training_set, teachers, RECIPE, np.random.default_rng(3), student)
    assert student.parameters.vector.tobytes() == before, "it is not changed"
    columns = training_set.validation.columns
    mean, first, second = (
        predict_mean(StackedNetworks(networks), columns) for networks in (teachers, [student], [later])
    )
    assert np.mean((second - mean) ** 2) <= np.mean((first - mean) ** 2)


def test_a_student_learns_from_its_teachers_alone(training_set: TrainingSet) -> None:
    teachers = train_ensemble(training_set, RECIPE, np.random.default_rng(1)).networks
    without_prices = replace(training_set, target=np.full_like(training_set.target, np.nan))
    students = [
        teach_student(given, teachers, RECIPE, np.random.default_rng(2))
        for given in (training_set, without_prices)
    ]
    assert students[0].parameters.vector.tobytes() == students[1].parameters.vector.tobytes()


def test_a_student_of_many_sales_learns_from_some_of_them(
    training_set: TrainingSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    teachers = train_ensemble(training_set, RECIPE, np.random.default_rng(1)).networks
    few = len(training_set.columns) // 2
    monkeypatch.setattr(distillation, "MAX_SOLD", few)
    student = teach_student(training_set, teachers, RECIPE, np.random.default_rng(2))
    half = replace(training_set, columns=training_set.columns[drawn(len(training_set.columns), few)])
    rng = np.random.default_rng(2)
    rng.choice(len(training_set.columns), few, replace=False)
    same = teach_student(half, teachers, RECIPE, rng)
    assert student.parameters.vector.tobytes() == same.parameters.vector.tobytes()


def drawn(n: int, few: int) -> NDArray[np.intp]:
    return np.sort(np.random.default_rng(2).choice(n, few, replace=False))
