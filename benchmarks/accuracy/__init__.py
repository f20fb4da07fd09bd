"""Accuracy of our model compared with other models, on the same sales, splits and error figures.

Modules: `datasets` (sections of the table), `model_inputs` and `frames` (inputs of the models), `comparables`
(features of sold homes nearby), `peers` (all models: `ours`, `nearest`, `linear`, `boosting`, `networks`), `jobs`
(one training each, cached), `figures`, `report` (the table), `tuning` (settings of the peers), `curve` (error
against training time), `ablation` (our model without one of its parts), `few_sales` (small markets), `walk`
(models that are trained once, and month by month).
"""
