"""The HTTP service. Imports `estimator`; nothing imports it."""
