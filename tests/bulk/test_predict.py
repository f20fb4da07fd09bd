import csv
import gzip
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from estimator.appraiser import Appraiser
from estimator.bulk import fill_rows, predict_file
from estimator.errors import DataError
from estimator.market.checks import check_table, valuation_dates
from estimator.market.homes_file import PIECE_ROWS
from estimator.market.tables import BATCH_ROWS, read_table
from tests.conftest import environment, run_command

ANSWER = [
    "valuation_price",
    "valuation_low",
    "valuation_high",
    "valuation_fsd",
    "valuation_probability_within_10",
    "valuation_date",
    "looked_up",
    "unknown",
    "warnings",
    "error",
]
HEADER = "id,lat,long,sqft_living,date,bedrooms\n"
GOOD = "a,47.6,-122.3,1800,2015-01-02,3\n"
MEASURED = """
import atexit, pathlib
from estimator.cli import main
# Read while the process still runs: the figure of wait4 includes the parent's memory at the fork.
atexit.register(lambda: print(pathlib.Path("/proc/self/status").read_text()))
main()
"""

LIMITED = """
import resource
import sys
from estimator.cli import main

resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))  # as if the disk were full after 20 kB
main(sys.argv[1:])
"""


def values(appraiser: Appraiser, source: Path) -> pd.DataFrame:
    """Value a file's rows by the appraiser itself."""
    table = read_table(source)
    facts, problems = check_table(appraiser.market.features, table)
    assert not problems
    answers = appraiser.value(facts, valuation_dates(appraiser.market, table)[0])
    rows = pd.DataFrame([answers.as_dict(row) for row in range(len(answers))])
    for name in ("looked_up", "unknown", "warnings"):
        rows[name] = rows[name].str.join("; ")
    names = {"price": "valuation_price", "price_low": "valuation_low", "price_high": "valuation_high"}
    names |= {name: f"valuation_{name}" for name in ("fsd", "probability_within_10")}
    return rows.rename(columns=names).assign(error="")[ANSWER]


def read(path: Path) -> pd.DataFrame:
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    kinds: dict[str, Any] = dict.fromkeys(ANSWER[:5], float)
    names = pd.read_csv(path, nrows=0).columns
    return pd.read_csv(
        path,
        dtype={name: kinds.get(name, str) for name in names},
        keep_default_na=False,
        na_values={name: [""] for name in ANSWER[:5]},
    )


@pytest.mark.parametrize("target", ["valued.csv", "valued.csv.gz", "valued.parquet"])
def test_a_file_gets_the_values_of_its_facts_to_the_cent(
    appraiser: Appraiser, homes: Path, tmp_path: Path, target: str
) -> None:
    assert predict_file(appraiser, homes, tmp_path / target) == (400, 0)
    valued, expected = read(tmp_path / target), values(appraiser, homes)
    pd.testing.assert_frame_equal(valued[ANSWER], expected, check_exact=True, check_dtype=False)
    assert expected["looked_up"].str.contains("postal_code").sum() == len(range(0, 400, 7))


@pytest.mark.parametrize("target", ["valued.csv", "valued.parquet"])
def test_the_columns_are_returned_unchanged_in_their_order(
    appraiser: Appraiser, homes: Path, tmp_path: Path, target: str
) -> None:
    predict_file(appraiser, homes, tmp_path / target)
    given = pd.read_csv(homes, dtype=str, keep_default_na=False)
    valued = read(tmp_path / target)
    assert list(valued.columns) == [*given.columns, *ANSWER]
    pd.testing.assert_frame_equal(valued[list(given.columns)], given, check_dtype=False)


def test_a_rows_value_does_not_depend_on_the_order_or_the_other_rows(
    appraiser: Appraiser, homes: Path, tmp_path: Path
) -> None:
    given = pd.read_csv(homes, dtype=str, keep_default_na=False)
    predict_file(appraiser, homes, tmp_path / "whole.csv")
    whole = read(tmp_path / "whole.csv")[ANSWER]
    shuffled: list[int] = np.random.default_rng(0).permutation(400).tolist()
    for number, rows in enumerate([shuffled, [7], list(range(3, 20)), list(range(399, 200, -2))]):
        piece = tmp_path / f"{number}.csv"
        given.iloc[rows].to_csv(piece, index=False)
        predict_file(appraiser, piece, tmp_path / "piece.csv")
        expected = whole.iloc[rows].reset_index(drop=True)
        pd.testing.assert_frame_equal(read(tmp_path / "piece.csv")[ANSWER], expected, check_exact=True)


