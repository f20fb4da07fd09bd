"""An automated valuation model: sold homes in, prices out. Knows nothing of HTTP."""
