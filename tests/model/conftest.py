import numpy as np
import pytest

from estimator.calibration import complete_sales
from estimator.features.pipeline import FeaturePipeline
from estimator.market.areas import AreaLookup, Areas
from estimator.market.market import Market
from estimator.market.sales import Parts
from estimator.model.price_index import PriceIndex
from estimator.model.price_model import PriceModel
from estimator.model.training_set import TrainingSet, build_training_set
from tests.model.refreshes import SMALL


@pytest.fixture(scope="package")
def built(market: Market, areas: Areas, parts: Parts) -> tuple[FeaturePipeline, TrainingSet]:
    lookup = AreaLookup(market, areas, parts.train.facts)
    train, validation = complete_sales(lookup, parts.train), complete_sales(lookup, parts.validation)
    return build_training_set(market, train, validation, PriceIndex(), 0.3, np.random.default_rng(0))


@pytest.fixture
def pipeline(built: tuple[FeaturePipeline, TrainingSet]) -> FeaturePipeline:
    return built[0]


@pytest.fixture
def training_set(built: tuple[FeaturePipeline, TrainingSet]) -> TrainingSet:
    return built[1]


@pytest.fixture(scope="package")
def completed(market: Market, areas: Areas, parts: Parts) -> Parts:
    """The parts of the sales, their areas' figures filled in."""
    lookup = AreaLookup(market, areas, parts.train.facts)
    return Parts(*(complete_sales(lookup, part) for part in (parts.train, parts.validation, parts.test)))


@pytest.fixture(scope="package")
def model(market: Market, completed: Parts) -> PriceModel:
    """A model that knows the training sales."""
    return PriceModel.fit(market, completed.train, completed.validation, np.random.default_rng(0), recipe=SMALL)
