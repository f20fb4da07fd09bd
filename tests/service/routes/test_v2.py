"""The Open Inference Protocol: its formats, its errors, and the same prices as `POST /predict`."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from openapi_schema_validator import OAS31Validator

from estimator import __version__
from service.app import create_app
from service.settings import Settings
from tests.service.homes import FAR, HOME

M = "/v2/models/king_county"


def tensors(homes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"name": name, "datatype": "FP64", "shape": [len(homes)], "data": [home[name] for home in homes]}
        for name in homes[0]
    ]


def error(client: FlaskClient, body: Any, status: int) -> str:
    answer = client.post(f"{M}/infer", json=body)
    assert answer.status_code == status
    assert answer.content_type == "application/json"
    assert list(answer.get_json()) == ["error"]
    return str(answer.get_json()["error"])


def test_inference_equals_predict(client: FlaskClient) -> None:
    homes = [HOME, HOME | {"square_footage": 900}]
    expected = client.post("/predict", json=homes).get_json()
    answer = client.post(f"{M}/infer", json={"id": "order-66", "inputs": tensors(homes)}).get_json()
    outputs = {output["name"]: output for output in answer["outputs"]}
    assert list(outputs) == ["price", "price_low", "price_high", "fsd", "probability_within_10", "valuation_date"]
    for name, output in outputs.items():
        assert output["shape"] == [2]
        assert output["data"] == [valuation[name] for valuation in expected]
    assert (answer["id"], answer["model_name"]) == ("order-66", "king_county")
    assert answer["model_version"] == expected[0]["model_version"]
    version = f"{M}/versions/{answer['model_version']}/infer"
    assert client.post(version, json={"inputs": tensors(homes)}).get_json()["outputs"] == answer["outputs"]


def test_shape_n_1_is_accepted_and_outputs_can_be_selected(client: FlaskClient) -> None:
    inputs = [tensor | {"shape": [1, 1], "data": [tensor["data"]]} for tensor in tensors([HOME])]
    body = {"inputs": inputs, "outputs": [{"name": "price_low"}], "parameters": {"confidence": 0.5}}
    answer = client.post(f"{M}/infer", json=body).get_json()
    expected = client.post("/predict?confidence=0.5", json=HOME).get_json()["price_low"]
    assert [(output["name"], output["data"]) for output in answer["outputs"]] == [("price_low", [expected])]
    assert "id" not in answer


def test_metadata_has_every_fact_and_its_datatype(client: FlaskClient) -> None:
    model = client.get(M).get_json()
    assert (model["name"], model["platform"]) == ("king_county", "numpy")
    inputs = {tensor["name"]: tensor["datatype"] for tensor in model["inputs"]}
    features = [feature["name"] for feature in client.get("/model").get_json()["features"]]
    assert list(inputs) == [*features, "valuation_date"]
    assert [inputs[name] for name in ("latitude", "bedrooms", "waterfront", "postal_code")] == [
        *("FP64", "INT64", "BOOL", "BYTES")
    ]
    assert client.get(f"{M}/versions/{model['versions'][0]}").get_json() == model
    answer = client.post(f"{M}/infer", json={"inputs": tensors([HOME])}).get_json()
    assert [{**output, "shape": [-1], "data": 0} for output in answer["outputs"]] == [
        {**output, "data": 0} for output in model["outputs"]
    ]


def test_health_and_server(client: FlaskClient) -> None:
    assert client.get("/v2/health/live").get_json() == {"live": True}
    assert client.get("/v2/health/ready").get_json() == {"ready": True}
    assert client.get(f"{M}/ready").get_json() == {"name": "king_county", "ready": True}
    assert client.get("/v2").get_json()["version"] == __version__


def test_without_a_model_nothing_is_ready(tmp_path: Path, settings: Settings) -> None:
    client = create_app(dataclasses.replace(settings, model=tmp_path / "nothing")).test_client()
    assert client.get("/v2/health/live").status_code == 200
    for path in ("/v2/health/ready", M, f"{M}/ready"):
        answer = client.get(path)
        assert (answer.status_code, list(answer.get_json())) == (503, ["error"])
        assert answer.headers["Retry-After"] == "1"


@pytest.mark.parametrize(
    "path",
    ["/v2/models/paris", f"{M}/versions/1", f"{M}/versions/1/ready", "/v2/models/paris/ready", "/v2/nothing"],
)
def test_unknown_models_get_404_in_the_format_of_the_protocol(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, list(answer.get_json())) == (404, ["error"])


def test_another_method_gets_405_with_allow(client: FlaskClient) -> None:
    answer = client.get(f"{M}/infer")
    assert (answer.status_code, list(answer.get_json())) == (405, ["error"])
    assert "POST" in answer.headers["Allow"]


def one(**changes: Any) -> list[dict[str, Any]]:
    first, *rest = tensors([HOME])
    return [first | changes, *rest]


def tensor(name: str, datatype: str, value: object) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": [1], "data": [value]}


@pytest.mark.parametrize(
    "body",
    [
        *([], 3, {}, {"inputs": []}, {"inputs": {}}, {"inputs": [3]}, {"inputs": [{}]}),
        *({"inputs": one(datatype="FP65")}, {"inputs": one(datatype=["FP64"])}, {"inputs": one(name=3)}),
        *({"inputs": one(shape=[2])}, {"inputs": one(shape=[1, 2], data=[[1, 2]])}, {"inputs": one(shape=None)}),
        *({"inputs": one(data="AAAA")}, {"inputs": one(data=[47, 47], shape=[2])}, {"inputs": one() * 2}),
        {"inputs": one(), "outputs": [{"name": "cost"}]},
        {"inputs": one(), "outputs": ["price"]},
        {"inputs": one(), "outputs": [{"name": "price"}, {"name": "price"}]},
        {"inputs": one(), "parameters": {"confidence": 2}},
        {"inputs": one(), "parameters": {"confidence": "high"}},
        {"inputs": one(), "parameters": []},
        {"inputs": one(), "id": 3},
        *({"inputs": one(datatype="INT8")}, {"inputs": one(datatype="BOOL")}, {"inputs": one(datatype="BYTES")}),
        *({"inputs": one(datatype="INT64")}, {"inputs": one(data=[True])}, {"inputs": one(data=["47.6"])}),
        *({"inputs": one(shape=[True])}, {"inputs": one(shape=[1.0])}, {"inputs": one(shape=[1], data=[[47.6]])}),
        *({"inputs": one(shape=[1, 1, 1])}, {"inputs": one(parameters={"binary_data_size": 8})}),
        {"inputs": [*one(), tensor("grade", "INT32", 2**31)]},
        {"inputs": [*one(), tensor("waterfront", "BOOL", 1)]},
        {"inputs": [*one(), tensor("postal_code", "BYTES", 98103)]},
        {"inputs": [*one(), tensor("postal_code", "INT64", 98103)]},
        {"inputs": one(), "parameters": {"confidence": 0.9, "binary_data_output": False}},
        {"inputs": one(), "outputs": [{"name": "price", "parameters": {"binary_data": True}}]},
    ],
)
def test_malformed_requests_are_refused(client: FlaskClient, body: Any) -> None:
    assert error(client, body, 400)


def test_values_may_be_sent_in_any_datatype_that_holds_them(client: FlaskClient) -> None:
    facts = {"grade": 7, "waterfront": False, "postal_code": "98103"}
    expected = client.post("/predict", json=HOME | facts).get_json()["price"]
    for grade, waterfront in (("INT64", "BOOL"), ("FP32", "BOOL"), ("INT32", "INT64"), ("FP64", "FP64")):
        inputs = [
            *one(),
            tensor("grade", grade, 7),
            tensor("waterfront", waterfront, False if waterfront == "BOOL" else 0),
            tensor("postal_code", "BYTES", "98103"),
            tensor("year_built", "INT64", None),
        ]
        answer = client.post(f"{M}/infer", json={"inputs": inputs, "outputs": [{"name": "price"}]})
        assert answer.get_json()["outputs"][0]["data"] == [expected]


def test_a_value_of_another_datatype_is_named(client: FlaskClient) -> None:
    message = error(client, {"inputs": one(data=[True])}, 400)
    assert message == "the input 'latitude': value 0 is true; FP64 values are numbers"
    message = error(client, {"inputs": one(datatype="INT8")}, 400)
    assert message == "the input 'latitude' has the datatype INT8; expected one of FP32, FP64, INT32, INT64"


def test_homes_that_cannot_be_valued_are_listed(client: FlaskClient) -> None:
    bad = [HOME | {"grade": 7}, HOME | {"grade": 99}, *[HOME | {"grade": 0.5}] * 6]
    message = error(client, {"inputs": tensors(bad)}, 422)
    assert message.startswith("home 1: grade: 99 is above the maximum of 13; home 2: grade: 0.5")
    assert message.endswith("; and 2 more")
    assert error(client, {"inputs": tensors([HOME, FAR])}, 422).startswith("home 1: latitude: ")
    assert error(client, {"inputs": tensors([HOME] * 51)}, 413) == "the table has 51 rows; the maximum is 50"


def test_answers_match_the_document(client: FlaskClient) -> None:
    document = client.get("/openapi.json").get_json()
    schema_by_path = {
        "/v2": "V2Server",
        "/v2/health/live": "V2Live",
        "/v2/health/ready": "V2Ready",
        M: "V2Model",
        f"{M}/ready": "V2ModelReady",
    }
    answers = {schema: client.get(path).get_json() for path, schema in schema_by_path.items()}
    answers["V2Inference"] = client.post(f"{M}/infer", json={"inputs": tensors([HOME])}).get_json()
    answers["V2Error"] = client.get("/v2/models/paris").get_json()
    answers["V2Request"] = {"inputs": tensors([HOME])}
    for name, answer in answers.items():
        schema = document["components"]["schemas"][name] | {"components": document["components"]}
        OAS31Validator(schema).validate(answer)
        assert set(answer) <= set(schema["properties"])
