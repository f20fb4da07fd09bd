"""The command line and the service give the same valuations."""

from pathlib import Path

import pandas as pd
from flask.testing import FlaskClient

from estimator.bulk import predict_file
from estimator.registry import load_version


def test_a_file_and_a_request_get_the_same_valuations(client: FlaskClient, models: Path, tmp_path: Path) -> None:
    saved = load_version(models / "king_county")
    sales = pd.read_csv(models / "market" / "sales.csv.gz").tail(50)
    sales.to_csv(tmp_path / "in.csv", index=False)
    predict_file(saved.appraiser, tmp_path / "in.csv", tmp_path / "out.csv", lambda _: None)
    of_file = pd.read_csv(tmp_path / "out.csv", keep_default_na=False)

    facts = [feature.column for feature in saved.appraiser.market.features if feature.column in sales]
    homes = sales[facts].assign(valuation_date=of_file["valuation_date"].tolist())
    of_request = client.post("/predict", json=homes.to_dict("records")).get_json()

    for column, member in (("price", "price"), ("low", "price_low"), ("high", "price_high"), ("fsd", "fsd")):
        assert of_file[f"valuation_{column}"].tolist() == [valuation[member] for valuation in of_request]
    assert of_file["valuation_date"].tolist() == [valuation["valuation_date"] for valuation in of_request]