def test_typed_parquet_is_valued_like_the_same_csv(appraiser: Appraiser, homes: Path, tmp_path: Path) -> None:
    table = pd.read_csv(homes, parse_dates=["date"])
    typed = pa.Table.from_pandas(table, preserve_index=False)
    typed = typed.set_column(typed.column_names.index("note"), "note", typed["note"].dictionary_encode())
    typed = typed.set_column(typed.column_names.index("lat"), "lat", typed["lat"].cast(pa.decimal128(8, 4)))
    pq.write_table(typed, tmp_path / "homes.parquet")
    for target in ("valued.parquet", "valued.csv"):
        assert predict_file(appraiser, tmp_path / "homes.parquet", tmp_path / target) == (400, 0)
        valued = read(tmp_path / target)
        pd.testing.assert_frame_equal(
            valued[ANSWER], values(appraiser, homes), check_exact=True, check_dtype=False
        )
    source, written = (pq.read_table(tmp_path / name) for name in ("homes.parquet", "valued.parquet"))
    for name in source.column_names:
        assert written[name].type == source[name].type
        assert written[name].to_pylist() == source[name].to_pylist()


def test_pieces_of_a_large_file_get_the_same_values(appraiser: Appraiser, homes: Path, tmp_path: Path) -> None:
    one = read_table(homes).select(["id", "lat", "long", "sqft_living", "grade", "date"])
    copies = BATCH_ROWS // one.num_rows + 2
    pq.write_table(pa.concat_tables([one] * copies), tmp_path / "large.parquet")
    piece_sizes: list[int] = []
    rows = one.num_rows * copies
    assert predict_file(
        appraiser, tmp_path / "large.parquet", tmp_path / "valued.parquet", piece_sizes.append
    ) == (
        rows,
        0,
    )
    assert len(piece_sizes) == 9
    assert sum(piece_sizes) == rows
    assert max(piece_sizes) == PIECE_ROWS
    assert pq.read_metadata(tmp_path / "valued.parquet").row_group(0).num_rows == BATCH_ROWS
    price = pq.read_table(tmp_path / "valued.parquet")["valuation_price"].to_numpy().reshape(copies, -1)
    assert (price == price[0]).all()


@pytest.mark.parametrize(
    ("row", "error"),
    [
        ("b,,-122.3,1800,,3", "latitude: is required"),
        ("b,47.6,-122.3,99,,3", "square_footage: 99 is below the minimum of 100 ft²"),
        ("b,47.6,-122.3,1e999,,3", "square_footage: the number is not finite, or too large"),
        ("b,47.6,-122.3,1_800,,3", "square_footage: '1_800' is not a number"),
        ("b,47.6,-122.3,1800,,3.5", "bedrooms: 3.5 is not a whole number"),
        ("b,47.6,-122.3,1800,2015-02-30,3", "date: '2015-02-30' is not a date like 2015-05-27"),
        ("b,x,,,,", "latitude: 'x' is not a number; longitude: is required; square_footage: is required"),
        ("", "latitude: is required; longitude: is required; square_footage: is required"),
    ],
)
def test_a_row_that_cannot_be_valued_has_a_reason_and_the_others_a_value(
    appraiser: Appraiser, tmp_path: Path, row: str, error: str
) -> None:
    (tmp_path / "homes.csv").write_text(f"{HEADER}{GOOD}{row}\n{GOOD}")
    assert predict_file(appraiser, tmp_path / "homes.csv", tmp_path / "valued.csv") == (2, 1)
    with (tmp_path / "valued.csv").open(newline="") as file:
        first, bad, last = csv.DictReader(file)
    assert {name: bad[name] for name in ANSWER} == dict.fromkeys(ANSWER, "") | {"error": error}
    assert first == last
    assert first["error"] == ""
    assert float(first["valuation_price"]) > 0


@pytest.mark.parametrize("target", ["valued.csv", "valued.parquet"])
def test_a_file_without_a_valid_row_is_answered(appraiser: Appraiser, tmp_path: Path, target: str) -> None:
    (tmp_path / "homes.csv").write_text(HEADER + "a,,,,,\nb,,,,,\n")
    assert predict_file(appraiser, tmp_path / "homes.csv", tmp_path / target) == (0, 2)
    assert read(tmp_path / target)["valuation_price"].isna().all()


@pytest.mark.parametrize("target", ["valued.csv", "valued.csv.gz", "valued.parquet"])
def test_a_file_without_rows_gets_an_answer_without_rows(
    appraiser: Appraiser, tmp_path: Path, target: str
) -> None:
    (tmp_path / "homes.csv").write_text(HEADER)
    assert predict_file(appraiser, tmp_path / "homes.csv", tmp_path / target) == (0, 0)
    assert list(read(tmp_path / target).columns) == [*HEADER.strip().split(","), *ANSWER]


