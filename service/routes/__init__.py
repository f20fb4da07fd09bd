"""One file for each route, named after it."""
