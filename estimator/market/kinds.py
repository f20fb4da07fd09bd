"""The kinds of facts: the one table that says how a fact of each kind is parsed, described, shown and compared.

A new kind is one more entry in `KINDS`. Code elsewhere reads the properties of a kind and never compares its name,
except to find the fact that is a home's latitude, longitude or postal code (`Market.of_kind`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from estimator.market import columns, values
from estimator.market.columns import Problem
from estimator.market.values import Stored, Value

TextForm = Literal["number", "date", "label", "boolean"]
"""In which form text has a value; `text_forms` knows how people write each."""
Widget = Literal["number", "degrees", "yes_no", "text", "code", "date"]
"""How the web page enters and shows a value; `service/pages/home/widgets.js` has an entry for each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FactKind:
    """What it means that a fact is of a kind.

    Parameters
    ----------
    parse_value
        One JSON value → the stored value. Raises ValueError with a message for the sender. Bounds are checked
        elsewhere.
    parse_column
        Name of the field and a column of a file (Arrow) → the stored values, shape (n,), and the problems.
    to_json
        A stored value → the JSON value that `parse_value` accepts.
    is_label
        Whether values are labels: stored as text, '' where unknown, and encoded as one 0/1 column for each
        frequent label. Other values are numbers: floats, NaN where unknown, encoded as one scaled column.
    choices
        All the stored values there are, ascending; None where there are too many to list.
    is_whole
        Whether values are whole numbers.
    json_types
        JSON Schema types that a request may use.
    json_format
        JSON Schema format; None if there is none.
    v2_datatype
        Datatype of the Open Inference Protocol that fits best.
    default_bounds
        Minimum and maximum of a feature that declares none; None for no bound.
    allows_bounds
        Whether a feature may declare a minimum and a maximum.
    allows_price_effect
        Whether a feature may declare a `price_effect`.
    is_unique
        Whether a market has at most one such feature.
    is_location
        Whether it says where a home is. Such facts are changed together in explanations.
    can_be_size
        Whether it can measure how large a home is.
    has_range
        Whether a value is compared with the range of values of the sold homes.
    range_step
        How far a value may lie outside that range and still be near it, at least, in the unit of the fact.
    text_form
        In which form text has a value.
    widget
        How the web page enters and shows a value.
    """

    parse_value: Callable[[object], Stored]
    parse_column: Callable[[str, pa.ChunkedArray], tuple[NDArray[Any], list[Problem]]]
    to_json: Callable[[Stored], Value]
    is_label: bool
    choices: tuple[int, ...] | None
    is_whole: bool
    json_types: tuple[str, ...]
    json_format: str | None
    v2_datatype: str
    default_bounds: tuple[float | None, float | None]
    allows_bounds: bool
    allows_price_effect: bool
    is_unique: bool
    is_location: bool
    can_be_size: bool
    has_range: bool
    range_step: float
    text_form: TextForm
    widget: Widget

    def __post_init__(self) -> None:
        if self.default_bounds != (None, None) and not self.allows_bounds:
            raise ValueError("a kind with default bounds must allow bounds: a saved market declares them")

    @property
    def unknown(self) -> Stored:
        """The stored value of an unknown fact."""
        return "" if self.is_label else np.nan

    @property
    def is_coordinate(self) -> bool:
        """Whether it is a coordinate: a location that is a number."""
        return self.is_location and not self.is_label

    @property
    def dtype(self) -> type[np.str_] | type[np.float64]:
        """Of a column of stored values."""
        return np.str_ if self.is_label else np.float64


