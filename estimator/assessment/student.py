"""What is lost because one network values homes in the place of those that taught it."""

from dataclasses import asdict, dataclass

import numpy as np

from estimator.appraiser import Appraiser
from estimator.market.arrays import FloatArray
from estimator.market.sales import Sales


@dataclass(frozen=True)
class StudentLoss:
    """Errors of a student and of its teacher on the same sales.

    Parameters
    ----------
    log_rmse, teacher_log_rmse
        Root mean square of log(value/price).
    median_difference
        Median distance of the student's value from its teacher's, percent.
    """

    log_rmse: float
    teacher_log_rmse: float
    median_difference: float

    def as_dict(self) -> dict[str, float]:
        """Return the figures as JSON stores them."""
        return asdict(self)


def student_loss(appraiser: Appraiser, sales: Sales) -> StudentLoss | None:
    """Compare an appraiser's student with its teacher on sales that neither knows; None if it has no teacher.

    Both as they were trained: what the student has learned since, the teacher has not.
    """
    teacher = appraiser.model.teacher
    if teacher is None:
        return None
    own, taught_by = (
        each.value(sales.facts, sales.date, earlier_sales_only=True).price
        for each in (appraiser.valued_by(appraiser.model.trained), appraiser.valued_by(teacher))
    )
    valued = ~np.isnan(own)
    if not valued.any():
        return None

    def log_rmse(value: FloatArray) -> float:
        return float(np.sqrt(np.mean(np.log(value[valued] / sales.price[valued]) ** 2)))

    difference = float(np.median(np.abs(own[valued] / taught_by[valued] - 1)))
    return StudentLoss(log_rmse(own), log_rmse(taught_by), 100 * difference)
