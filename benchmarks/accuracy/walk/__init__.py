"""Accuracy over time: models that are trained once and models that are refitted every month, on the same sales.

Modules: `trials` (sales of a market, split), `boosters` (the peers), `jobs` (predictions of one model, cached),
`figures` (errors overall and by month), `page` (the report).
"""
