"""What is counted, for Prometheus, of all workers together. Knows no homes beyond the names of their facts.

prometheus_client decides when it is imported whether processes count together: `share_counts` comes before.
"""

import datetime as dt
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from estimator.market.arrays import BoolArray
from estimator.market.facts import Facts

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The variable that names the folder in which processes count together."""

_REGISTRY = CollectorRegistry()
_SECONDS = (0.001, 0.002, 0.004, 0.008, 0.016, 0.03, 0.06, 0.12, 0.25, 0.5, 1, 2, 4, 8)
"""Buckets: one home takes milliseconds, the longest list some seconds."""

_requests = Counter("estimator_requests", "Requests answered.", ["method", "route", "status"], registry=_REGISTRY)
_latency = Histogram(
    "estimator_request_seconds", "Time to answer.", ["route"], registry=_REGISTRY, buckets=_SECONDS
)
_valued = Counter("estimator_rows_valued", "Homes that got a price.", registry=_REGISTRY)
_refused = Counter("estimator_rows_refused", "Homes that got none.", ["reason"], registry=_REGISTRY)
_failed_loads = Counter(
    "estimator_failed_loads", "Versions that could not be served, once each for every worker.", registry=_REGISTRY
)
_serving = Gauge(
    "estimator_workers_serving",
    "Workers that serve a version.",
    ["model_version"],
    registry=_REGISTRY,
    multiprocess_mode="livesum",
)
_created = Gauge(
    "estimator_model_created_timestamp_seconds",
    "When the served version was saved.",
    registry=_REGISTRY,
    multiprocess_mode="livemostrecent",
)
_deviations = Gauge(
    "estimator_input_deviation_sum",
    "Sum of (value - training mean)/training standard deviation of a fact's values in requests.",
    ["fact"],
    registry=_REGISTRY,
    multiprocess_mode="sum",
)
_inputs = Gauge(
    "estimator_input_count", "A fact's values in requests.", ["fact"], registry=_REGISTRY, multiprocess_mode="sum"
)


def count_request(method: str, route: str, status: int, seconds: float) -> None:
    """Count an answer; `route` is a rule of the application, never a path as it was sent."""
    _requests.labels(method, route, str(status)).inc()
    _latency.labels(route).observe(seconds)


def count_valued(rows: int) -> None:
    """Count homes that got a price."""
    _valued.inc(rows)


def count_refused(reason: str, rows: int = 1) -> None:
    """Count homes that got none, by the kind of problem."""
    if rows:
        _refused.labels(reason).inc(rows)


def count_failed_load() -> None:
    """Count a version that cannot be served."""
    _failed_loads.inc()


_served: list[str] = []


def set_served_version(version: str, created: str) -> None:
    """Say which version this worker serves from now on."""
    for before in _served:
        _serving.labels(before).set(0)
    _served[:] = [version]
    _serving.labels(version).set(1)
    _created.set(dt.datetime.fromisoformat(created).timestamp())


def observe_inputs(facts: Facts, rows: BoolArray, inputs: Mapping[str, Mapping[str, float]]) -> None:
    """Add the facts of valued homes to what drift is told by.

    Parameters
    ----------
    rows
        Which of the n homes count, shape (n,).
    inputs
        Number's name → its `mean` and `standard_deviation` among the sales of the training.
    """
    for name, figures in inputs.items():
        values = facts[name][rows]
        known = values[~np.isnan(values)]
        if len(known):
            _deviations.labels(name).inc(float((known - figures["mean"]).sum()) / figures["standard_deviation"])
            _inputs.labels(name).inc(len(known))


def exposition() -> bytes:
    """Return all that was counted, by all processes that share a folder, in Prometheus' text format."""
    folder = os.environ.get(FOLDER)
    if folder is None:
        return _told(_REGISTRY)
    _forget_dead(Path(folder))
    registry = CollectorRegistry()
    MultiProcessCollector(registry, folder)  # type: ignore[no-untyped-call]
    return _told(registry)


def _told(counted: CollectorRegistry) -> bytes:
    told = CollectorRegistry()
    told.register(_WithDerived(list(counted.collect())))
    return generate_latest(told)


class _WithDerived(Collector):
    """Figures as counted, and those that follow from them."""

    def __init__(self, counted: list[Metric]) -> None:
        self._counted = counted

    def collect(self) -> Iterable[Metric]:
        by_name = {metric.name: metric for metric in self._counted}
        yield from self._counted
        now = dt.datetime.now(dt.UTC).timestamp()
        for sample in _samples(by_name, "estimator_model_created_timestamp_seconds"):
            if sample.value:
                age = now - sample.value
                yield GaugeMetricFamily("estimator_model_age_seconds", "Since the served version was saved.", age)
        drift = GaugeMetricFamily(
            "estimator_input_drift",
            "Mean of a fact in requests since the start, from that of the training sales, in their standard"
            " deviations.",
            labels=["fact"],
        )
        counts = {sample.labels["fact"]: sample.value for sample in _samples(by_name, "estimator_input_count")}
        for sample in _samples(by_name, "estimator_input_deviation_sum"):
            fact = sample.labels["fact"]
            if counts.get(fact):
                drift.add_metric([fact], sample.value / counts[fact])
        yield drift


def _samples(metrics: Mapping[str, Metric], name: str) -> list[Any]:
    return metrics[name].samples if name in metrics else []


def _forget_dead(folder: Path) -> None:
    """Drop what workers that are gone said of the present; what they counted stays."""
    for file in folder.glob("gauge_live*.db"):
        pid = re.search(r"_([0-9]+)\.db$", file.name)
        if pid is not None and not _runs(int(pid[1])):
            mark_process_dead(int(pid[1]), str(folder))  # type: ignore[no-untyped-call]


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
