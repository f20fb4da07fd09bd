"""A version exported to MLflow values homes as it does itself, asked by MLflow's own code."""

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from estimator.bulk.frames import value_frame
from estimator.bulk.model import source_of
from estimator.registry import load_version
from tests.conftest import KING_COUNTY, run_command

pyfunc = pytest.importorskip("mlflow.pyfunc", reason="needs the optional group `mlflow`")

scoring_server = pytest.importorskip("mlflow.pyfunc.scoring_server")

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # MLflow's own warnings are MLflow's


@pytest.fixture(scope="module")
def exported(small_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("export") / "model"
    run = run_command("export", "--model", small_models, "--to", "mlflow", target)
    assert run.exit_code == 0, run.output
    return target


def test_a_loaded_model_values_a_frame_and_takes_the_confidence(small_models: Path, exported: Path) -> None:
    homes = pd.read_csv(KING_COUNTY / "sales.csv.gz").tail(50).reset_index(drop=True)
    model = pyfunc.load_model(str(exported))
    source = source_of(load_version(small_models))
    pd.testing.assert_frame_equal(model.predict(homes), value_frame(homes, source))
    half = model.predict(homes, params={"confidence": 0.5})
    pd.testing.assert_frame_equal(half, value_frame(homes, source, 0.5))


def test_mlflows_scoring_answers_json(small_models: Path, exported: Path) -> None:
    homes = pd.DataFrame({"latitude": [47.6, 91.0], "longitude": [-122.3, -122.3], "square_footage": [1800, 1800]})
    model = pyfunc.load_model(str(exported))
    body = json.dumps({"dataframe_split": homes.to_dict(orient="split")})
    answer = scoring_server.invocations(body, "application/json", model, None)
    assert answer.status == 200, answer.response
    first, second = json.load(io.StringIO(answer.response))["predictions"]
    expected = value_frame(homes, source_of(load_version(small_models)))
    np.testing.assert_array_equal(first["valuation_price"], expected["valuation_price"][0])
    assert np.isnan(second["valuation_price"]), "MLflow's JSON has the word NaN"
    assert second["error"] == expected["error"][1]


def test_a_folder_that_exists_is_not_overwritten(small_models: Path, exported: Path) -> None:
    run = run_command("export", "--model", small_models, "--to", "mlflow", exported)
    assert run.exit_code == 2
    assert "there is something here already" in run.output
