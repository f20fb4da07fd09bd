"""The query parameters of `POST /comparables`: which sold homes to compare a home with."""

import re

from flask import Request

from estimator.explanation.chosen_sales import Choice
from service.http.problems import UNKNOWN_PARAMETER, ProblemError
from service.valuation.parameters import read_number

PATH = "/comparables"
LIMITS = ("radius_km", "months", "size_percent")
"""Parameters that limit which sold homes are taken."""
ROWS = ("pinned", "dropped")
"""Parameters that name single sold homes."""
MAX_ROWS = 64
"""Sold homes at most that a parameter names: as many as the model compares with."""
_ROW_LIST = re.compile(r"[0-9]{1,9}(,[0-9]{1,9})*", re.ASCII)
_MAX_SHOWN = 60


def read_choice(request: Request, n_sold: int) -> Choice:
    """Read the parameters.

    Raises
    ------
    ProblemError
        One is unknown, or its value is no number or no list of rows of `GET /sales` (400).
    """
    for name in request.args:
        if name not in (*LIMITS, *ROWS):
            known = ", ".join((*LIMITS, *ROWS))
            raise ProblemError(
                UNKNOWN_PARAMETER,
                f"{name[:_MAX_SHOWN]!a} is not a parameter of {PATH}; the parameters are {known}",
            )
    radius, months, size = (read_number(request.args, name, UNKNOWN_PARAMETER, such_as="1.5") for name in LIMITS)
    pinned, dropped = (_read_rows(request, name, n_sold) for name in ROWS)
    return Choice(radius, months, size, pinned, dropped)


def _read_rows(request: Request, name: str, n_sold: int) -> tuple[int, ...]:
    text = ",".join(request.args.getlist(name))
    if not text:
        return ()
    if not _ROW_LIST.fullmatch(text):
        raise ProblemError(
            UNKNOWN_PARAMETER, f"{name}: {text[:_MAX_SHOWN]!a} is not a list of row numbers such as 12,345"
        )
    rows = tuple(dict.fromkeys(int(row) for row in text.split(",")))
    if len(rows) > MAX_ROWS:
        raise ProblemError(UNKNOWN_PARAMETER, f"{name} has {len(rows)} rows; the maximum is {MAX_ROWS}")
    if max(rows) >= n_sold:
        raise ProblemError(
            UNKNOWN_PARAMETER, f"{name}: there is no row {max(rows)}; GET /sales has {n_sold}, counted from 0"
        )
    return rows
