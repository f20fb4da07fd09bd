"""An automated valuation model: sold homes in, prices out. Knows nothing of HTTP."""

__version__ = "0.1.0"
