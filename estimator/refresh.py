"""Adds new sales to a published model without training it anew: a version of its own, in seconds.

The price index, comparables, kriging, ranges, applicability and typical facts know the new sales afterwards. A
student learns from them; several networks that answer together stay as they were trained. The version says how old
the training is, and how far prices have moved since.
"""

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from estimator.appraiser import Appraiser
from estimator.assessment.gate import Verdict
from estimator.assessment.judging import judge_refreshed
from estimator.assessment.set_aside import set_aside_record
from estimator.errors import DataError
from estimator.features.pipeline import RARELY_MISSING_SHARE
from estimator.market.known_sales import MatchedSales, describe_changes, known_under_another_id, match_sales
from estimator.market.market_data import USUAL_CHECKS, SalesChecks
from estimator.market.sales import Sales
from estimator.market.sales_file import read_validated_sales
from estimator.market.validation.overrides import read_overrides
from estimator.market.validation.reasons import SET_ASIDE_FILE, set_aside_csv
from estimator.registry import (
    TEACHER,
    SavedVersion,
    load_version,
    make_market_folder,
    publish,
    read_version_file,
    save_version,
    version_folder,
)
from estimator.report import NUMBERS
from estimator.report.files import read_report, refreshed_report, report_files
from estimator.training import file_sha256

MAX_REPLACED_SHARE = 0.5
"""Share of the sales of the training that all refreshes together may replace. With more, most of what the networks
learned is no longer so."""

MAX_EQUAL_SHARE = 0.5
"""Share of the added sales that may have price, day and facts of a known sale with another identifier, before a
message asks how identifiers are written. Two flats of a house can be sold alike, most of a file cannot."""

_OF_THE_VERSION = ("version", "created", "files")
"""Entries of a manifest that are about the saved version, not about its training."""


@dataclass(frozen=True)
class RefreshResult:
    """The result of a refresh.

    Parameters
    ----------
    folder
        The saved version's folder; None if there was nothing new, and nothing was saved.
    added, known
        Number of sales that are new, and of those known as they are.
    replaced
        What is different about each sale that replaced a known one.
    set_aside
        The manifest's entry about the sales that were not used.
    record
        The manifest's entry `refreshed`; None if nothing was saved.
    gate
        What the gate says about the version; None if nothing was saved.
    published
        Whether it was published.
    """

    folder: Path | None
    added: int
    known: int
    replaced: tuple[str, ...]
    set_aside: Mapping[str, Any]
    record: Mapping[str, Any] | None = None
    gate: Verdict | None = None
    published: bool = False


def refresh_model(
    model: Path,
    sales_path: Path,
    seed: int,
    key: bytes | None = None,
    *,
    publish_anyway: bool = False,
    checks: SalesChecks = USUAL_CHECKS,
) -> RefreshResult:
    """Add the new sales of a file to a saved version, save the result beside it, publish it if it passes the gate.

    Parameters
    ----------
    model
        A version's folder, or `models/<market>` for its published version.
    sales_path
        Sales in the columns of the market's sales.
    seed
        Seed of all randomness.
    key
        The version must be signed with it, and the new one is, if given.
    publish_anyway
        Publish it even if it does not pass the gate.
    checks
        How the sales are checked.

    Raises
    ------
    EstimatorError
        The version or the sales cannot be used, the sales replace most that the version knows, or another version
        was published meanwhile.
    """
    saved = load_version(model, key)
    appraiser, market_folder = saved.appraiser, saved.folder.parent
    published = version_folder(market_folder)
    known = appraiser.model.sales
    decisions = () if checks.overrides is None else read_overrides(checks.overrides)
    validated = read_validated_sales(appraiser.market, sales_path, known, decisions, strict=checks.strict)
    set_aside = set_aside_record(validated, validated.set_aside)
    matched = match_sales(known, validated.sales, appraiser.areas.facts)
    replaced = _describe_replaced(appraiser, matched, validated.row)
    _check_replaced(saved, matched, replaced, sales_path)
    added = int(matched.new.sum())
    if not added and not replaced:
        return RefreshResult(None, 0, matched.n_unchanged, (), set_aside)
    make_market_folder(market_folder.parent, market_folder.name)
    rng = np.random.default_rng(seed)
    before, new = before_and_added(appraiser, matched)
    refreshed = before.with_sales(new, rng)
    gate = judge_refreshed(before, new, refreshed, rng)
    counts = {"added": added, "replaced": len(replaced), "known": matched.n_unchanged}
    record = {
        **counts,
        "lacking_facts": _lacking_facts(appraiser, new),
        "known_under_another_id": _known_under_another_id(appraiser, matched),
        "set_aside": set_aside,
        "sales_sha256": file_sha256(sales_path),
        "seed": seed,
        **_history(saved, refreshed),
    }
    entries = {"refreshed": record, "gate": gate.record(publish_anyway=publish_anyway)}
    aside = {SET_ASIDE_FILE: set_aside_csv(validated.set_aside)}
    folder = _save(saved, refreshed, entries, aside, key)
    passed = gate.passed or publish_anyway
    if passed:
        publish(folder, instead_of=published)
    return RefreshResult(folder, added, matched.n_unchanged, replaced, set_aside, record, gate, passed)


def _check_replaced(saved: SavedVersion, matched: MatchedSales, replaced: Sequence[str], sales_path: Path) -> None:
    """Raise a DataError if this file and those before it replace most of the sales of the training.

    Parameters
    ----------
    replaced
        What is different about each sale that the file replaces.
    """
    learned = saved.appraiser.model.learned
    remaining = int(learned.sum()) - int(learned[matched.replaced].sum())
    # Every training writes its "sales"; a version that was saved by a program's own call may lack them.
    trained = sum(saved.manifest.get("sales", {}).values()) or int(learned.sum())
    if replaced and trained - remaining > MAX_REPLACED_SHARE * trained:
        raise DataError(
            f"{sales_path}: with this file, {trained - remaining:,} of the {trained:,} sales of the training have"
            f" other prices or facts than then, such as {replaced[0]}; at most {100 * MAX_REPLACED_SHARE:g}% can"
            " be replaced without training again: correct the file, or train"
        )


