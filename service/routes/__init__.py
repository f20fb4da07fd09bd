"""The routes: one file per route, named after its URL."""
