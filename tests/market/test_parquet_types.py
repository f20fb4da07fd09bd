"""Types that Parquet has and CSV lacks, in every role that a column of sales can have."""

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from estimator.errors import EstimatorError
from estimator.market.areas import Areas
from estimator.market.csv_writer import csv_rows
from estimator.market.geojson import geojson_rows
from estimator.market.geometry import GEOJSON, described_as
from estimator.market.market import Market
from estimator.market.sales_file import read_closed_listings, read_validated_sales
from estimator.market.validation.validate import ValidatedSales

KINDS = {
    "size": "number",
    "rooms": "integer",
    "pool": "boolean",
    "type": "category",
    "zip": "postal_code",
    "built": "date",
}
N = 3
NO_TYPE: dict[str, pa.Array] = {
    "list": pa.array([[1, 2]] * N),
    "struct": pa.array([{"a": 1}] * N),
    "map": pa.array([[("a", 1)]] * N, pa.map_(pa.string(), pa.int64())),
    "nested": pa.array([[{"a": [1]}]] * N),
    "binary": pa.array([b"\xff"] * N),
}
"""Types that no text, number or date stands for."""
OTHERS: dict[str, pa.Array] = {
    "decimal": pa.array([Decimal("3")] * N, pa.decimal128(10, 0)),
    "time": pa.array([dt.time(1, 2)] * N, pa.time32("s")),
    "late": pa.array([2**62] * N, pa.timestamp("us")),
    "dictionary": pa.array(["3"] * N).dictionary_encode(),
    "null": pa.nulls(N),
}


def town(**changes: Any) -> Market:
    features = [{"name": name, "kind": kind, "required": name == "size"} for name, kind in KINDS.items()]
    entries = {"name": "town", "currency": "EUR", "sales": "s.parquet", "price": "price", "areas": "a.parquet"}
    own = {"sale_date": "date", "sale_id": "id", "address": "address", "max_unreadable_share": 1.0}
    return Market.from_dict({**entries, **own, "features": features, **changes})


def write(path: Path, **columns: pa.Array) -> Path:
    days = pa.array([dt.date(2020, 1, day) for day in (1, 2, 3)])
    text, numbers = pa.array(["a", "b", "c"]), pa.array([100.0, 110.0, 130.0])
    usual = {"price": numbers, "size": numbers, "date": days, "id": text, "address": text, "list_price": numbers}
    pq.write_table(pa.table({**usual, **columns}), path)
    return path


def read(path: Path, **changes: Any) -> ValidatedSales:
    return read_validated_sales(town(**changes), path)


def refusal(path: Path, *, of_listings: bool) -> str | None:
    """Return why a file is refused; None if it is read."""
    try:
        read_closed_listings(town(), path) if of_listings else read(path)
    except EstimatorError as error:
        return str(error)
    return None


@pytest.mark.parametrize("name", [*NO_TYPE, *OTHERS])
def test_a_type_in_any_role_is_read_or_refused_in_words(tmp_path: Path, name: str) -> None:
    column = (NO_TYPE | OTHERS)[name]
    for role in (*KINDS, "price", "date", "id", "address", "list_price", "unused"):
        path = write(tmp_path / "s.parquet", **{role: column})
        message = refusal(path, of_listings=role == "list_price")
        if message is not None:
            assert role in message
            assert not {"cast", "Arrow", "payload"} & set(message.split())


@pytest.mark.parametrize("name", NO_TYPE)
def test_a_column_that_stands_for_no_text_is_refused_by_its_name(tmp_path: Path, name: str) -> None:
    path, shown = write(tmp_path / "s.parquet", notes=NO_TYPE[name], address=NO_TYPE[name]), "such as (a|b)"
    for condition, kind in (("notes == 'a'", "text"), ("notes > 1", "numbers"), ("notes > '2020-01-01'", "dates")):
        with pytest.raises(
            EstimatorError, match=rf"compares column 'notes' with {kind}, but it has none.*{shown}"
        ):
            read(path, where=condition)
    with pytest.raises(EstimatorError, match=f"s.parquet: addresses cannot be used\n  column address: .*{shown}"):
        read(path)
    write(tmp_path / "s.parquet", notes=NO_TYPE[name])
    assert len(read(path, where="notes is not missing").sales) == N
    pq.write_table(pa.table({"zip": ["1", "2", "3"], "name": NO_TYPE[name]}), tmp_path / "a.parquet")
    with pytest.raises(
        EstimatorError, match=r"a.parquet: row 1, column name: (a list|an object|b'.*') is not text"
    ):
        Areas.read(town(), tmp_path)


def test_whole_numbers_as_decimals_are_labels_as_whole_floats_are(tmp_path: Path) -> None:
    codes = pa.array([Decimal("98103"), None, Decimal("98105")], pa.decimal128(12, 2))
    facts = read(write(tmp_path / "s.parquet", zip=codes)).sales.facts
    assert facts["zip"].tolist() == ["98103", "", "98105"]


def test_times_that_python_has_not_are_written_as_text() -> None:
    times = pa.array([0, 2**62, None], pa.timestamp("us"))
    table = pa.table({"id": [1, 2, 3], "seen": times})
    written = csv_rows(table).decode().splitlines()
    assert written[0] == "1,1970-01-01 00:00:00"
    assert written[1].startswith("2,<value out of range")
    assert written[2] == "3,"
    features = geojson_rows(
        described_as(table.append_column("g", pa.nulls(3, pa.string())), "g", GEOJSON)
    ).decode()
    assert '"seen":"<value out of range' in features