def test_columns_are_found_by_name_and_alias(appraiser: Appraiser, tmp_path: Path) -> None:
    prices = set()
    for number, names in enumerate(
        ["lat,long,sqft_living", "latitude,longitude,square_footage", "Latitude,lng,LivingArea"]
    ):
        (tmp_path / f"{number}.csv").write_text(f"{names}\n47.6,-122.3,1800\n")
        predict_file(appraiser, tmp_path / f"{number}.csv", tmp_path / "valued.csv")
        prices.add(read(tmp_path / "valued.csv")["valuation_price"][0])
    assert len(prices) == 1


@pytest.mark.parametrize(
    ("header", "complaint"),
    [
        (
            "lat,long",
            "there is no column for square_footage, which is required; name the column square_footage or",
        ),
        ("lat,latitude,long,sqft", "'lat' and 'latitude' both stand for latitude"),
        ("lat,long,sqft,error", "column 'error' has the name of a column of the answer; rename it"),
        ("lat,long,sqft,valuation_price", "column 'valuation_price' has the name of a column of the answer"),
    ],
)
def test_an_invalid_header_is_reported_before_anything_is_written(
    appraiser: Appraiser, tmp_path: Path, header: str, complaint: str
) -> None:
    (tmp_path / "homes.csv").write_text(header + "\n")
    with pytest.raises(DataError, match=complaint):
        predict_file(appraiser, tmp_path / "homes.csv", tmp_path / "valued.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["homes.csv"]


def test_an_error_late_in_a_file_leaves_the_old_answer(appraiser: Appraiser, homes: Path, tmp_path: Path) -> None:
    lines = homes.read_text().splitlines(keepends=True)
    body = "".join(lines[1:]) * 250  # more than one block, so that the first is answered before the error is found
    (tmp_path / "homes.csv").write_text(lines[0] + body + '"an,open,quote\n')
    (tmp_path / "valued.csv").write_text("old")
    with pytest.raises(DataError, match=r"line \d+: a quote opens in this row and never closes"):
        predict_file(appraiser, tmp_path / "homes.csv", tmp_path / "valued.csv")
    assert (tmp_path / "valued.csv").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["homes.csv", "valued.csv"]


def test_an_answer_is_no_file_of_homes(appraiser: Appraiser, tmp_path: Path) -> None:
    (tmp_path / "homes.csv").write_text(HEADER + GOOD * 3)
    assert predict_file(appraiser, tmp_path / "homes.csv", tmp_path / "valued.csv") == (3, 0)
    with pytest.raises(DataError, match="name of a column of the answer"):
        predict_file(appraiser, tmp_path / "valued.csv", tmp_path / "again.csv")


@pytest.mark.parametrize("target", ["valued.csv", "valued.parquet"])
def test_the_price_index_is_a_column_on_request(
    appraiser: Appraiser, homes: Path, tmp_path: Path, target: str
) -> None:
    predict_file(appraiser, homes, tmp_path / "plain.csv")
    assert predict_file(appraiser, homes, tmp_path / target, with_index=True) == (400, 0)
    valued, plain = read(tmp_path / target), read(tmp_path / "plain.csv")
    assert list(valued.columns) == [*plain.columns[:-1], "valuation_index", "error"]
    pd.testing.assert_frame_equal(valued.drop(columns="valuation_index"), plain, check_dtype=False)
    facts = appraiser.areas.complete(check_table(appraiser.market.features, read_table(homes))[0])[0]
    days = plain["valuation_date"].to_numpy("datetime64[D]")
    index = appraiser.model.index
    middle = (
        np.full(400, index.first_month + index.n_months - 1).astype("datetime64[M]").astype("datetime64[D]") + 15
    )
    change = index.at(appraiser.market, facts, days) - index.at(appraiser.market, facts, middle)
    # The middle of a month lies at most half a day from its 16th.
    np.testing.assert_allclose(valued["valuation_index"].astype(float), np.exp(change), rtol=0.002)


def test_predict_adds_the_index_if_it_is_asked_for(small_models: Path, tmp_path: Path) -> None:
    (tmp_path / "homes.csv").write_text(HEADER + GOOD)
    columns = {}
    for name, options in (("plain", []), ("indexed", ["--index"])):
        target = tmp_path / f"{name}.csv"
        run = run_command("predict", "--model", small_models, *options, tmp_path / "homes.csv", target)
        assert run.exit_code == 0, run.output
        columns[name] = set(read(target).columns)
    assert columns["indexed"] - columns["plain"] == {"valuation_index"}


def test_a_home_that_is_not_valued_has_no_index(appraiser: Appraiser, tmp_path: Path) -> None:
    (tmp_path / "homes.csv").write_text(HEADER + GOOD + "b,91,-122.3,1800,2015-01-02,3\n")
    assert predict_file(appraiser, tmp_path / "homes.csv", tmp_path / "valued.csv", with_index=True) == (1, 1)
    assert (read(tmp_path / "valued.csv")["valuation_index"] == "").tolist() == [False, True]


def test_the_indexs_column_is_reserved_only_where_it_is_asked_for(appraiser: Appraiser, tmp_path: Path) -> None:
    path = tmp_path / "homes.csv"
    path.write_text(HEADER.strip() + ",valuation_index\n" + GOOD.strip() + ",mine\n")
    assert predict_file(appraiser, path, tmp_path / "valued.csv") == (1, 0)
    with pytest.raises(DataError, match="column 'valuation_index' has the name of a column of the answer"):
        predict_file(appraiser, path, tmp_path / "valued.csv", with_index=True)


def test_a_market_without_dates_has_no_index(appraiser: Appraiser, tmp_path: Path) -> None:
    (tmp_path / "homes.csv").write_text(HEADER + GOOD)
    undated = replace(appraiser, sale_dates=None)
    with pytest.raises(DataError, match="valuation_index: the sales of 'king_county' have no dates"):
        predict_file(undated, tmp_path / "homes.csv", tmp_path / "valued.csv", with_index=True)
    assert not (tmp_path / "valued.csv").exists()


@pytest.mark.parametrize("target", ["valued.csv", "valued.csv.gz", "valued.parquet"])
def test_a_full_disk_is_reported_and_leaves_the_old_answer(
    small_models: Path, homes: Path, tmp_path: Path, target: str
) -> None:
    (tmp_path / target).write_bytes(b"old")
    table = pd.concat([pd.read_csv(homes, dtype=str)] * 5)
    table["note"] = np.random.default_rng(0).integers(0, 1 << 62, len(table)).astype(str)  # compresses badly
    table.to_csv(tmp_path / "homes.csv", index=False)
    command = [sys.executable, "-c", LIMITED, "predict", "--model", str(small_models)]
    command += [str(tmp_path / "homes.csv"), str(tmp_path / target)]
    run = subprocess.run(command, capture_output=True, text=True, env=environment(), check=False)
    assert run.returncode == 2
    assert "File too large" in run.stderr
    assert "Traceback" not in run.stderr
    assert (tmp_path / target).read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["homes.csv", target])


