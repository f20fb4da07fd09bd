import numpy as np

from estimator.features.pipeline import FeaturePipeline
from estimator.market.market import Market
from estimator.market.sales import Parts
from estimator.model.label_warnings import label_warnings


def test_labels_without_a_column_have_one_warning_per_fact_and_reason(
    market: Market, pipeline: FeaturePipeline, parts: Parts
) -> None:
    codes, counts = np.unique(parts.train.facts["postal_code"], return_counts=True)
    rare = str(codes[counts == 4][0])
    homes = parts.test.facts.take(np.arange(5))
    homes = homes.replace({"postal_code": np.array(["99999", "98103", "99999", "88888", rare])})
    assert {text: where.tolist() for text, where in label_warnings(market, pipeline, homes).items()} == {
        "No training sale has this postal_code, so it is treated as unknown": [True, False, True, True, False],
        "Fewer than 5 training sales have this postal_code, so it is treated as unknown": [*[False] * 4, True],
    }
