"""The page of results over time, and the same figures as JSON."""

import math
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.accuracy import peers
from benchmarks.accuracy.walk.boosters import BOOSTERS
from benchmarks.accuracy.walk.figures import Figures, ratio
from benchmarks.accuracy.walk.jobs import Model, Way
from benchmarks.accuracy.walk.trials import TITLES
from estimator.assessment.rounding import rounded_figures

WAY_TITLES: Mapping[Way, str] = {"frozen": "trained once", "walk": "month by month"}
_HEAD = (
    "| model | | log RMSE | MdAPE, % | PPE10, % | median log(price ÷ value) | 90% ranges hold, % | valued, % |\n"
    "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n"
)
_MONTH_HEAD = (
    "| month | sales | bias, ours | bias, peer | log RMSE, ours | log RMSE, peer | MdAPE, ours | MdAPE, peer "
    "| 90% ranges hold, % |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
)
_INTRODUCTION = """\
# Accuracy over time

The sales of a market are sorted by date. Models are trained on the oldest 80% and value the newest 20%, each home
on the day of its sale. “Trained once” is a model that nobody updates. “Month by month” is a model as it is used:
at the start of each calendar month it learns all sales before it, then values the sales of the month. Our model is
trained once and refreshed; the peers are trained again every month, with the number of trees that was chosen once.
In a market without dates the 20% are drawn at random, three times; its figures are means.

The peers have the same facts, the area's figures and the day of sale among them, and handle categories themselves.
The number of trees is chosen on the last eighth of the training sales, then the peers are trained on all of them;
the learning rate is 0.03, or what CatBoost chooses itself. “Prices adjusted by our index” is a peer that is given
log price minus our price index, and no day of sale; the index is then added to its values.

Ratios are ours ÷ the best peer without our index, on the homes that ours valued. Bias is the median of
log(price ÷ value): above 0, values are too low.
"""


@dataclass(frozen=True)
class Row:
    """The figures of one model in one market, means over seeds.

    Parameters
    ----------
    overall
        On all test sales.
    comparable
        On the test sales whose homes our model valued, for ratios; the same without our model.
    months
        By calendar month; empty in a market without dates.
    """

    model: Model
    way: Way
    overall: Figures
    comparable: Figures
    months: Mapping[str, Figures]


def page(rows: Mapping[str, Sequence[Row]], command: str) -> str:
    """Return the page in Markdown; `rows` by the market's folder."""
    packages = sorted({booster.package for booster in BOOSTERS.values()} | {"numpy"})
    versions = ", ".join(f"{package} {peers.version(package)}" for package in packages)
    made = f"Made by `{command}`, seed 0: {platform.machine()}, Python {platform.python_version()}, {versions}.\n"
    return "\n".join([_INTRODUCTION, made, *(_section(name, found) for name, found in rows.items())])


def as_json(rows: Mapping[str, Sequence[Row]]) -> dict[str, Any]:
    """Return all figures as plain values, by market."""
    return {
        name: {"rows": [_row_as_json(row) for row in found], "ratios": _ratios(found)}
        for name, found in rows.items()
    }


def _row_as_json(row: Row) -> dict[str, Any]:
    return {
        "model": row.model.name,
        "time": row.model.time,
        "way": row.way,
        **row.overall.to_dict(),
        "months": {month: figures.to_dict() for month, figures in row.months.items()},
    }


def _ratios(rows: Sequence[Row]) -> dict[Way, dict[str, Any]]:
    """Return ours ÷ the best peer for each way that has both; peers with our index do not count."""
    ratios: dict[Way, dict[str, Any]] = {}
    for way in WAY_TITLES:
        ours, others = _ours(rows, way), _peers(rows, way)
        if ours is not None and others:
            found = ratio(ours.comparable, {row.model.title: row.comparable for row in others})
            ratios[way] = rounded_figures(found)
    return ratios


def _ours(rows: Sequence[Row], way: Way) -> Row | None:
    return next((row for row in rows if row.model.name == peers.OURS and row.way == way), None)


def _peers(rows: Sequence[Row], way: Way) -> list[Row]:
    return [row for row in rows if row.model.name != peers.OURS and row.model.time == "day" and row.way == way]


def _section(name: str, rows: Sequence[Row]) -> str:
    lines = [f"## {TITLES[name]}\n", _HEAD + "\n".join(_line(row) for row in rows) + "\n"]
    for way, found in _ratios(rows).items():
        lines.append(
            f"Ours ÷ the best peer, {WAY_TITLES[way]}: "
            f"log RMSE {found['log_rmse']:.3f} ({found['log_rmse_peer']}), "
            f"MdAPE {found['mdape']:.3f} ({found['mdape_peer']}).\n"
        )
    if any(row.months for row in rows):
        lines += [_months(rows, way) for way in WAY_TITLES]
    return "\n".join(lines)


def _line(row: Row) -> str:
    f = row.overall
    cells = (
        row.model.title, WAY_TITLES[row.way] if row.months else "random split", f"{f.log_rmse:.4f}",
        f"{f.mdape:.2f}", f"{f.ppe10:.1f}", f"{f.bias:+.4f}", _percent(f.coverage), _percent(f.hit_rate),
    )  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def _months(rows: Sequence[Row], way: Way) -> str:
    """Compare our model by month with the peer whose log RMSE is the smallest overall."""
    ours, others = _ours(rows, way), _peers(rows, way)
    if not others:
        return ""
    peer = min(others, key=lambda row: row.overall.log_rmse)
    lines = []
    for month, theirs in peer.months.items():
        own = None if ours is None else ours.months[month]
        cells = [month, f"{theirs.n:.0f}"]
        for name, digits in (("bias", "+.3f"), ("log_rmse", ".4f"), ("mdape", ".2f")):
            cells += [
                "–" if own is None else format(getattr(own, name), digits),
                format(getattr(theirs, name), digits),
            ]
        lines.append("| " + " | ".join([*cells, _percent(math.nan if own is None else own.coverage)]) + " |")
    return (
        f"Figures of each month ({WAY_TITLES[way]}); the peer is {peer.model.title}.\n\n{_MONTH_HEAD}"
        + "\n".join(lines)
        + "\n"
    )


def _percent(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.1f}"
