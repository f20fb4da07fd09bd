"""Tables of results as text, for the command line."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from estimator.assessment.evaluation import ALL_FACTS, ErrorFigures, Evaluation
from estimator.assessment.ratio_study import ACCEPTABLE, RatioFigures
from estimator.assessment.standards import Standard
from estimator.assessment.walk_forward import WalkFigures, WalkForward
from estimator.deals.backtest import Backtest
from estimator.wording import plural

MAX_REPORTED = 20
"""Sales of a kind that are listed; the rest are counted, so that the first ones stay on the screen."""


def error_table(figures: Mapping[str, ErrorFigures]) -> str:
    """Return error figures as a table with a column for each set of facts."""
    table = pd.DataFrame({fact_set.replace("_", " "): entry.to_dict() for fact_set, entry in figures.items()})
    return table.map(format_number).to_string()


def ratio_study_tables(evaluation: Evaluation) -> str:
    """Return the ratio studies as tables; price bands and postal codes are of the values with all facts."""
    overall = {fact_set.replace("_", " "): study.overall for fact_set, study in evaluation.ratio_studies.items()}
    table = pd.DataFrame({fact_set: _format_figures(figures) for fact_set, figures in overall.items()})
    table["acceptable"] = [format_range(*ACCEPTABLE[name]) if name in ACCEPTABLE else "" for name in table.index]
    study = evaluation.ratio_studies[ALL_FACTS]
    bands = {
        f"{format_number(band.low)} to {format_number(band.high)}": band.figures
        for band in study.price_bands or ()
    }
    missing: dict[str, list[str]] = {}
    for name, reason in {**study.overall.reasons, **study.reasons}.items():
        missing.setdefault(reason, []).append(name)
    return "\n".join(
        [
            table.rename_axis(columns="ratio study").to_string(),
            *_group_table("price band", bands, ["cod"]),
            *_group_table("postal code", study.areas or {}, ["cod", "prd", "prb", "mki", "vei"]),
            *(f"not available ({reason}): {', '.join(names)}" for reason, names in missing.items()),
        ]
    )


def standards_table(evaluation: Evaluation) -> str:
    """Return the verdict on each standard, for values with all facts."""
    rows = {
        entry.name: {
            "value": format_number(entry.value),
            "90% interval": "–"
            if entry.low is None
            else f"{format_number(entry.low)} to {format_number(entry.high)}",
            "acceptable": _format_bounds(entry.least, entry.most),
            "verdict": _format_verdict(entry),
        }
        for entry in evaluation.standards[ALL_FACTS]
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(columns="standard").to_string()


def _format_bounds(least: float | None, most: float | None) -> str:
    if most is None:
        return f"at least {format_number(least)}"
    return format_range(-math.inf if least is None else least, most)


def _format_verdict(entry: Standard) -> str:
    if entry.met is None:
        return f"none: {entry.reason}"
    return ("met" if entry.met else "not met") + (", perhaps by chance" if entry.certain is False else "")


def walk_tables(walk: WalkForward) -> str:
    """Return the figures of a walk by month and overall: of the refreshed model, then of the frozen one."""
    refreshed = {entry.month: entry.refreshed for entry in walk.months} | {"all": walk.refreshed}
    frozen = {entry.month: entry.frozen for entry in walk.months} | {"all": walk.frozen}
    return "\n".join(
        [
            "refreshed every month; bias is the median of log(price ÷ value)",
            _walk_table(refreshed),
            "never refreshed",
            _walk_table(frozen),
        ]
    )


def walk_summary(walk: WalkForward) -> str:
    """Return in a line how accurate the model is if it is refreshed every month, and if it never is."""
    texts = [
        f"{format_number(figures.mdape)}% and {100 * math.expm1(figures.bias or 0):+.1f}% {how}"
        for how, figures in (("refreshed every month", walk.refreshed), ("never refreshed", walk.frozen))
    ]
    return "median error and bias on the test sales: " + "; ".join(texts)


def _walk_table(figures: Mapping[str, WalkFigures]) -> str:
    table = pd.DataFrame.from_dict({name: entry.to_dict() for name, entry in figures.items()}, orient="index")
    return table.map(format_number).to_string()


def backtest_tables(result: Backtest) -> str:
    """Return the results of a backtest as tables."""
    bands = pd.DataFrame([vars(band) for band in result.reliability]).set_index("low")
    tops = pd.DataFrame(
        [
            {
                "ranking": name,
                "best": top.k,
                "claimed %": top.claimed,
                "realised %": top.realised,
                "above %": top.above,
            }
            for name, ranking in result.rankings.items()
            for top in ranking.tops
        ]
    ).set_index(["ranking", "best"])
    spreads = pd.DataFrame(
        {
            name: {
                "rank correlation": ranking.rank_correlation,
                "top fifth minus bottom fifth": ranking.spread,
                "from": ranking.spread_low,
                "to": ranking.spread_high,
            }
            for name, ranking in result.rankings.items()
        }
    ).T
    count, realised = result.seventy_percent_buys
    listings = plural(result.n, "listing")
    return "\n".join(
        [
            f"{listings}: probability of a resale above the break-even price, claimed and realised",
            bands.map(format_number).to_string(),
            "margins of the best listings, and the share of them with a resale above the break-even price",
            tops.map(format_number).to_string(),
            "realised margins in percent of the outlay, with a 95% interval",
            spreads.map(format_number).rename_axis(columns="ranking").to_string(),
            f"the 70% rule buys {count:,} of the listings; mean realised margin {format_number(realised)}%",
        ]
    )


def replaced_list(replaced: Sequence[str]) -> str:
    """Return a line for each sale that replaced a known one; the first ones, and how many more there are."""
    lines = [f"replaced: {text}\n" for text in replaced[:MAX_REPORTED]]
    if len(replaced) > MAX_REPORTED:
        lines.append(f"and {len(replaced) - MAX_REPORTED:,} more\n")
    return "".join(lines)


def refresh_summary(record: Mapping[str, Any]) -> str:
    """Return how old the training of a refreshed version is, and how far prices have moved since."""
    age = f"the training is {plural(record['training_age_days'], 'day')} old"
    if record["level_change"] is None:
        return age
    return (
        f"{age}, on sales until {record['training']['newest_sale']}; from then to {record['newest_sale']} prices"
        f" have moved by {record['level_change']:+.1f}%"
    )


def refresh_warnings(record: Mapping[str, Any]) -> str:
    """Return what is to check about the new sales of a refreshed version, a line each; '' if nothing is."""
    lines = []
    if lacking := record["lacking_facts"]:
        new = record["added"] + record["replaced"]
        facts = ", ".join(f"{name} ({count:,} of {new:,})" for name, count in lacking.items())
        lines.append(
            f"new sales lack facts that nearly all sales of the training have: {facts}. Such sales change neither"
            " the price index nor the network. Add the facts to the file, or train again if they are no longer"
            " recorded.\n"
        )
    if equal := record["known_under_another_id"]:
        lines.append(
            f"{equal['sales']:,} of {plural(record['added'], 'added sale')} have the price, the day and the facts"
            f" of a known sale with another id, such as {equal['id']}, known as {equal['known_id']}. If the ids"
            " are written in another way than before, these sales now count twice.\n"
        )
    return "".join(lines)


def gate_reasons(reasons: Sequence[str]) -> str:
    """Return what speaks against publishing a version, a line each."""
    return "\n".join(f"  {reason}" for reason in reasons)


def format_number(value: float | None) -> str:
    """Return a number with 4 significant digits, or whole from 1,000 on; a dash for a missing one."""
    if value is None or math.isnan(value):
        return "–"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def format_range(low: float, high: float) -> str:
    """Return an acceptable range, whose lower bound may be open (−inf)."""
    return (
        f"{format_number(low)} to {format_number(high)}"
        if math.isfinite(low)
        else f"at most {format_number(high)}"
    )


def _format_figures(figures: RatioFigures) -> dict[str, str]:
    """Return the figures of a ratio study as text by name, with a mark where the acceptable range is not met."""
    texts = {name: format_number(value) for name, value in figures.figures.items()}
    texts |= {name: f"{texts[name]} (not met)" for name, met in figures.met.items() if met is False}
    return {"compared": format_number(figures.n), "trimmed": format_number(figures.trimmed), **texts}


def _group_table(kind: str, groups: Mapping[str, RatioFigures], measures: list[str]) -> list[str]:
    """Return the studies of groups as one table with a row for each group, or no table if there are no groups."""
    if not groups:
        return []
    names = ["compared", "trimmed", "median_ratio", "median_ratio_low", "median_ratio_high", *measures]
    rows = {group: _format_figures(figures) for group, figures in groups.items()}
    return [pd.DataFrame.from_dict(rows, orient="index")[names].rename_axis(columns=kind).to_string()]
