"""The command line: train, tune, predict, evaluate, screen, report. Bad input: a clear error, exit code 2."""

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
import joblib
import numpy as np
import pandas as pd
from tqdm import tqdm

from estimator.assessment.evaluation import ALL_FACTS, ErrorFigures, Evaluation, evaluate
from estimator.assessment.ratio_study import ACCEPTABLE, RatioFigures
from estimator.bulk import predict_file
from estimator.deals.backtest import Backtest
from estimator.deals.held_out import HeldOut, fit_list_prices, held_out_listings, judge
from estimator.deals.saved_list_prices import load_list_prices, save_list_prices
from estimator.deals.screen_file import screen_file
from estimator.deals.screening import COSTS, GREATEST_PROBABILITY, LEAST_PROBABILITY, PROBABILITY
from estimator.errors import DataError, EstimatorError
from estimator.market.sales import Split, read_sales
from estimator.market.tables import replace_whole
from estimator.progress import ProgressBar
from estimator.registry import load_version, read_key
from estimator.report import PAGE, read_report, render
from estimator.training import file_sha256, train_market
from estimator.tuning import tune_market


class _Commands(click.Group):
    """Commands whose user errors are told in a line, not in a trace."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except EstimatorError as error:
            raise click.UsageError(str(error)) from error


_FILE = click.Path(path_type=Path)
_MARKET = click.option("--market", required=True, type=_FILE, help="The market's folder, or its market.toml.")
_MODEL = click.option("--model", required=True, type=_FILE, help="A version's folder, or models/<market>.")
_SPLIT = click.option(
    "--split",
    type=click.Choice(["time", "random"]),
    help="How sales are divided; by time if they have dates, else at random.",
)
_SEED = click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of all randomness."
)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Learn what homes are worth from what homes sold for."""


@main.command()
@_MARKET
@click.option("--sales", type=_FILE, help="Sales to learn from; the market's own if left out.")
@click.option("--models", type=_FILE, default=Path("models"), show_default=True, help="Where versions are saved.")
@_SPLIT
@_SEED
@click.option("--key-file", type=_FILE, envvar="ESTIMATOR_KEY_FILE", help="The key that signs the version.")
def train(
    market: Path, sales: Path | None, models: Path, split: Split | None, seed: int, key_file: Path | None
) -> None:
    """Train a model, evaluate it on held-out sales, save it and publish it."""
    key = read_key(key_file)
    with ProgressBar("training") as bar:
        trained = train_market(market, sales, models, split, seed, callbacks=[bar], key=key)
    counts = trained.parts
    click.echo(
        f"learned from {counts['train']:,} sales, chose on {counts['validation']:,}, tested on {counts['test']:,}"
    )
    click.echo(_table(trained.figures))
    click.echo(f"what an owner wants to know of it: {trained.folder / PAGE}")
    click.echo(f"published {trained.folder}")


@main.command()
@_MARKET
@click.option("--trials", type=click.IntRange(min=1), default=40, show_default=True, help="Trainings in all.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=joblib.cpu_count,
    show_default="a processor each",
    help="Trainings side by side.",
)
@_SPLIT
@_SEED
@click.option(
    "--studies",
    type=_FILE,
    default=Path(".cache/tune"),
    show_default=True,
    help="Where trials are kept, so that a search goes on where it stopped.",
)
def tune(market: Path, trials: int, jobs: int, split: Split | None, seed: int, studies: Path) -> None:
    """Search for the network's settings on the validation sales and write the market's recipe.toml."""
    with tqdm(desc="tuning", unit=" trials", total=trials, disable=None) as bar:

        def show(done: int, log_rmse: float) -> None:
            bar.set_postfix_str(f"validation log RMSE {log_rmse:.4f}", refresh=False)
            bar.update(done - bar.n)

        path, found = tune_market(market, split, seed, trials, jobs, studies, show)
    click.echo(f"validation log RMSE {found.log_rmse:.4f}, by the defaults {found.default_log_rmse:.4f}")
    click.echo("".join(f"{name} = {value}\n" for name, value in found.settings.items()), nl=False)
    click.echo(f"written to {path}, which train reads")


@main.command()
@_MODEL
@click.argument("source", type=_FILE)
@click.argument("target", type=_FILE)
def predict(model: Path, source: Path, target: Path) -> None:
    """Value every row of SOURCE (.csv, .csv.gz or .parquet) and write TARGET."""
    appraiser = load_version(model).appraiser
    with tqdm(desc="valuing", unit=" homes", unit_scale=True, disable=None) as bar:
        valued, failed = predict_file(appraiser, source, target, bar.update)
    click.echo(f"valued {valued:,} homes, {failed:,} with an error: {target}")


