"""How uncertain a value is, and which homes cannot be valued: error scale, ranges, applicability domain."""
