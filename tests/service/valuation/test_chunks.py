"""Homes valued in chunks on shared threads have the same values, to the last bit, and long work can be stopped."""

import threading
from pathlib import Path

import joblib
import numpy as np
import pytest

from estimator.appraiser import CONFIDENCE, Appraiser
from estimator.market.facts import Facts
from estimator.registry import load_version
from estimator.valuations import Valuations
from service.valuation import chunks
from service.valuation.chunks import compute_in_chunks, value_in_chunks
from service.valuation.includes import INCLUDES, compute_includes
from tests.service.homes import FAR, HOME


def go_on() -> None:
    pass


@pytest.fixture(scope="module")
def appraiser(models: Path) -> Appraiser:
    return load_version(models / "king_county").appraiser


def rows_of(values: Valuations) -> list[object]:
    return [values.refusals[row] if row in values.refusals else values.as_dict(row) for row in range(len(values))]


def test_values_are_those_of_one_computation(appraiser: Appraiser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "CHUNK_HOMES", 37)
    sold = appraiser.sold
    assert sold is not None
    far = Facts.of(appraiser.market, [{name: float(value) for name, value in FAR.items()}])
    facts = Facts(
        {
            name: np.concatenate([column[:100], far[name], column[100:150]])
            for name, column in sold.facts.columns.items()
        }
    )
    hidden = np.arange(len(facts)) % 3 == 0
    facts = facts.without({"grade": hidden, "postal_code": ~hidden, "latitude": np.arange(len(facts)) == 3})
    dates = np.full(len(facts), np.datetime64("2014-12-24"))
    dates[140:] = np.datetime64("2050-01-01")
    at_once = appraiser.value(facts, dates, CONFIDENCE)
    in_chunks = value_in_chunks(appraiser, facts, dates, CONFIDENCE, go_on)
    assert rows_of(in_chunks) == rows_of(at_once)
    assert at_once.refusals
    np.testing.assert_array_equal(in_chunks.fsd, at_once.fsd)
    assert set(in_chunks.warnings) == set(at_once.warnings)


def test_reasons_are_those_of_one_computation(appraiser: Appraiser) -> None:
    sold = appraiser.sold
    assert sold is not None
    facts, dates = sold.facts.take(slice(0, 30)), np.full(30, np.datetime64("2014-12-24"))
    requested: dict[str, tuple[str, ...]] = dict.fromkeys(INCLUDES, ()) | {"what_if": ("grade", "latitude")}
    together = compute_includes(appraiser, facts, dates, requested, CONFIDENCE, go_on)
    for row in (0, 7, 29):
        one = slice(row, row + 1)
        assert [together[row]] == compute_includes(appraiser, facts.take(one), dates[one], requested, CONFIDENCE)


def test_small_work_stays_on_its_thread_and_large_work_shares_few() -> None:
    def thread_of(_: slice) -> int:
        return threading.get_ident()

    assert compute_in_chunks(thread_of, chunks.SMALL_HOMES, go_on) == [threading.get_ident()]
    used: set[int] = set()
    callers = [
        threading.Thread(target=lambda: used.update(compute_in_chunks(thread_of, 20_000, go_on))) for _ in range(8)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(used) <= joblib.cpu_count()
    assert not used & {caller.ident for caller in callers}


def test_work_stops_within_a_chunk_once_the_check_fails() -> None:
    done: list[int] = []

    def check() -> None:
        if len(done) >= 5:
            raise TimeoutError

    def compute(rows: slice) -> None:
        done.append(rows.start)

    with pytest.raises(TimeoutError):
        compute_in_chunks(compute, 1_000_000, check)
    assert len(done) < 20


def test_reasons_stop_once_the_check_fails(appraiser: Appraiser) -> None:
    facts = Facts.of(appraiser.market, [{name: float(value) for name, value in HOME.items()}] * 100)
    dates = np.full(100, np.datetime64("2014-12-24"))
    asked: list[int] = []

    def check() -> None:
        asked.append(1)
        if len(asked) > 3:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        compute_includes(appraiser, facts, dates, {"contributions": ()}, CONFIDENCE, check)
    assert len(asked) < 20
