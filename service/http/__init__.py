"""HTTP itself: bodies, tables, problems, headers, limits."""
