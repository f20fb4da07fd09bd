"""Shows how far a training is: a bar on the error stream, nothing where that is no terminal."""

from types import TracebackType
from typing import Self

from tqdm import tqdm

from estimator.network import Epoch, Network


class ProgressBar:
    """A callback of `estimator.network.train` that shows a bar of its epochs.

    Examples
    --------
    >>> with ProgressBar("training") as bar:
    ...     train(network, batches, ..., callbacks=[bar])
    """

    def __init__(self, what: str) -> None:
        self._bar = tqdm(desc=what, unit=" epochs", disable=None)  # None: silent when not a terminal

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()

    def __call__(self, _: Network, epoch: Epoch) -> None:
        """Move the bar on to this epoch, past those that a network did not need."""
        self._bar.total = epoch.planned
        self._bar.set_postfix_str(
            f"loss {epoch.train_loss:.4f}"
            + ("" if epoch.validation_loss is None else f", validation {epoch.validation_loss:.4f}"),
            refresh=False,
        )
        self._bar.update(epoch.number - self._bar.n)
