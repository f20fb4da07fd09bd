"""An automated valuation model: learns prices from sold homes and values others. Knows nothing of HTTP."""

__version__ = "0.1.0"
