"""How far off a value may be, and when there is none: error scale, ranges, applicability."""
