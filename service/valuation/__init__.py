"""From parsed requests to valuations and errors, one row at a time or a column at a time."""
