"""`/v2`: the Open Inference Protocol, for clients that call many model servers the same way.

Each fact is a tensor of n values, and so is each output. The protocol has no errors of single homes: if a home
cannot be valued, the whole request is refused and the error names the homes. Errors are `{"error": "…"}`.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from flask import Blueprint, Response, abort, request

from estimator import __version__
from estimator.appraiser import CONFIDENCE
from estimator.market.market import VALUATION_DATE
from estimator.market.text.names import LooseNames
from estimator.market.values import format_value
from estimator.uncertainty.conformal import check_confidence
from estimator.valuations import Valuations, known_number
from service.http.body_budget import BodyBudget
from service.http.deadline import request_deadline
from service.http.json_body import check_nested, json_answer, parse_json, read_json_bytes
from service.http.problems import INVALID_FACTS, MALFORMED_TABLE, OUTSIDE_DOMAIN, ProblemError
from service.http.tables import MAX_COLUMNS, check_rows
from service.live_model import LiveModel
from service.openapi.v2 import ACCEPTED_DATATYPES, DATATYPES, PREFIX
from service.settings import Settings
from service.valuation.chunks import Check, value_in_chunks
from service.valuation.responses import count_homes
from service.valuation.snapshot import Snapshot
from service.valuation.subject_columns import CheckedSubjects, check_subject_columns

SERVER = "house-price-estimator"
_PLATFORM = "numpy"
_OUTPUTS = ("price", "price_low", "price_high", "fsd", "probability_within_10")
_MAX_LISTED = 5
"""Homes, and errors of a home, that an error lists: it is one line of text."""


def v2_routes(live: LiveModel, settings: Settings, budget: BodyBudget) -> Blueprint:
    """Return the routes."""
    routes = Blueprint("v2", __name__, url_prefix=PREFIX)

    @routes.get("")
    def server() -> Response:
        return json_answer({"name": SERVER, "version": __version__, "extensions": []})

    @routes.get("/health/live", endpoint="live")
    def health_live() -> Response:
        return json_answer({"live": True})

    @routes.get("/health/ready", endpoint="ready")
    def health_ready() -> Response:
        live.check_ready()
        return json_answer({"ready": True})

    @routes.get("/models/<name>")
    @routes.get("/models/<name>/versions/<version>")
    def model(name: str, version: str | None = None) -> Response:
        return json_answer(_metadata(_served(live, name, version)))

    @routes.get("/models/<name>/ready")
    @routes.get("/models/<name>/versions/<version>/ready")
    def model_ready(name: str, version: str | None = None) -> Response:
        _served(live, name, version)
        live.check_ready()
        return json_answer({"name": name, "ready": True})

    @routes.post("/models/<name>/infer")
    @routes.post("/models/<name>/versions/<version>/infer")
    def infer(name: str, version: str | None = None) -> Response:
        snapshot, check = _served(live, name, version), request_deadline(request).check
        body = read_json_bytes(request, settings.max_body)
        with budget.hold(body, check):
            # In the shape (n, 1) each value is a list.
            check_nested(body, settings.max_rows * (len(snapshot.appraiser.market.features) + 1))
            return json_answer(_infer(snapshot, parse_json(body), settings.max_rows, check))

    return routes


def _served(live: LiveModel, name: str, version: str | None) -> Snapshot:
    """Return the snapshot that is served, or answer 404 if the request names another model or version."""
    snapshot = live.snapshot()
    if name != snapshot.appraiser.market.name:
        abort(404, f"there is no model {name[:60]!a}; this server serves {snapshot.appraiser.market.name}")
    if version not in {None, snapshot.version}:
        shown = version[:60] if version else ""
        abort(404, f"there is no version {shown!a}; this server serves {snapshot.version}")
    return snapshot


def _metadata(snapshot: Snapshot) -> dict[str, Any]:
    market = snapshot.appraiser.market
    inputs = [_tensor_metadata(feature.name, feature.fact_kind.v2_datatype) for feature in market.features]
    outputs = [_tensor_metadata(name, "FP64") for name in _OUTPUTS]
    if snapshot.has_dates:
        date = _tensor_metadata(VALUATION_DATE, "BYTES")
        inputs.append(date)
        outputs.append(date)
    return {
        "name": market.name,
        "versions": [snapshot.version],
        "platform": _PLATFORM,
        "inputs": inputs,
        "outputs": outputs,
    }


def _tensor_metadata(name: str, datatype: str) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": [-1]}


def _infer(snapshot: Snapshot, body: Any, max_rows: int, check: Check) -> dict[str, Any]:
    """Answer an inference request."""
    if not isinstance(body, dict):
        raise _malformed("the body must be an object with `inputs`")
    columns = _read_inputs(snapshot, body.get("inputs"), max_rows)
    confidence = _read_confidence(body.get("parameters"))
    subjects = check_subject_columns(snapshot.appraiser.market, columns, has_dates=snapshot.has_dates)
    outputs = _outputs(_value(snapshot, subjects, confidence, check))
    names = _read_outputs(body.get("outputs"), outputs)
    answer = {
        "model_name": snapshot.appraiser.market.name,
        "model_version": snapshot.version,
        "outputs": [{"name": name} | outputs[name] for name in names],
    }
    if "id" in body:
        if not isinstance(body["id"], str):
            raise _malformed("`id` must be a string")
        answer["id"] = body["id"]
    return answer


def _value(snapshot: Snapshot, subjects: CheckedSubjects, confidence: float, check: Check) -> Valuations:
    """Value all homes, or raise a problem if any of them cannot be valued."""
    valid = subjects.valid
    if subjects.errors:
        count_homes(snapshot, subjects.facts, valid, np.zeros(len(valid), np.bool_))
        messages = {
            row: ", ".join(f"{error['field']}: {error['message']}" for error in errors[:_MAX_LISTED])
            for row, errors in sorted(subjects.errors.items())
        }
        raise ProblemError(INVALID_FACTS, _list_homes(messages))
    values = value_in_chunks(snapshot.appraiser, subjects.facts, subjects.dates, confidence, check)
    count_homes(snapshot, subjects.facts, valid, values.priced)
    if values.refusals:
        messages = {
            row: ", ".join(f"{refusal.field}: {refusal.message}" for refusal in refusals)
            for row, refusals in sorted(values.refusals.items())
        }
        raise ProblemError(OUTSIDE_DOMAIN, _list_homes(messages))
    return values


def _list_homes(messages: Mapping[int, str]) -> str:
    """Return the messages of the first homes, and the number of the others."""
    listed = [f"home {row}: {message}" for row, message in list(messages.items())[:_MAX_LISTED]]
    left_out = len(messages) - len(listed)
    return "; ".join(listed) + (f"; and {left_out} more" if left_out else "")


def _outputs(values: Valuations) -> dict[str, dict[str, Any]]:
    n = len(values)
    sureness = values.fsd.round(4), values.probability_within_10.round(4)
    columns = (values.price, values.low, values.high, *sureness)
    outputs: dict[str, dict[str, Any]] = {
        name: {"datatype": "FP64", "shape": [n], "data": list(map(known_number, column.tolist()))}
        for name, column in zip(_OUTPUTS, columns, strict=True)
    }
    if values.date is not None:
        outputs[VALUATION_DATE] = {"datatype": "BYTES", "shape": [n], "data": values.date.astype(str).tolist()}
    return outputs


def _read_inputs(snapshot: Snapshot, inputs: Any, max_rows: int) -> dict[str, list[Any]]:
    """Return name → n values."""
    if not isinstance(inputs, list) or not inputs:
        raise _malformed("`inputs` must be a list of at least one tensor")
    if len(inputs) > MAX_COLUMNS:
        raise _malformed(f"there are {len(inputs)} inputs; the maximum is {MAX_COLUMNS}")
    by_name = snapshot.appraiser.market.by_name
    datatype_by_name = LooseNames(
        {name: feature.fact_kind.v2_datatype for name, feature in by_name.items()} | {VALUATION_DATE: "BYTES"}
    )
    columns: dict[str, list[Any]] = {}
    for tensor in inputs:
        name, values = _read_tensor(tensor, datatype_by_name)
        if name in columns:
            raise _malformed(f"the input {name[:60]!a} is given twice")
        columns[name] = values
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1:
        raise _malformed("all inputs must have the same number of values")
    check_rows(lengths.pop(), max_rows)
    return columns


def _read_tensor(tensor: Any, datatype_by_name: Mapping[str, str]) -> tuple[str, list[Any]]:
    """Return an input's name and its values; shape (n, 1) is accepted as (n,), and null is a missing fact."""
    if not isinstance(tensor, dict) or not isinstance(tensor.get("name"), str):
        raise _malformed("an input must be an object with a `name`")
    name, shape, data = tensor["name"], tensor.get("shape"), tensor.get("data")
    subject = f"the input {name[:60]!a}"
    datatype = _read_datatype(subject, tensor.get("datatype"), datatype_by_name.get(name))
    if tensor.get("parameters"):
        raise _malformed(f"{subject} has `parameters`; none are supported here, and no binary data")
    if not isinstance(data, list):
        raise _malformed(f"{subject} must have `data`, a list of values; binary data is not supported")
    is_nested = any(isinstance(value, list) for value in data)
    if is_nested and not all(isinstance(value, list) and len(value) == 1 for value in data):
        raise _malformed(f"{subject} must have one value per home")
    n = len(data)
    if not isinstance(shape, list) or any(type(size) is not int for size in shape) or shape not in ([n], [n, 1]):
        raise _malformed(f"{subject} has {n} values, so its `shape` must be [{n}] or [{n}, 1]")
    if is_nested and shape == [n]:
        raise _malformed(f"the shape of {subject} is [{n}], so its `data` must not contain lists")
    values = [value[0] for value in data] if is_nested else data
    fits, description = _FITS[datatype]
    for row, value in enumerate(values):
        if value is not None and not fits(value):
            raise _malformed(
                f"{subject}: value {row} is {format_value(value)}; {datatype} values are {description}"
            )
    return name, values