@pytest.mark.parametrize("target", ["none/valued.csv", "valued.xlsx"])
def test_an_unwritable_target_is_reported(appraiser: Appraiser, homes: Path, tmp_path: Path, target: str) -> None:
    with pytest.raises(DataError, match=r"valued\."):
        predict_file(appraiser, homes, tmp_path / target)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_million_rows_are_valued_in_less_than_one_gibibyte(
    small_models: Path, homes: Path, tmp_path: Path
) -> None:
    lines = homes.read_bytes().replace(b"\nthen left", b"").split(b"\n")
    with gzip.open(tmp_path / "homes.csv.gz", "wb", compresslevel=1) as file:
        file.write(lines[0] + b"\n")
        for _ in range(2_500):
            file.write(b"\n".join(lines[1:401]) + b"\n")
    command = [sys.executable, "-c", MEASURED, "predict", "--model", str(small_models)]
    command += [str(tmp_path / "homes.csv.gz"), str(tmp_path / "valued.parquet")]
    run = subprocess.run(command, capture_output=True, text=True, env=environment(), check=False)
    assert run.returncode == 0, run.stderr
    peak = next(int(line.split()[1]) for line in run.stdout.splitlines() if line.startswith("VmHWM"))
    assert peak < 1 << 20, "1 GiB, in KiB"
    price = pq.read_table(tmp_path / "valued.parquet", columns=["valuation_price"])["valuation_price"].to_numpy()
    np.testing.assert_array_equal(price.reshape(2_500, 400), np.tile(price[:400], (2_500, 1)))


def test_values_are_filled_into_their_rows_and_nan_is_empty_like_the_others() -> None:
    rows = np.array([True, False, True, True])
    assert fill_rows(np.array([1.5, np.nan, 3.0]), rows, pa.float64()).to_pylist() == [1.5, None, None, 3.0]
    assert fill_rows(np.array(["a", "", "c"]), rows, pa.string()).to_pylist() == ["a", None, "", "c"]
    assert fill_rows(np.array([True, False, True]), rows, pa.bool_()).to_pylist() == [True, None, False, True]
