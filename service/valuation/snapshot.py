"""One saved version in memory, with everything that requests need from it. Knows nothing of requests."""

import datetime as dt
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Self, TypeVar
from weakref import WeakKeyDictionary

from estimator.appraiser import Appraiser
from estimator.deals.list_prices import ListPriceModel
from estimator.deals.past_resales import PastResales, RepeatSales
from estimator.deals.repairs import UpliftErrors
from estimator.deals.saved_list_prices import usable_list_prices
from estimator.registry import SavedVersion
from service.model_info import model_info
from service.valuation.subject_schema import Subject, SubjectSchema
from service.valuation.valuation import ValuationOptions, check_subject, value_subjects

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Snapshot:
    """One saved version and what is derived from it. It never changes while a request uses it.

    Parameters
    ----------
    folder
        Folder of the version.
    version
        Name of the version.
    created
        When it was saved.
    appraiser
        The trained appraiser.
    schema
        Schema of a subject in a request.
    list_price_model
        Relation between values, list prices and resale prices.
    list_price_problem
        Why the saved relation cannot be used and the documented prior is; empty if neither is so.
    past_resales
        What became of homes that were sold twice.
    uplift_errors
        How sure the uplift of a repair is.
    input_statistics
        Numeric fact → its `mean` and `standard_deviation` among the training sales.
    example
        `request`, a subject, and `answer`, its valuation.
    model_info
        Body of `GET /model`.
    """

    folder: Path
    version: str
    created: dt.datetime
    appraiser: Appraiser
    schema: SubjectSchema
    list_price_model: ListPriceModel
    list_price_problem: str
    past_resales: PastResales
    uplift_errors: UpliftErrors
    input_statistics: Mapping[str, Mapping[str, float]]
    example: Mapping[str, Any]
    model_info: bytes

    @property
    def has_dates(self) -> bool:
        """Whether the market has sale dates, so that a subject may have a valuation date."""
        return self.appraiser.sale_dates is not None

    @classmethod
    def of(cls, saved: SavedVersion, key: bytes | None = None) -> Self:
        """Prepare a loaded version, and value its example: the first valuation of a process is slow.

        With a key, list prices that are not signed with it are not used.
        """
        appraiser = saved.appraiser
        schema = SubjectSchema.of(appraiser.market, has_dates=appraiser.sale_dates is not None)
        request = saved.manifest["example"]
        subject = check_subject(schema, request)
        assert isinstance(subject, Subject), subject  # noqa: S101  # training has checked the example
        (answer,) = value_subjects(appraiser, saved.name, [subject], ValuationOptions())
        assert isinstance(answer, dict), answer  # noqa: S101  # training has valued the example
        example = {"request": request, "answer": answer}
        list_prices = usable_list_prices(saved.folder, appraiser, key)
        return cls(
            folder=saved.folder,
            version=saved.name,
            created=dt.datetime.fromisoformat(saved.manifest["created"]),
            appraiser=appraiser,
            schema=schema,
            list_price_model=list_prices.model,
            list_price_problem=list_prices.problem,
            past_resales=PastResales.fit(RepeatSales.of(appraiser.model)),
            uplift_errors=UpliftErrors.fit(appraiser.model),
            input_statistics=saved.manifest.get("inputs", {}),  # older versions have none
            example=example,
            model_info=json.dumps(model_info(saved, example), allow_nan=False).encode(),
        )


class SnapshotCache(Generic[T]):
    """Computes a value once per snapshot, and drops it together with the snapshot."""

    def __init__(self, compute: Callable[[Snapshot], T]) -> None:
        self._compute = compute
        self._values: WeakKeyDictionary[Snapshot, T] = WeakKeyDictionary()

    def get(self, snapshot: Snapshot) -> T:
        """Return the value of a snapshot."""
        if snapshot not in self._values:
            self._values[snapshot] = self._compute(snapshot)
        return self._values[snapshot]
