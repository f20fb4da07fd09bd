"""Warnings for homes whose labels, such as a postal code or a type, few training sales have or none."""

from estimator.features.pipeline import FeaturePipeline
from estimator.market.arrays import BoolArray
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.market.overview import MIN_LABEL_COUNT


def label_warnings(market: Market, pipeline: FeaturePipeline, facts: Facts) -> dict[str, BoolArray]:
    """Return a warning for each fact with labels that few training sales have, and where, shape (n,).

    Parameters
    ----------
    pipeline
        Fitted to the training sales; it knows how often they have each label.
    facts
        The n homes, their areas' figures filled in.
    """
    warnings: dict[str, BoolArray] = {}
    for feature in market.labels:
        name = feature.name
        unseen = pipeline.unseen(facts, name)
        if name in pipeline.label_effects.names:
            rare, consequence = pipeline.label_effects.rare(facts, name) & ~unseen, "so it counts little"
        elif unseen.any():
            rare, consequence = pipeline.encoding.rare(facts, name), "so it is treated as unknown"
        else:
            continue
        warnings[f"No training sale has this {name}, so it is treated as unknown"] = unseen & ~rare
        warnings[f"Fewer than {MIN_LABEL_COUNT} training sales have this {name}, {consequence}"] = rare
    return {text: where for text, where in warnings.items() if where.any()}
