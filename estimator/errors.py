"""Errors that a user can cause.

Each message names the field, the value, the bound and the row or file, so that no traceback is needed.
"""


class EstimatorError(Exception):
    """Base class: an input cannot be used; the message says what is wrong and why."""


class MarketError(EstimatorError):
    """A market file is invalid."""


class DataError(EstimatorError):
    """A file of sales, areas or subjects is invalid."""


class LostProcessError(EstimatorError):
    """A process that had a part of the work was killed."""


class SavedVersionError(EstimatorError):
    """A saved version is missing, damaged or not trusted."""
