"""Shows how far a training is: a bar on the error stream, nothing where that is no terminal."""

from types import TracebackType
from typing import Self

from tqdm import tqdm

from estimator.model.ensemble import Moment


class ProgressBar:
    """A callback of `PriceModel.fit` that shows a bar of all networks' epochs.

    Examples
    --------
    >>> with ProgressBar("training") as bar:
    ...     PriceModel.fit(market, sales, validation, rng, callbacks=[bar])
    """

    def __init__(self, what: str) -> None:
        self._bar = tqdm(desc=what, unit=" epochs", disable=None)  # None: silent when not a terminal

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()

    def __call__(self, moment: Moment) -> None:
        """Move the bar on to this epoch, past those that a network did not need."""
        self._bar.total = moment.planned
        loss, validation = moment.epoch.train_loss, moment.epoch.validation_loss
        self._bar.set_postfix_str(
            f"loss {loss:.4f}" + ("" if validation is None else f", validation {validation:.4f}"), refresh=False
        )
        self._bar.update(moment.done - self._bar.n)
