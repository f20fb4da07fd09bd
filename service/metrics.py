"""Metrics for Prometheus, of all workers together. Knows nothing of homes except the names of their facts.

prometheus_client reads `FOLDER` when it is first imported: `service.__main__` sets it before.
"""

import atexit
import datetime as dt
import os
import re
import threading
import time
from collections.abc import Iterable, Mapping
from functools import cache
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
"""Environment variable with the folder in which the workers store their metrics."""

FLUSH_SECONDS = 0.5
"""How long the facts of valued homes wait for the drift metrics, so that a scrape sees what was answered over a
second ago. Writing them for each request took as long as all other metrics, the log and the headers together."""
MAX_WAITING_HOMES = 10_000
"""Homes whose facts wait at a time: as many as in the longest list, some megabytes."""

_REGISTRY = CollectorRegistry()
_SECONDS = (0.001, 0.002, 0.004, 0.008, 0.016, 0.03, 0.06, 0.12, 0.25, 0.5, 1, 2, 4, 8)
"""Histogram buckets: one home takes milliseconds, the longest list a few seconds."""

_requests = Counter("estimator_requests", "Answered requests.", ["method", "route", "status"], registry=_REGISTRY)
_latency = Histogram(
    "estimator_request_seconds", "Time to answer a request.", ["route"], registry=_REGISTRY, buckets=_SECONDS
)
_valued = Counter("estimator_rows_valued", "Homes that were valued.", registry=_REGISTRY)
_refused = Counter("estimator_rows_refused", "Homes that were not valued.", ["reason"], registry=_REGISTRY)
_failed_loads = Counter(
    "estimator_failed_loads", "Versions that could not be loaded, counted once per worker.", registry=_REGISTRY
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
    "Time at which the served version was saved.",
    registry=_REGISTRY,
    multiprocess_mode="livemostrecent",
)
_damaged_list_prices = Gauge(
    "estimator_damaged_list_prices",
    "Workers that screen listings with the default for list prices, because list_prices.json cannot be used.",
    registry=_REGISTRY,
    multiprocess_mode="livesum",
)
_jobs = Gauge(
    "estimator_jobs",
    "Jobs in the folder of jobs, by status.",
    ["status"],
    registry=_REGISTRY,
    multiprocess_mode="livemostrecent",
)
_last_check = Gauge(
    "estimator_last_check_timestamp_seconds",
    "Time of the last check for a newly published version, by process ID of the worker.",
    ["worker"],
    registry=_REGISTRY,
    multiprocess_mode="livemostrecent",
)
_deviations = Gauge(
    "estimator_input_deviation_sum",
    "Sum of (value - training mean)/training standard deviation over the values of a fact in requests.",
    ["fact"],
    registry=_REGISTRY,
    multiprocess_mode="sum",
)
_inputs = Gauge(
    "estimator_input_count",
    "Number of values of a fact in requests.",
    ["fact"],
    registry=_REGISTRY,
    multiprocess_mode="sum",
)


def count_request(method: str, route: str, status: int, seconds: float) -> None:
    """Count an answered request; `route` is the pattern of the route, never the path of the request."""
    counter, histogram = _request_metrics(method, route, status)
    counter.inc()
    histogram.observe(seconds)