def _lacking_facts(appraiser: Appraiser, new: Sales) -> dict[str, int]:
    """Return how many new sales lack each of the facts that nearly all training sales know, if many lack it."""
    names = appraiser.model.pipeline.rarely_missing
    lacking = appraiser.areas.complete(new.facts)[0].unknown(names).sum(axis=0).tolist()
    usual = (1 - RARELY_MISSING_SHARE) * len(new)
    return {name: count for name, count in zip(names, lacking, strict=True) if count > usual}


def _known_under_another_id(appraiser: Appraiser, matched: MatchedSales) -> dict[str, Any] | None:
    """Return how many added sales equal a known one but for the identifier, with an example; None if few do."""
    known, added = appraiser.model.sales, matched.sales.take(matched.new)
    row = known_under_another_id(known, added, appraiser.areas.facts)
    equal = np.flatnonzero(row >= 0)
    if len(equal) <= MAX_EQUAL_SHARE * len(added):
        return None
    assert known.sale_id is not None  # noqa: S101  # without identifiers there is none
    assert added.sale_id is not None  # noqa: S101
    first = equal[0]
    return {"sales": len(equal), "id": str(added.sale_id[first]), "known_id": str(known.sale_id[row[first]])}


def before_and_added(appraiser: Appraiser, matched: MatchedSales) -> tuple[Appraiser, Sales]:
    """Return the appraiser without the sales that a file replaces, and the file's sales that it is to be given.

    Parameters
    ----------
    matched
        The file's sales, matched with those of the appraiser's model.
    """
    before = _without_sales(appraiser, matched.replaced) if matched.differs.any() else appraiser
    return before, matched.sales.take(matched.new | matched.differs).in_fixed_order()


def _without_sales(appraiser: Appraiser, rows: NDArray[np.intp]) -> Appraiser:
    """Return the appraiser without some of its sales, so that their earlier prices help to value none."""
    forgotten = np.zeros(len(appraiser.model.sales), np.bool_)
    forgotten[rows] = True
    model = appraiser.model.without_sales(forgotten)
    model = model.with_sales(model.sales.take(np.zeros(len(model.sales), np.bool_)), np.empty(0))
    calibration = tuple(errors.without(forgotten) for errors in appraiser.calibration)
    return replace(appraiser, model=model, calibration=calibration)


def _describe_replaced(
    appraiser: Appraiser, matched: MatchedSales, file_rows: NDArray[np.int64]
) -> tuple[str, ...]:
    """Return what is different about each sale that replaces a known one, with its row in the file."""
    later = matched.sales.take(matched.differs)
    changes = describe_changes(
        appraiser.market, appraiser.model.sales.take(matched.replaced), later, appraiser.areas.facts
    )
    return tuple(
        f"row {row}, sale of {_name(later, index)}: {change}"
        for index, (row, change) in enumerate(zip(file_rows[matched.differs].tolist(), changes, strict=True))
    )


def _name(sales: Sales, row: int) -> str:
    """Return what identifies a sale: its home, and its date where it has one."""
    assert sales.sale_id is not None  # noqa: S101  # without identifiers, no sale replaces another
    date = "" if sales.date is None else f" on {sales.date[row]}"
    return f"{sales.sale_id[row]}{date}"


def _history(saved: SavedVersion, refreshed: Appraiser) -> dict[str, Any]:
    """Return the manifest's entries about the training, its age, and how far prices have moved since."""
    newest = None if refreshed.sale_dates is None else refreshed.sale_dates[1]
    earlier = saved.manifest.get("refreshed")
    known = saved.appraiser.sale_dates
    training = (
        earlier["training"]
        if earlier
        else {
            "version": saved.name,
            "created": saved.manifest["created"],
            "newest_sale": None if known is None else str(known[1]),
        }
    )
    now = dt.datetime.now(dt.UTC)
    moved = None
    if newest is not None:
        days = np.array([training["newest_sale"], newest], "datetime64[D]")
        moved = round(100 * math.expm1(float(np.diff(refreshed.model.index.market_level(days))[0])), 4)
    return {
        "from": saved.name,
        "when": now.isoformat(timespec="seconds"),
        "training": training,
        "training_age_days": max(0, (now - dt.datetime.fromisoformat(training["created"])).days),
        "newest_sale": None if newest is None else str(newest),
        "level_change": moved,
    }


def _save(
    saved: SavedVersion,
    refreshed: Appraiser,
    entries: Mapping[str, Any],
    lists: Mapping[str, bytes],
    key: bytes | None,
) -> Path:
    """Save the refreshed version beside the one that it was made from, with the training's record and report.

    Parameters
    ----------
    entries
        The manifest's entries `refreshed` and `gate`.
    lists
        Further files: name → content.
    """
    training = {name: value for name, value in saved.manifest.items() if name not in _OF_THE_VERSION}

    def files(version: str) -> dict[str, bytes]:
        kept = dict(lists)
        if TEACHER in saved.manifest["files"]:
            kept[TEACHER] = read_version_file(saved.folder, TEACHER, key)
        if NUMBERS not in saved.manifest["files"]:
            return kept
        numbers = refreshed_report(read_report(saved.folder, key), refreshed, entries)
        return {**report_files(numbers, version), **kept}

    return save_version(saved.folder.parent, refreshed, {**training, **entries}, files, key)
