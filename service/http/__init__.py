"""HTTP without homes: bodies, tables, errors, headers, keys and limits."""
