"""Reads a file of homes whose column names were checked first, so that nothing is valued in vain."""

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from estimator.errors import DataError
from estimator.market.checks import find_columns
from estimator.market.feature import Feature
from estimator.market.homes_file import HomesTable, read_homes
from estimator.market.market import ANSWER_COLUMNS, Market
from estimator.market.text.names import resembling


def validated_pieces(
    market: Market, features: Sequence[Feature], source: Path, check: Callable[[Sequence[str]], None]
) -> Iterator[HomesTable]:
    """Read a file piece by piece after checking the names of its columns.

    Parameters
    ----------
    market, features
        As `read_homes` takes them.
    check
        Raises a DataError for column names that cannot be used.

    Raises
    ------
    DataError
        The file cannot be read, or the check failed.
    """
    pieces = read_homes(market, features, source)
    first = next(pieces)
    try:
        check(first.column_names)
    except DataError as error:
        raise DataError(f"{source}: {error}") from error
    yield first
    yield from pieces


def check_header(market: Market, names: Sequence[str], *, requested: Sequence[str] = ()) -> None:
    """Check the column names of a table of homes; `requested`: columns of the answer besides `ANSWER_COLUMNS`.

    Raises
    ------
    DataError
        A required fact has no column, two columns contain the same fact, or one has the name of a column of the
        answer.
    """
    reserved = [name for name in names if name in {*ANSWER_COLUMNS, *requested}]
    if reserved:
        hint = f" (the column for a valuation date is '{market.sale_date}')" if market.sale_date else ""
        raise DataError(f"column '{reserved[0]}' has the name of a column of the answer; rename it{hint}")
    try:
        found = find_columns(market.features, names)
    except ValueError as error:
        raise DataError(str(error)) from error
    for feature in market.features:
        if feature.required and feature.name not in found:
            raise DataError(
                f"there is no column for {feature.name}, which is required; "
                f"name the column {' or '.join(feature.names)}{_meant(feature, set(names) - set(found.values()))}"
            )


def _meant(feature: Feature, unread: Collection[str]) -> str:
    """Return which unread column may be a feature's, after the words that it is missing; '' if none may be."""
    close = next((found for name in feature.names if (found := resembling(name, unread)) is not None), None)
    return "" if close is None else f" (is it '{close}'?)"
