"""Progress bars on stderr; silent if that is not a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from tqdm import tqdm

from estimator.model.ensemble import EpochEvent


class ProgressBar:
    """A callback of `PriceModel.fit` that shows the epochs of all networks in one bar.

    Examples
    --------
    >>> with ProgressBar("training") as bar:
    ...     PriceModel.fit(market, sales, validation, rng, callbacks=[bar])
    """

    def __init__(self, description: str) -> None:
        self._bar = tqdm(
            desc=description, unit=" epochs", disable=None
        )  # None: silent if stderr is not a terminal

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()

    def __call__(self, event: EpochEvent) -> None:
        """Advance the bar to this epoch, past those that early stopping saved."""
        self._bar.total = event.planned
        loss, validation = event.epoch.train_loss, event.epoch.validation_loss
        self._bar.set_postfix_str(
            f"loss {loss:.4f}" + ("" if validation is None else f", validation {validation:.4f}"), refresh=False
        )
        self._bar.update(event.done - self._bar.n)


@contextmanager
def step_bar(description: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    """Give a function that shows how many steps are done, and of how many; the bar appears with the first step."""
    with tqdm(desc=description, unit=unit, disable=None, delay=1e-9) as bar:

        def show(done: int, count: int) -> None:
            bar.total = count
            bar.update(done - bar.n)

        yield show
