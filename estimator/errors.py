"""The errors a user can cause, one small family.

Each message names what is wrong, the value, the bound and the place; none needs a trace to be understood.
"""


class EstimatorError(Exception):
    """Something the user gave cannot be used; the message says what and why."""


class MarketError(EstimatorError):
    """A market file is wrong."""


class DataError(EstimatorError):
    """A file of sales, areas or subjects is wrong."""


class SavedVersionError(EstimatorError):
    """A saved version is missing, damaged or not to be trusted."""
