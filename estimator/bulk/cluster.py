"""Files valued on a Dask cluster: which worker does what, and again if one dies, is Dask's work.

Needs the optional packages of the group `dask`, and a folder that all machines share under one path.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from estimator.bulk.parts import Counts, Distribute, Done, Part
from estimator.cluster import connect


@contextmanager
def on_cluster(address: str) -> Iterator[Distribute]:
    """Connect to the scheduler of a cluster; give what values files on its workers.

    Raises
    ------
    DataError
        As `connect`.
    """
    with connect(address) as client:
        yield lambda function, parts: _value(client, function, parts)


def _value(client: Any, function: Callable[[Part], Counts], parts: Sequence[Part]) -> Done:
    """Give each part with its counts as it is done; the largest files begin, so that workers end together."""
    import distributed  # noqa: PLC0415

    ordered = sorted(parts, key=lambda part: -part.source.stat().st_size)
    # Impure: writing a file is the point, so no earlier result may stand in for it.
    futures = dict(zip(client.map(function, ordered, pure=False), ordered, strict=True))
    for future, counts in distributed.as_completed(list(futures), with_results=True):
        yield futures[future], counts