def _read_datatype(subject: str, datatype: Any, expected: str | None) -> str:
    """Return the datatype of a tensor; `expected` is that of the metadata, None for an unknown name."""
    if not isinstance(datatype, str) or datatype not in DATATYPES:
        raise _malformed(f"{subject} must have a `datatype` of the protocol, such as FP64")
    accepted = ACCEPTED_DATATYPES["BOOL"] | {"BYTES"} if expected is None else ACCEPTED_DATATYPES[expected]
    if datatype not in accepted:
        raise _malformed(f"{subject} has the datatype {datatype}; expected one of {', '.join(sorted(accepted))}")
    return datatype


def _fits_integer(bits: int) -> Callable[[Any], bool]:
    bound = 2 ** (bits - 1)
    return lambda value: type(value) is int and -bound <= value < bound


_FITS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "FP32": (lambda value: type(value) in {int, float}, "numbers"),
    "FP64": (lambda value: type(value) in {int, float}, "numbers"),
    "INT32": (_fits_integer(32), "whole numbers of at most 32 bits"),
    "INT64": (_fits_integer(64), "whole numbers of at most 64 bits"),
    "BOOL": (lambda value: type(value) is bool, "true or false"),
    "BYTES": (lambda value: type(value) is str, "strings"),
}
"""Accepted datatype → whether a JSON value is of it, and what its values are."""


