"""The query parameters of routes that value homes: `confidence`, `include` and `price_above`."""

import re
from collections.abc import Mapping, Sequence

from flask import Request
from werkzeug.datastructures import MultiDict

from estimator.appraiser import CONFIDENCE as DEFAULT_CONFIDENCE
from estimator.market.market import Market
from estimator.market.values import format_value
from estimator.uncertainty.conformal import check_confidence
from service.http.deadline import request_deadline
from service.http.problems import (
    INVALID_CONFIDENCE,
    INVALID_PRICE,
    TOO_MANY_ROWS,
    UNKNOWN_PARAMETER,
    ProblemError,
    ProblemType,
)
from service.valuation.includes import INCLUDE, VALUATIONS_PER_REASON, count_reasons, read_include
from service.valuation.valuation import ValuationOptions

CONFIDENCE, PRICE_ABOVE = "confidence", "price_above"
"""Names of the parameters."""
MAX_NUMBER_LENGTH = 32
"""Characters in a number: the longest that a float needs are 24. Longer text is refused before it is parsed."""

_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?|\.[0-9]+", re.ASCII)


def read_options(request: Request, market: Market, path: str, names: Sequence[str]) -> ValuationOptions:
    """Read the parameters above from the query; the request's deadline checks the work.

    Parameters
    ----------
    path, names
        The route, and the names of all parameters it accepts; the caller may read others itself.

    Raises
    ------
    ProblemError
        A parameter is unknown or invalid (400).
    """
    args = request.args
    for name in args:
        if name not in names:
            raise ProblemError(
                UNKNOWN_PARAMETER,
                f"{name[:60]!a} is not a parameter of {path}; the parameters are {', '.join(names)}",
            )
    confidence = read_number(args, CONFIDENCE, INVALID_CONFIDENCE)
    includes = args.getlist(INCLUDE)
    if len(includes) > 1:
        raise ProblemError(
            UNKNOWN_PARAMETER,
            f"{INCLUDE} is given {len(includes)} times; give it once and separate values by commas",
        )
    return ValuationOptions(
        DEFAULT_CONFIDENCE if confidence is None else _check_confidence(confidence),
        read_include(includes[0], market) if includes else {},
        _read_price_above(args),
        request_deadline(request).check,
    )


def read_number(
    args: MultiDict[str, str], name: str, problem_type: ProblemType, such_as: str = "0.8"
) -> float | None:
    """Return the number of a parameter, 0 or more, or None if the query does not have it.

    Parameters
    ----------
    such_as
        An example, for the message.

    Raises
    ------
    ProblemError
        It is not a number or is given more than once; of the type `problem_type`.
    """
    texts = args.getlist(name)
    if len(texts) > 1:
        raise ProblemError(problem_type, f"{name} is given {len(texts)} times; give it once")
    # float() accepts more than plain numbers, for example 0_9, full-width digits and infinity.
    if texts and (len(texts[0]) > MAX_NUMBER_LENGTH or not _NUMBER.fullmatch(texts[0])):
        raise ProblemError(problem_type, f"{name}: {format_value(texts[0])} is not a number such as {such_as}")
    return float(texts[0]) if texts else None


def _read_price_above(args: MultiDict[str, str]) -> float | None:
    price = read_number(args, PRICE_ABOVE, INVALID_PRICE, such_as="450000")
    if price == 0:
        raise ProblemError(INVALID_PRICE, f"{PRICE_ABOVE}: 0 is not above 0")
    return price


def _check_confidence(confidence: float) -> float:
    try:
        return check_confidence(confidence)
    except ValueError as error:
        raise ProblemError(INVALID_CONFIDENCE, f"{CONFIDENCE}: {error}") from error


def check_include_limit(homes: int, includes: Mapping[str, tuple[str, ...]], market: Market, limit: int) -> None:
    """Limit the time of a request.

    Raises
    ------
    ProblemError
        Homes × reasons exceed the limit (413).
    """
    per_home = count_reasons(includes, market)
    if homes * per_home > limit:
        raise ProblemError(
            TOO_MANY_ROWS,
            f"{homes} homes with {per_home} reasons each are {homes * per_home} reasons; the maximum is {limit}"
            f" (a reason that takes more than {VALUATIONS_PER_REASON} valuations counts as several)",
        )