KINDS: Mapping[str, FactKind] = {
    "number": FactKind(
        parse_value=values.parse_number,
        parse_column=columns.number_column,
        to_json=values.number_to_json,
        is_label=False,
        choices=None,
        is_whole=False,
        json_types=("number",),
        json_format=None,
        v2_datatype="FP64",
        default_bounds=(None, None),
        allows_bounds=True,
        allows_price_effect=True,
        is_unique=False,
        is_location=False,
        can_be_size=True,
        has_range=True,
        range_step=0.0,
        text_form="number",
        widget="number",
    ),
    "integer": FactKind(
        parse_value=values.parse_integer,
        parse_column=columns.integer_column,
        to_json=values.number_to_json,
        is_label=False,
        choices=None,
        is_whole=True,
        json_types=("integer",),
        json_format=None,
        v2_datatype="INT64",
        default_bounds=(None, None),
        allows_bounds=True,
        allows_price_effect=True,
        is_unique=False,
        is_location=False,
        can_be_size=True,
        has_range=True,
        range_step=1.0,
        text_form="number",
        widget="number",
    ),
    "boolean": FactKind(
        parse_value=values.parse_boolean,
        parse_column=columns.boolean_column,
        to_json=values.boolean_to_json,
        is_label=False,
        choices=(0, 1),
        is_whole=True,
        json_types=("boolean", "integer"),
        json_format=None,
        v2_datatype="BOOL",
        default_bounds=(None, None),
        allows_bounds=False,
        allows_price_effect=True,
        is_unique=False,
        is_location=False,
        can_be_size=False,
        has_range=False,
        range_step=0.0,
        text_form="boolean",
        widget="yes_no",
    ),
    "category": FactKind(
        parse_value=values.parse_label,
        parse_column=columns.label_column,
        to_json=values.label_to_json,
        is_label=True,
        choices=None,
        is_whole=False,
        json_types=("string", "integer"),
        json_format=None,
        v2_datatype="BYTES",
        default_bounds=(None, None),
        allows_bounds=False,
        allows_price_effect=False,
        is_unique=False,
        is_location=False,
        can_be_size=False,
        has_range=False,
        range_step=0.0,
        text_form="label",
        widget="text",
    ),
    "latitude": FactKind(
        parse_value=values.parse_number,
        parse_column=columns.number_column,
        to_json=values.number_to_json,
        is_label=False,
        choices=None,
        is_whole=False,
        json_types=("number",),
        json_format=None,
        v2_datatype="FP64",
        default_bounds=(-90.0, 90.0),
        allows_bounds=True,
        allows_price_effect=False,
        is_unique=True,
        is_location=True,
        can_be_size=False,
        has_range=False,
        range_step=0.0,
        text_form="number",
        widget="degrees",
    ),
    "longitude": FactKind(
        parse_value=values.parse_number,
        parse_column=columns.number_column,
        to_json=values.number_to_json,
        is_label=False,
        choices=None,
        is_whole=False,
        json_types=("number",),
        json_format=None,
        v2_datatype="FP64",
        default_bounds=(-180.0, 180.0),
        allows_bounds=True,
        allows_price_effect=False,
        is_unique=True,
        is_location=True,
        can_be_size=False,
        has_range=False,
        range_step=0.0,
        text_form="number",
        widget="degrees",
    ),
    "postal_code": FactKind(
        parse_value=values.parse_postal_code,
        parse_column=columns.postal_code_column,
        to_json=values.label_to_json,
        is_label=True,
        choices=None,
        is_whole=False,
        json_types=("string", "integer"),
        json_format=None,
        v2_datatype="BYTES",
        default_bounds=(None, None),
        allows_bounds=False,
        allows_price_effect=False,
        is_unique=True,
        is_location=True,
        can_be_size=False,
        has_range=False,
        range_step=0.0,
        text_form="label",
        widget="code",
    ),
    "date": FactKind(
        parse_value=values.parse_day,
        parse_column=columns.day_column,
        to_json=values.day_to_json,
        is_label=False,
        choices=None,
        is_whole=True,
        json_types=("string",),
        json_format="date",
        v2_datatype="BYTES",
        default_bounds=(None, None),
        allows_bounds=False,
        allows_price_effect=False,
        is_unique=False,
        is_location=False,
        can_be_size=False,
        has_range=True,
        range_step=0.0,
        text_form="date",
        widget="date",
    ),
}
"""Name of a kind, as market.toml has it → what it means."""
