"""CPU time of what a request can ask for, per home: where the limits of the service come from.

    python -m benchmarks.request_costs [--model models/king_county]

Prints Markdown. `max_rows` and `max_reasons` (service/settings.py) are chosen by it, so that a request takes a few
seconds of one core, and `Include.valuations` says how many valuations a reason costs.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from estimator.appraiser import CONFIDENCE
from estimator.registry import load_version
from service.settings import Settings
from service.valuation.includes import INCLUDES, VALUATIONS_PER_REASON, compute_includes, count_reasons

N_HOMES = 500
N_HOMES_WITH_REASONS = 50
N_RUNS = 3


def cpu_milliseconds(run: Callable[[], object]) -> float:
    """Return the least CPU time of a few runs, of all threads."""
    times = []
    for _ in range(N_RUNS):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return 1000 * min(times)


def main(model: Path) -> None:
    """Measure, and print the table."""
    appraiser = load_version(model).appraiser
    settings, sold = Settings(), appraiser.sold
    if sold is None or appraiser.sale_dates is None:
        raise SystemExit("the market needs locations and dates")
    facts, dates = sold.facts.take(slice(0, N_HOMES)), np.full(N_HOMES, appraiser.sale_dates[1])
    valuation = cpu_milliseconds(lambda: appraiser.value(facts, dates)) / N_HOMES
    print(
        "| asked for | CPU time per home | valuations | counted as | homes allowed | time of the largest request |"
    )
    print("| --- | --- | --- | --- | --- | --- |")
    print(
        f"| price and range | {valuation:.2f} ms | 1 | – | {settings.max_rows} |"
        f" {settings.max_rows * valuation / 1000:.1f} s |"
    )
    some, days = facts.take(slice(0, N_HOMES_WITH_REASONS)), dates[:N_HOMES_WITH_REASONS]
    for name, include in INCLUDES.items():
        fact_names = [appraiser.market.features[0].name] if include.takes_fact else []
        requested = {name: tuple(fact_names)}
        compute = partial(compute_includes, appraiser, some, days, requested, CONFIDENCE)
        cost = cpu_milliseconds(compute) / N_HOMES_WITH_REASONS
        reasons = count_reasons(requested, appraiser.market)
        allowed = settings.max_reasons // reasons
        print(
            f"| `{':'.join([name, *fact_names])}` | {cost:.2f} ms | {cost / valuation:.0f}, declared"
            f" {include.valuations(appraiser.market)} | {reasons} | {allowed} |"
            f" {allowed * (cost + valuation) / 1000:.1f} s |"
        )
    print(f"\nA reason of up to {VALUATIONS_PER_REASON} valuations counts as one.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=Path("models/king_county"))
    main(parser.parse_args().model)
