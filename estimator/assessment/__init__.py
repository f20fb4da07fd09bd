"""Valuations compared with sale prices: error figures and the ratio study."""
