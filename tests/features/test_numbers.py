import numpy as np

from estimator.features.numbers import NumberReader, NumberUse
from estimator.features.scaling import NumberScales
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.market.plane import kilometres


def test_one_pass_scales_and_projects_for_each_use_as_a_pass_of_its_own(market: Market) -> None:
    rng = np.random.default_rng(0)
    names = [feature.name for feature in market.numbers]
    facts = Facts({name: np.where(rng.random(200) < 0.1, np.nan, rng.lognormal(5, 2, 200)) for name in names})
    uses = [
        NumberUse(names[2:4], NumberScales.fit(facts.take(slice(100)).numbers(names[2:4]))),
        NumberUse(names, NumberScales.fit(facts.numbers(names)), mean_latitude=47.5),
        NumberUse((), NumberScales.joined([]), mean_latitude=30.0),
    ]
    numbers = NumberReader(market, uses).read(facts)
    np.testing.assert_array_equal(numbers.values, facts.numbers(names))
    np.testing.assert_array_equal(numbers.unknown, facts.unknown(names))
    for (used, scales, latitude), scaled, place in zip(uses, numbers.scaled, numbers.places, strict=True):
        np.testing.assert_array_equal(scaled, np.nan_to_num(scales.transform(facts.numbers(used))))
        assert market.coordinates is not None
        assert (place is None) == (latitude is None)
        if place is not None and latitude is not None:
            np.testing.assert_array_equal(place, kilometres(facts, market.coordinates, latitude))
