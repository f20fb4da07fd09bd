"""A market with its areas and its sales, checked and split: what a training starts from."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from estimator.errors import DataError
from estimator.market.areas import Areas
from estimator.market.arrays import BoolArray
from estimator.market.market import Market
from estimator.market.sales import Parts, Sales, Split, split_rows
from estimator.market.sales_file import read_validated_sales
from estimator.market.sales_source import SalesSource
from estimator.market.validation.overrides import read_overrides
from estimator.market.validation.reasons import RESIDUAL, SetAside
from estimator.market.validation.residuals import absurd_prices
from estimator.market.validation.validate import ValidatedSales


@dataclass(frozen=True)
class SalesChecks:
    """How the sales of a file are checked.

    Parameters
    ----------
    overrides
        File of the user's decisions about single sales; None for the one that the market declares, if any.
    strict
        Whether a file with a sale that is certainly wrong is refused.
    """

    overrides: Path | None = None
    strict: bool = False


USUAL_CHECKS = SalesChecks()
"""What is wrong is set aside."""


@dataclass(frozen=True)
class MarketData:
    """A market with its areas and its sales, split into parts.

    Parameters
    ----------
    market
        The market.
    folder
        The market's folder.
    areas
        Population and crime rate by postal code.
    validated
        The sales of the file that could be used.
    split
        How they were split.
    parts
        Those that are used, by part.
    set_aside
        Sales of the file that are in no part, by row.
    """

    market: Market
    folder: Path
    areas: Areas
    validated: ValidatedSales
    split: Split
    parts: Parts
    set_aside: tuple[SetAside, ...]

    @property
    def source(self) -> SalesSource:
        """The files of the sales."""
        return self.validated.path


def read_market_data(
    market_path: Path,
    sales_path: Path | None,
    split: Split | None,
    rng: np.random.Generator,
    checks: SalesChecks = USUAL_CHECKS,
) -> MarketData:
    """Read a market, its areas and its sales, set aside the sales that cannot be used, and split the others.

    Parameters
    ----------
    market_path
        The market's file or folder.
    sales_path
        Sales to read; None for the sales that the market declares.
    split
        How the sales are split; None for by time if they have dates, else at random.
    checks
        How the sales are checked.

    Raises
    ------
    EstimatorError
        The market, the sales, the overrides or the areas cannot be used.
    """
    market, folder = read_market(market_path)
    source = SalesSource.of_market(market, folder, sales_path)
    declared = None if market.overrides is None else folder / market.overrides
    overrides = checks.overrides or declared
    decisions = () if overrides is None else read_overrides(overrides)
    validated = read_validated_sales(market, source, None, decisions, strict=checks.strict)
    _refuse_equal_prices(market, validated)
    areas = Areas.read(market, folder)
    areas.check_match(market, validated.sales.facts)
    split = split or default_split(validated.sales)
    rows = split_rows(validated.sales, split, rng)
    absurd = _absurd_prices(market, validated, np.concatenate(rows[:2]))
    excluded = np.isin(np.arange(len(validated.sales)), list(absurd))
    parts = Parts(*(validated.sales.take(part[~excluded[part]]) for part in rows))
    files = validated.rows.names
    set_aside = sorted(
        (*validated.set_aside, *absurd.values()),
        key=lambda entry: (files.index(entry.file) if entry.file else 0, entry.row),
    )
    return MarketData(market, folder, areas, validated, split, parts, tuple(set_aside))


def read_market(path: Path) -> tuple[Market, Path]:
    """Read a market from its file or folder; return it and its folder.

    Raises
    ------
    MarketError
        The market cannot be used.
    """
    return Market.read(path), path if path.is_dir() else path.parent


def default_split(sales: Sales) -> Split:
    """Return how sales are split by default: by time if they have dates, else at random."""
    return "random" if sales.date is None else "time"


def suspects_of_test(data: MarketData, rng: np.random.Generator) -> Sales:
    """Return the sales that would have been test sales, had they not been set aside.

    Parameters
    ----------
    rng
        Draws them, where the test sales were drawn.
    """
    suspects, validation = data.validated.suspects, data.parts.validation
    in_test: BoolArray
    if data.split == "time" and suspects.date is not None and validation.date is not None:
        in_test = suspects.date > validation.date.max()
    else:
        share = len(data.parts.test) / len(data.validated.sales)
        in_test = rng.random(len(suspects)) < share
    return suspects.take(in_test)


def _refuse_equal_prices(market: Market, validated: ValidatedSales) -> None:
    """Refuse sales of which no model can be learned, before a training says so with strange figures."""
    price = validated.sales.price
    if len(price) > 1 and price.min() == price.max():
        raise DataError(
            f"{validated.path}: the prices do not vary: column '{market.price}' is {price[0]:,.15g} in all"
            f" {len(price):,} sales; is it the column of the sale price?"
        )


def _absurd_prices(market: Market, validated: ValidatedSales, rows: NDArray[np.intp]) -> dict[int, SetAside]:
    """Return those of some sales that have absurd prices for what is known of them, unless the user keeps them.

    Parameters
    ----------
    rows
        Indices of these sales among the validated ones; those of the result too.
    """
    sales = validated.sales.take(rows)
    expected = absurd_prices(market, sales)
    found = {}
    for index in np.flatnonzero(expected.absurd & ~validated.kept[rows]).tolist():
        row = int(validated.index[rows[index]])
        found[int(rows[index])] = SetAside(
            validated.rows.number(row),
            market.price,
            f"{sales.price[index]:.15g}",
            RESIDUAL,
            f"similar homes cost about {round(expected.price[index]):,}",
            validated.rows.file(row),
        )
    return found