@main.command(name="evaluate")
@_MODEL
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.argument("sales", type=_FILE)
def evaluate_command(model: Path, sales: Path, *, as_json: bool) -> None:
    """Compare valuations of sold homes with what they sold for."""
    saved = load_version(model)
    evaluation = evaluate(saved.appraiser, read_sales(saved.appraiser.market, sales))
    if file_sha256(sales) == saved.manifest.get("sales_sha256"):
        click.echo("these are the sales that the model learned from: it values others less well", err=True)
    if as_json:
        told = evaluation.figures_as_dict() | {"ratio_study": evaluation.ratio_study_as_dict()}
        click.echo(json.dumps(told, indent=2))
    else:
        click.echo(_table(evaluation.figures))
        click.echo(_ratio_tables(evaluation))


def _with_costs(command: Callable[..., None]) -> Callable[..., None]:
    """Add an option for each kind of cost."""
    for cost in reversed(COSTS):
        command = click.option(
            f"--{cost.name.replace('_', '-')}",
            type=click.FloatRange(0, cost.greatest),
            default=cost.default,
            show_default=True,
            help=f"{cost.text} A {cost.unit}; a listing's own goes before it.",
        )(command)
    return command


@main.command(name="screen")
@_MODEL
@click.option(
    "--probability",
    type=click.FloatRange(LEAST_PROBABILITY, GREATEST_PROBABILITY),
    default=PROBABILITY,
    show_default=True,
    help="Of a resale above the break-even, for a deal and for the highest offer.",
)
@_with_costs
@click.argument("source", type=_FILE)
@click.argument("target", type=_FILE)
def screen_command(model: Path, probability: float, source: Path, target: Path, **costs: float) -> None:
    """Screen the listings of SOURCE (.csv, .csv.gz or .parquet, with list_price) and write TARGET, best first."""
    saved = load_version(model)
    asks = load_list_prices(saved.folder, saved.appraiser)
    if asks.listings is None:
        click.echo("how far asks tell resales is a guess: fit-asks learns it from closed listings", err=True)
    with tqdm(desc="screening", unit=" listings", unit_scale=True, disable=None) as bar:
        counts = screen_file(saved.appraiser, asks, source, target, costs, probability, bar.update)
    click.echo(
        f"{counts.deals:,} deals, {counts.others:,} other listings, {counts.errors:,} with an error: {target}"
    )


@main.command(name="fit-asks")
@_MARKET
@click.option("--sales", type=_FILE, help="Sales with a column list_price; the market's own if left out.")
@click.option("--models", type=_FILE, default=Path("models"), show_default=True, help="Where versions are saved.")
@_SPLIT
@_SEED
def fit_list_prices_command(
    market: Path, sales: Path | None, models: Path, split: Split | None, seed: int
) -> None:
    """Learn from closed listings what asks tell of resales, by a model trained without them."""
    with ProgressBar("training") as bar:
        held = held_out_listings(market, sales, split, seed, callbacks=[bar])
    _tell_refused(held)
    asks = fit_list_prices(held)
    record = {"market": held.market.name, "split": held.split, "seed": seed, "sales_sha256": held.sales_sha256}
    path = save_list_prices(models, held.market.name, asks, record)
    click.echo(
        f"{asks.listings:,} closed listings: asks are {100 * math.expm1(asks.premium):.1f}% above resales, give or"
        f" take {100 * asks.noise:.1f}%; saved to {path}"
    )


