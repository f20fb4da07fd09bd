"""What the student loses, against errors computed here."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from estimator.appraiser import Appraiser
from estimator.assessment.student import student_loss
from estimator.market.arrays import FloatArray
from estimator.market.sales import Parts
from estimator.registry import load_version

pytestmark = pytest.mark.training


def test_the_errors_of_student_and_teacher_are_compared_on_the_same_sales(
    small_models: Path, parts: Parts
) -> None:
    test = parts.test
    student, teacher = (load_version(small_models, teacher=chosen).appraiser for chosen in (False, True))
    both = replace(student, model=replace(student.model, teacher=teacher.model.networks))
    loss = student_loss(both, test)
    assert loss is not None

    def values(appraiser: Appraiser) -> FloatArray:
        return appraiser.value(test.facts, test.date, earlier_sales_only=True).price

    student = student.valued_by(student.model.trained)
    for appraiser, found in ((student, loss.log_rmse), (teacher, loss.teacher_log_rmse)):
        error = np.log(values(appraiser)) - np.log(test.price)
        assert found == pytest.approx(np.sqrt(np.nanmean(error**2)))
    share = np.nanmedian(np.abs(values(student) - values(teacher)) / values(teacher))
    assert loss.median_difference == pytest.approx(100 * share)


def test_without_a_teacher_nothing_is_compared(appraiser: Appraiser, parts: Parts) -> None:
    assert student_loss(appraiser, parts.test) is None