def _read_confidence(parameters: Any) -> float:
    if parameters is None:
        return CONFIDENCE
    if not isinstance(parameters, dict):
        raise _malformed("`parameters` must be an object")
    for name in parameters:
        if name != "confidence":
            raise _malformed(f"unknown parameter {name[:60]!a}; the only parameter is `confidence`")
    confidence = parameters.get("confidence", CONFIDENCE)
    if not isinstance(confidence, (int, float)) or isinstance(confidence, bool):
        raise _malformed("the parameter `confidence` must be a number")
    try:
        return check_confidence(float(confidence))
    except OverflowError as error:
        raise _malformed("confidence: the number is too large") from error
    except ValueError as error:
        raise _malformed(f"confidence: {error}") from error


def _read_outputs(outputs: Any, known: Mapping[str, Any]) -> list[str]:
    """Return the names of the requested outputs; all if none are requested."""
    if outputs is None or outputs == []:
        return list(known)
    if not isinstance(outputs, list) or not all(isinstance(output, dict) for output in outputs):
        raise _malformed("`outputs` must be a list of objects with a `name`")
    if any(output.get("parameters") for output in outputs):
        raise _malformed("`outputs` have no `parameters` here")
    names = [output.get("name") for output in outputs]
    if not all(isinstance(name, str) and name in known for name in names):
        raise _malformed(f"`outputs` has an unknown name; expected one or more of {', '.join(known)}")
    if len(set(names)) < len(names):
        raise _malformed("`outputs` has the same name twice")
    return names


def _malformed(detail: str) -> ProblemError:
    return ProblemError(MALFORMED_TABLE, detail)