@main.command(name="backtest")
@_MARKET
@click.option("--sales", type=_FILE, help="Sales with a column list_price; the market's own if left out.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@_SPLIT
@_SEED
@_with_costs
def backtest_command(
    market: Path, sales: Path | None, *, as_json: bool, split: Split | None, seed: int, **costs: float
) -> None:
    """Screen closed listings as if they were open, and compare what was promised with what they brought."""
    with ProgressBar("training") as bar:
        held = held_out_listings(market, sales, split, seed, callbacks=[bar])
    _tell_refused(held)
    found = judge(held, costs, np.random.default_rng(seed))
    click.echo(json.dumps(found.to_dict(), indent=2) if as_json else _backtest_tables(found))


@main.command()
@_MODEL
@click.option("--compare", "other", type=_FILE, help="Another version, to stand beside it.")
@click.argument("target", type=_FILE)
def report(model: Path, other: Path | None, target: Path) -> None:
    """Write a version's training report, one file of HTML, to TARGET."""
    page = render(read_report(model), None if other is None else read_report(other))
    try:
        with replace_whole(target) as beside:
            beside.write(page.encode())
    except OSError as error:
        raise DataError(f"{target}: {error}") from error
    click.echo(f"written to {target}")


def _table(figures: Mapping[str, ErrorFigures]) -> str:
    """Return error figures as a table for people, a column for each state of knowledge."""
    table = pd.DataFrame({known.replace("_", " "): entry.to_dict() for known, entry in figures.items()})
    return table.map(_shown).to_string()


def _ratio_tables(evaluation: Evaluation) -> str:
    """Return the ratio studies as tables for people; the ones by price band and by area are with all facts."""
    overall = {known.replace("_", " "): study.overall for known, study in evaluation.ratio_studies.items()}
    table = pd.DataFrame({known: _judged(figures) for known, figures in overall.items()})
    table["acceptable"] = [_range(*ACCEPTABLE[name]) if name in ACCEPTABLE else "" for name in table.index]
    study = evaluation.ratio_studies[ALL_FACTS]
    bands = {f"{_shown(band.low)} to {_shown(band.high)}": band.figures for band in study.price_bands or ()}
    reasons: dict[str, list[str]] = {}
    for name, reason in {**study.overall.reasons, **study.reasons}.items():
        reasons.setdefault(reason, []).append(name)
    return "\n".join(
        [
            table.rename_axis(columns="ratio study").to_string(),
            *_by_group("price band", bands, ["cod"]),
            *_by_group("postal code", study.areas or {}, ["cod", "prd", "prb", "mki", "vei"]),
            *(f"not told, {reason}: {', '.join(names)}" for reason, names in reasons.items()),
        ]
    )


def _tell_refused(held: HeldOut) -> None:
    """Tell of listings that say nothing about asks, since their homes are like none that was learned from."""
    if held.refused:
        click.echo(f"{held.refused:,} more listings were left out: their homes were refused a price", err=True)


def _backtest_tables(found: Backtest) -> str:
    """Return the findings of a backtest as tables for people."""
    bands = pd.DataFrame([vars(band) for band in found.reliability]).set_index("low")
    tops = pd.DataFrame(
        [
            {
                "ranking": name,
                "best": top.k,
                "claimed %": top.claimed,
                "realised %": top.realised,
                "above %": top.above,
            }
            for name, ranking in found.rankings.items()
            for top in ranking.tops
        ]
    ).set_index(["ranking", "best"])
    orders = pd.DataFrame(
        {
            name: {
                "rank correlation": ranking.rank_correlation,
                "top less bottom fifth": ranking.spread,
                "from": ranking.spread_low,
                "to": ranking.spread_high,
            }
            for name, ranking in found.rankings.items()
        }
    ).T
    count, realised = found.seventy_percent_buys
    return "\n".join(
        [
            f"{found.n:,} listings; P(resale > break-even), claimed and realised",
            bands.map(_shown).to_string(),
            tops.map(_shown).to_string(),
            orders.map(_shown).rename_axis(columns="ranking").to_string(),
            f"the 70% rule buys {count:,}, which bring {_shown(realised)}%",
        ]
    )


def _judged(figures: RatioFigures) -> dict[str, str]:
    """Return every figure of one ratio study as text, with its verdict where that is bad."""
    told = {name: _shown(value) for name, value in figures.figures.items()}
    told |= {name: f"{told[name]} (not met)" for name, met in figures.met.items() if met is False}
    return {"compared": _shown(figures.n), "trimmed": _shown(figures.trimmed), **told}


def _by_group(kind: str, groups: Mapping[str, RatioFigures], measures: list[str]) -> list[str]:
    """Return the studies of groups as a table, a row a group; no table where there are none."""
    if not groups:
        return []
    names = ["compared", "trimmed", "median_ratio", "median_ratio_low", "median_ratio_high", *measures]
    rows = {group: _judged(figures) for group, figures in groups.items()}
    return [pd.DataFrame.from_dict(rows, orient="index")[names].rename_axis(columns=kind).to_string()]


def _range(low: float, high: float) -> str:
    return f"{_shown(low)} to {_shown(high)}" if math.isfinite(low) else f"at most {_shown(high)}"


def _shown(value: float | None) -> str:
    if value is None or math.isnan(value):
        return "–"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"
