"""The estimator over HTTP: schemas from the market, routes, problems, the live model. Imports `estimator` only."""
