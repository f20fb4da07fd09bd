"""`/v2`: the Open Inference Protocol, for programs that speak it to every model server.

A fact is a tensor of n values, an answer too. The protocol has no place for one home's error: a request with a
home that cannot be valued is refused whole, and the error names the homes. Errors are `{"error": "…"}`.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from flask import Blueprint, Response, abort, request

from estimator import __version__
from estimator.appraiser import CONFIDENCE, Valuations
from estimator.market.market import VALUATION_DATE, Market
from estimator.uncertainty.conformal import check_confidence
from service.http.json_body import json_answer, read_json
from service.openapi.v2 import DATATYPES, PREFIX
from service.http.problems import INVALID_FACTS, MALFORMED_TABLE, OUTSIDE_DOMAIN, ProblemError
from service.http.tables import check_rows
from service.live_model import LiveModel, Snapshot
from service.settings import Settings
from service.valuation.responses import count_homes
from service.valuation.subject_columns import CheckedSubjects, check_subject_columns

SERVER = "house-price-estimator"
_PLATFORM = "numpy"
_NUMBERS = ("price", "price_low", "price_high", "fsd")
_MOST_TOLD = 5
"""Homes that an error names: it is one line of text."""


def v2_routes(live: LiveModel, settings: Settings) -> Blueprint:
    """Make the routes of a server."""
    routes = Blueprint("v2", __name__, url_prefix=PREFIX)

    @routes.get("")
    def server() -> Response:
        return json_answer({"name": SERVER, "version": __version__, "extensions": []})

    @routes.get("/health/live")
    def alive() -> Response:
        return json_answer({"live": True})

    @routes.get("/health/ready")
    def ready() -> Response:
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
        snapshot = _served(live, name, version)
        return json_answer(_infer(snapshot, read_json(request, settings.max_body), settings.max_rows))

    return routes


def _served(live: LiveModel, name: str, version: str | None) -> Snapshot:
    snapshot = live.take()
    if name != snapshot.appraiser.market.name:
        abort(404, f"there is no model {name[:60]!a}; {snapshot.appraiser.market.name} is served")
    if version not in {None, snapshot.version}:
        abort(404, f"there is no version {version[:60] if version else ''!a}; {snapshot.version} is served")
    return snapshot


def _metadata(snapshot: Snapshot) -> dict[str, Any]:
    market = snapshot.appraiser.market
    inputs = [_tensor(feature.name, feature.fact_kind.v2_datatype) for feature in market.features]
    if snapshot.has_dates:
        inputs.append(_tensor(VALUATION_DATE, "BYTES"))
    outputs = [_tensor(name, "FP64") for name in _NUMBERS]
    if snapshot.has_dates:
        outputs.append(_tensor(VALUATION_DATE, "BYTES"))
    return {
        "name": market.name,
        "versions": [snapshot.version],
        "platform": _PLATFORM,
        "inputs": inputs,
        "outputs": outputs,
    }


def _tensor(name: str, datatype: str) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": [-1]}


def _infer(snapshot: Snapshot, body: Any, max_rows: int) -> dict[str, Any]:
    """Answer one inference request."""
    if not isinstance(body, dict):
        raise _wrong("the body is no object with inputs")
    columns = _read_inputs(body.get("inputs"), max_rows)
    confidence = _read_confidence(body.get("parameters"))
    values = _value(
        snapshot, check_subject_columns(snapshot.appraiser.market, columns, has_dates=snapshot.has_dates), confidence
    )
    outputs = _outputs(values)
    asked = _read_outputs(body.get("outputs"), outputs)
    answer = {
        "model_name": snapshot.appraiser.market.name,
        "model_version": snapshot.version,
        "outputs": [{"name": name} | outputs[name] for name in asked],
    }
    if "id" in body:
        if not isinstance(body["id"], str):
            raise _wrong("id is no text")
        answer["id"] = body["id"]
    return answer


def _value(snapshot: Snapshot, checked: CheckedSubjects, confidence: float) -> Valuations:
    """Value the homes, all or none."""
    if checked.faults:
        count_homes(snapshot, checked.facts, np.zeros(len(checked.dates), np.bool_), len(checked.faults), 0)
        faults = {
            row: ", ".join(f"{fault['field']}: {fault['message']}" for fault in faults[:_MOST_TOLD])
            for row, faults in sorted(checked.faults.items())
        }
        raise ProblemError(INVALID_FACTS, _told(faults))
    values = snapshot.appraiser.value(checked.facts, checked.dates, confidence)
    count_homes(snapshot, checked.facts, values.priced, 0, len(values.refusals))
    if values.refusals:
        refusals = {row: ", ".join(map(": ".join, told)) for row, told in sorted(values.refusals.items())}
        raise ProblemError(OUTSIDE_DOMAIN, _told(refusals))
    return values


def _told(faults: Mapping[int, str]) -> str:
    """Say what is wrong with the first homes, and how many more there are."""
    told = [f"home {row}: {text}" for row, text in list(faults.items())[:_MOST_TOLD]]
    more = len(faults) - len(told)
    return "; ".join(told) + (f"; and {more} more" if more else "")


def _outputs(values: Valuations) -> dict[str, dict[str, Any]]:
    n = len(values)
    columns = (values.price, values.low, values.high, values.fsd.round(4))
    outputs: dict[str, dict[str, Any]] = {
        name: {"datatype": "FP64", "shape": [n], "data": column.tolist()}
        for name, column in zip(_NUMBERS, columns, strict=True)
    }
    if values.date is not None:
        outputs[VALUATION_DATE] = {"datatype": "BYTES", "shape": [n], "data": values.date.astype(str).tolist()}
    return outputs


def _read_inputs(inputs: Any, max_rows: int) -> dict[str, list[Any]]:
    """Return name → n values."""
    if not isinstance(inputs, list) or not inputs:
        raise _wrong("inputs is no list of tensors")
    columns: dict[str, list[Any]] = {}
    for tensor in inputs:
        name, values = _read_tensor(tensor)
        if name in columns:
            raise _wrong(f"the input {name[:60]!a} stands twice")
        columns[name] = values
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1:
        raise _wrong("the inputs' shapes are not all of the same number of homes")
    check_rows(lengths.pop(), max_rows)
    return columns


def _read_tensor(tensor: Any) -> tuple[str, list[Any]]:
    """Return an input's name and its values; a tensor of shape (n, 1) is one of shape (n,)."""
    if not isinstance(tensor, dict) or not isinstance(tensor.get("name"), str):
        raise _wrong("an input is no object with a name")
    name, shape, data = tensor["name"], tensor.get("shape"), tensor.get("data")
    shown = f"the input {name[:60]!a}"
    if str(tensor.get("datatype")) not in DATATYPES:
        raise _wrong(f"{shown} has no datatype of the protocol")
    if not isinstance(data, list):
        raise _wrong(f"{shown} has no data: a list of values; binary data is not taken")
    if any(isinstance(value, list) for value in data):
        if not all(isinstance(value, list) and len(value) == 1 for value in data):
            raise _wrong(f"{shown} has rows that are not of one value")
        data = [value[0] for value in data]
    if shape not in ([len(data)], [len(data), 1]):
        raise _wrong(f"{shown} has the shape {str(shape)[:60]} and {len(data)} values; a fact has the shape [n]")
    return name, data


def _read_confidence(parameters: Any) -> float:
    if parameters is None:
        return CONFIDENCE
    asked = parameters.get("confidence", CONFIDENCE) if isinstance(parameters, dict) else None
    if not isinstance(asked, (int, float)) or isinstance(asked, bool):
        raise _wrong("parameters is no object with a number for confidence")
    try:
        return check_confidence(float(asked))
    except (ValueError, OverflowError) as error:
        raise _wrong(f"confidence: {error}") from error


def _read_outputs(asked: Any, known: Mapping[str, Any]) -> list[str]:
    if asked is None or asked == []:
        return list(known)
    if not isinstance(asked, list) or not all(isinstance(entry, dict) for entry in asked):
        raise _wrong("outputs is no list of objects with a name")
    names = [entry.get("name") for entry in asked]
    if not all(isinstance(name, str) and name in known for name in names) or len(set(names)) < len(names):
        raise _wrong(f"outputs names something else than {', '.join(known)}, or something twice")
    return names


def _wrong(detail: str) -> ProblemError:
    return ProblemError(MALFORMED_TABLE, detail)