@cache  # methods, routes and statuses are few
def _request_metrics(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    return _requests.labels(method, route, str(status)), _latency.labels(route)


def count_valued(rows: int) -> None:
    """Count homes that were valued."""
    _valued.inc(rows)


def count_refused(reason: str, rows: int = 1) -> None:
    """Count homes that were not valued; `reason` is the name of a problem type."""
    if rows:
        _refused.labels(reason).inc(rows)


def count_failed_load() -> None:
    """Count a version that could not be loaded."""
    _failed_loads.inc()


_served_versions: list[str] = []


def set_last_check() -> None:
    """Record that this worker has just checked for a newly published version."""
    _last_check.labels(str(os.getpid())).set_to_current_time()


def set_served_version(version: str, created: dt.datetime) -> None:
    """Record which version this worker serves from now on."""
    for previous in _served_versions:
        _serving.labels(previous).set(0)
    _served_versions[:] = [version]
    _serving.labels(version).set(1)
    _created.set(created.timestamp())


def set_damaged_list_prices(*, damaged: bool) -> None:
    """Record whether this worker screens listings with a default, because the saved list prices cannot be used."""
    _damaged_list_prices.set(int(damaged))


def set_jobs(number: Mapping[str, int]) -> None:
    """Record how many jobs there are of each status."""
    for status, jobs in number.items():
        _jobs.labels(status).set(jobs)


Statistics = Mapping[str, Mapping[str, float]]
"""Numeric fact → its `mean` and `standard_deviation` among the training sales."""


class _WaitingInputs:
    """The facts of valued homes that the drift metrics do not have yet; a thread adds them twice a second."""

    def __init__(self) -> None:
        self._lock, self._flushing = threading.Lock(), threading.Lock()
        self._waiting: list[tuple[Facts, BoolArray, Statistics]] = []
        self._homes = 0
        self._has_thread = False

    def add(self, facts: Facts, rows: BoolArray, statistics: Statistics) -> None:
        with self._lock:
            self._waiting.append((facts, rows, statistics))
            self._homes += len(rows)
            is_full = self._homes > MAX_WAITING_HOMES
            is_first, self._has_thread = not self._has_thread, True
        if is_first:
            threading.Thread(target=self._flush_for_ever, name="drift metrics", daemon=True).start()
            atexit.register(self.flush)
        if is_full:
            self.flush()

    def flush(self) -> None:
        # Two locks: no request waits for the sums, and whoever has flushed knows that nothing is on its way.
        with self._flushing:
            with self._lock:
                waiting, self._waiting, self._homes = self._waiting, [], 0
            for statistics in {id(each): each for _, _, each in waiting}.values():
                _add_inputs([(facts, rows) for facts, rows, each in waiting if each is statistics], statistics)

    def _flush_for_ever(self) -> None:
        while True:
            time.sleep(FLUSH_SECONDS)
            self.flush()


_waiting_inputs = _WaitingInputs()


def observe_inputs(facts: Facts, rows: BoolArray, statistics: Statistics) -> None:
    """Add the facts of valued homes to the drift metrics, within `FLUSH_SECONDS`.

    Parameters
    ----------
    rows
        Which of the n homes were valued, shape (n,).
    """
    _waiting_inputs.add(facts, rows, statistics)


def flush() -> None:
    """Add what waits to the metrics: before a process ends, and before its metrics are read."""
    _waiting_inputs.flush()


def _add_inputs(homes: list[tuple[Facts, BoolArray]], statistics: Statistics) -> None:
    for name, training in statistics.items():
        values = np.concatenate([facts[name][rows] for facts, rows in homes])
        known = values[~np.isnan(values)]
        if len(known):
            _deviations.labels(name).inc(float((known - training["mean"]).sum()) / training["standard_deviation"])
            _inputs.labels(name).inc(len(known))


def exposition() -> bytes:
    """Return the metrics of all workers in Prometheus' text format."""
    flush()
    folder = os.environ.get(FOLDER)
    if folder is None:
        return _render(_REGISTRY.collect())
    _drop_dead_workers(Path(folder))
    # A worker that has just started creates its files empty, and prometheus_client cannot read those.
    files = [str(file) for file in Path(folder).glob("*.db") if file.stat().st_size]
    return _render(MultiProcessCollector.merge(files))  # type: ignore[no-untyped-call]


def _render(metrics: Iterable[Metric]) -> bytes:
    rendered = CollectorRegistry()
    rendered.register(_WithDerivedMetrics(list(metrics)))
    return generate_latest(rendered)


class _WithDerivedMetrics(Collector):
    """Collected metrics, and metrics computed from them."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        by_name = {metric.name: metric for metric in self._metrics}
        yield from self._metrics
        now = dt.datetime.now(dt.UTC).timestamp()
        for sample in _samples(by_name, "estimator_model_created_timestamp_seconds"):
            if sample.value:
                age = now - sample.value
                yield GaugeMetricFamily("estimator_model_age_seconds", "Age of the served version.", age)
        drift = GaugeMetricFamily(
            "estimator_input_drift",
            "Mean of a fact in requests since the start minus its mean in the training sales, in standard"
            " deviations of the training sales.",
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


def _drop_dead_workers(folder: Path) -> None:
    """Drop the gauges of workers that no longer run; their counters stay."""
    for file in folder.glob("gauge_live*.db"):
        pid = re.search(r"_([0-9]+)\.db$", file.name)
        if pid is not None and not _is_running(int(pid[1])):
            mark_process_dead(int(pid[1]), str(folder))  # type: ignore[no-untyped-call]


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
