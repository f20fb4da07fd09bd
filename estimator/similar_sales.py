"""Sold homes that a user asks for: earlier sales of the subject itself, and comparables of the user's choice."""

from estimator.appraiser import Appraiser
from estimator.explanation.chosen_sales import Choice, ChosenSales, choose_sales
from estimator.explanation.own_sales import OwnSale, find_own_sales
from estimator.market.arrays import DateArray
from estimator.market.facts import Facts
from estimator.valuation_dates import valuation_dates


def chosen_sales(appraiser: Appraiser, facts: Facts, date: DateArray | None, choice: Choice) -> ChosenSales | None:
    """Return the comparables of one subject that a user chose; None if its location is unknown.

    Parameters
    ----------
    facts, date
        As in `Appraiser.value`.
    """
    market, model = appraiser.market, appraiser.model
    coordinates = market.coordinates
    if model.comparables is None or coordinates is None or not all(facts.known(name)[0] for name in coordinates):
        return None
    completed, _ = appraiser.areas.complete(facts)
    days, _ = valuation_dates(appraiser.sale_dates, date, 1)
    index = float(model.index.at(market, completed, days)[0])
    return choose_sales(model.comparables, completed, days, index, choice)


def own_sales(appraiser: Appraiser, facts: Facts, date: DateArray | None = None) -> list[tuple[OwnSale, ...]]:
    """Return the earlier sales of n subjects themselves, newest first; the arguments are those of `value`."""
    comparables = appraiser.model.comparables
    if comparables is None:
        return [()] * len(facts)
    completed, _ = appraiser.areas.complete(facts)
    days, _ = valuation_dates(appraiser.sale_dates, date, len(facts))
    index = appraiser.model.index.at(appraiser.market, completed, days)
    return [
        find_own_sales(comparables, facts.take(slice(row, row + 1)), float(index[row]))
        for row in range(len(facts))
    ]
