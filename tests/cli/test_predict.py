"""`house-price predict`: one file, a stream, and many files."""

import gzip
import io
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from estimator.bulk.model import source_of
from estimator.bulk.parts import FINISHED, Part, find_parts
from estimator.bulk.predict import predict_file
from estimator.cli import main
from estimator.errors import DataError
from estimator.registry import load_version
from tests.conftest import KING_COUNTY, environment, run_command

pytestmark = pytest.mark.training


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Twelve sold homes, the third without a size."""
    table = pd.read_csv(KING_COUNTY / "sales.csv.gz", dtype=str, keep_default_na=False).tail(12)
    table.loc[table.index[2], "sqft_living"] = "large"
    return table


@pytest.fixture
def parcels(homes: pd.DataFrame, tmp_path: Path) -> Path:
    """A folder of three files of homes, one in a folder of its own, and files of other programs."""
    folder = tmp_path / "parcels"
    (folder / "year=2015").mkdir(parents=True)
    homes[:5].to_csv(folder / "a.csv", index=False)
    homes[5:8].to_csv(folder / "b.tsv", index=False, sep="\t")
    homes[8:].to_parquet(folder / "year=2015" / "part-0.parquet")
    for name in ("_SUCCESS", ".part.csv", "notes.md"):
        (folder / name).write_text("x")
    return folder


def predict(models: Path, *arguments: object) -> str:
    """Run the command; return what it prints."""
    run = run_command("predict", "--model", models, *arguments)
    assert run.exit_code == 0, run.output
    return run.output


def test_standard_input_is_valued_to_standard_output(
    small_models: Path, homes: pd.DataFrame, tmp_path: Path
) -> None:
    homes.to_csv(tmp_path / "homes.csv", index=False)
    predict(small_models, tmp_path / "homes.csv", tmp_path / "valued.csv")
    command = [sys.executable, "-m", "estimator", "predict", "--model", str(small_models), "-", "-"]
    content = (tmp_path / "homes.csv").read_bytes()
    run = subprocess.run(command, input=content, capture_output=True, env=environment(), check=True)
    assert run.stdout == (tmp_path / "valued.csv").read_bytes()
    assert run.stderr.decode().endswith("valued 11 homes, 1 with an error: standard output\n")


def geojson_of(homes: pd.DataFrame) -> bytes:
    features = [
        {"type": "Feature", "geometry": {"type": "Point", "coordinates": [home.pop("long"), home.pop("lat")]}}
        | {"properties": home}
        for home in homes.to_dict("records")
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}).encode()


def test_standard_input_is_recognised_by_its_first_characters(
    small_models: Path, homes: pd.DataFrame, tmp_path: Path
) -> None:
    for name, write in (("a.csv.gz", homes.to_csv), ("a.parquet", homes.to_parquet), ("a.xlsx", homes.to_excel)):
        write(tmp_path / name, index=False)
    contents = [(tmp_path / name).read_bytes() for name in ("a.csv.gz", "a.parquet", "a.xlsx")]
    predict(small_models, tmp_path / "a.csv.gz", tmp_path / "valued.csv")
    prices = pd.read_csv(tmp_path / "valued.csv")["valuation_price"]
    for content in (*contents, geojson_of(homes), b"\xef\xbb\xbf\n\n  " + geojson_of(homes)):
        run = CliRunner().invoke(main, ["predict", "--model", str(small_models), "-", "-"], input=content)
        assert run.exit_code == 0, run.stderr
        np.testing.assert_allclose(pd.read_csv(io.StringIO(run.stdout))["valuation_price"], prices)
    for content, message in (
        (b'{"latitude": 47.6}', "standard input: this is no GeoJSON with a list of features"),
        (b'[{"latitude": 47.6}]', "standard input: the file is not a table but JSON; give GeoJSON a name"),
    ):
        run = CliRunner().invoke(main, ["predict", "--model", str(small_models), "-", "-"], input=content)
        assert (run.exit_code, message in run.stderr) == (2, True), run.stderr


def test_files_of_a_folder_keep_their_places_and_their_faults_name_them(
    small_models: Path, parcels: Path, homes: pd.DataFrame, tmp_path: Path
) -> None:
    valued = tmp_path / "valued"
    output = predict(small_models, parcels, valued)
    assert "valued 11 homes, 1 with an error" in output
    assert f"row 4 of {parcels / 'a.csv'}, column square_footage: 'large' is not a number" in output
    names = sorted(str(path.relative_to(valued)) for path in valued.rglob("*") if path.is_file())
    assert names == ["a.csv", "b.tsv", "year=2015/part-0.parquet"]
    homes.to_csv(tmp_path / "whole.csv", index=False)
    predict(small_models, tmp_path / "whole.csv", tmp_path / "all.csv")
    together = [
        *pd.read_csv(valued / "a.csv")["valuation_price"],
        *pd.read_csv(valued / "b.tsv", sep="\t")["valuation_price"],
        *pd.read_parquet(valued / "year=2015")["valuation_price"],
    ]
    np.testing.assert_array_equal(together, pd.read_csv(tmp_path / "all.csv")["valuation_price"])
    # A pattern, with the answers in a folder beneath: those are not valued again.
    for _ in range(2):
        assert "valued 7 homes, 1 with an error" in predict(
            small_models, parcels / "**" / "[ab].?sv", parcels / "answers"
        )


def test_a_run_over_many_files_goes_on_after_the_last_finished_one(
    small_models: Path, parcels: Path, tmp_path: Path
) -> None:
    valued = tmp_path / "valued"
    (parcels / "c.csv").write_text("lat,long\n1,2\n")
    run = run_command("predict", "--model", small_models, parcels, valued)
    assert run.exit_code == 2
    assert f"{parcels / 'c.csv'}: there is no column for square_footage" in run.output
    # Which files come before the refused one depends on the number of cores: many are valued largest first.
    answers = (path for path in valued.rglob("*") if path.is_file() and not path.name.startswith("."))
    finished = {path: path.stat().st_mtime_ns for path in answers}
    assert {"a.csv", "b.tsv"} <= {path.name for path in finished}
    (parcels / "c.csv").unlink()
    again = predict(small_models, parcels, valued)
    assert f"valued 11 homes, 1 with an error, {len(finished)} files by an earlier run" in again
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    assert not (valued / FINISHED).exists()


def test_an_answer_never_replaces_the_homes_that_it_is_made_of(
    small_models: Path, homes: pd.DataFrame, tmp_path: Path
) -> None:
    source, folder = tmp_path / "homes.csv", tmp_path / "parcels"
    homes.assign(list_price=4e5).to_csv(source, index=False)
    content = source.read_bytes()
    (tmp_path / "link.csv").symlink_to(source)
    (tmp_path / "hard.csv").hardlink_to(source)
    folder.mkdir()
    (folder / "homes.csv").hardlink_to(source)
    (tmp_path / "valued").mkdir()
    (tmp_path / "valued" / "homes.csv").hardlink_to(source)
    targets = [source, tmp_path / "link.csv", tmp_path / "hard.csv", folder / ".." / "homes.csv"]
    for command, given, target in (
        *(("predict", source, target) for target in targets),
        *(("screen", source, target) for target in targets),
        ("predict", tmp_path / "link.csv", source),
        ("predict", folder, folder),
        ("predict", folder, tmp_path / "valued"),
    ):
        run = run_command(command, "--model", small_models, given, target)
        assert (run.exit_code, "would replace" in run.output) == (2, True), (command, target)
    assert source.read_bytes() == content
    assert (tmp_path / "link.csv").is_symlink()


def test_a_pipe_is_read_like_standard_input(small_models: Path, homes: pd.DataFrame, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for content, message in (
        (gzip.compress(homes.to_csv(index=False).encode()), "valued 11 homes, 1 with an error"),
        (b"a,b\n1,2\n", f"{tmp_path / 'pipe'}: there is no column for"),
    ):
        writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=[content])
        writer.start()
        run = run_command("predict", "--model", small_models, tmp_path / "pipe", tmp_path / "valued.csv")
        writer.join()
        assert message in run.output


def test_many_small_files_are_valued_on_all_cores_like_one_after_another(
    small_models: Path, homes: pd.DataFrame, tmp_path: Path
) -> None:
    (tmp_path / "many").mkdir()
    for number in range(40):
        homes.iloc[[number % 12]].to_csv(tmp_path / "many" / f"{number:02}.csv", index=False)
    output = predict(small_models, tmp_path / "many", tmp_path / "valued")
    assert "valued 36 homes, 4 with an error" in output
    prices = [pd.read_csv(tmp_path / "valued" / f"{number:02}.csv")["valuation_price"][0] for number in range(36)]
    np.testing.assert_array_equal(prices[:12], prices[12:24])


def test_the_confidence_moves_the_range_alone_and_reasons_are_columns_of_json(
    small_models: Path, homes: pd.DataFrame, tmp_path: Path
) -> None:
    homes.to_csv(tmp_path / "homes.csv", index=False)
    predict(small_models, tmp_path / "homes.csv", tmp_path / "plain.csv")
    options = ("--confidence", "0.5", "--include", "comparables,contributions")
    predict(small_models, *options, tmp_path / "homes.csv", tmp_path / "half.csv")
    plain, half = (pd.read_csv(tmp_path / name) for name in ("plain.csv", "half.csv"))
    assert list(half.columns) == [*plain.columns[:-1], "comparables", "contributions", "error"]
    np.testing.assert_array_equal(half["valuation_price"], plain["valuation_price"])
    known = plain["valuation_price"].notna()
    assert (half["valuation_low"] > plain["valuation_low"])[known].all()
    assert half["comparables"].notna().tolist() == known.tolist()
    for row in half[known].to_dict("records"):
        parts = json.loads(row["contributions"])
        assert parts["reference_price"] + sum(parts["parts"].values()) == pytest.approx(row["valuation_price"])
        assert 0 < len(json.loads(row["comparables"])["used"]) <= 10


def test_the_teacher_values_a_file_and_its_answers_are_not_taken_for_the_students(
    small_models: Path, homes: pd.DataFrame, tmp_path: Path
) -> None:
    homes.to_csv(tmp_path / "homes.csv", index=False)
    predict(small_models, "--teacher", tmp_path / "homes.csv", tmp_path / "valued.csv")
    teacher = load_version(small_models, teacher=True)
    predict_file(teacher.appraiser, tmp_path / "homes.csv", tmp_path / "expected.csv")
    assert (tmp_path / "valued.csv").read_bytes() == (tmp_path / "expected.csv").read_bytes()
    assert source_of(teacher, teacher=True) != source_of(load_version(small_models))
    predict(small_models, tmp_path / "homes.csv", tmp_path / "student.csv")
    assert (tmp_path / "valued.csv").read_bytes() != (tmp_path / "student.csv").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (
            ["--include", "tea", "a.csv", "b.csv"],
            "unknown value 'tea'; expected one of comparables, contributions",
        ),
        (["--confidence", "1", "a.csv", "b.csv"], "is not in the range"),
        (["--cluster", "tcp://127.0.0.1:1", "a.csv", "b.csv"], "a cluster values the files of a folder"),
        (["empty", "b"], "there are no files of homes"),
        (["empty", "-"], "the answers of several files need a folder"),
        (["-", "b.csv"], "Error: standard input: the file is empty"),
    ],
)
def test_what_cannot_be_done_is_said(
    small_models: Path, tmp_path: Path, arguments: list[str], complaint: str
) -> None:
    (tmp_path / "a.csv").touch()
    (tmp_path / "empty").mkdir()
    paths = [tmp_path / each if each in {"a.csv", "b.csv", "b", "empty"} else each for each in arguments]
    run = run_command("predict", "--model", small_models, *paths)
    assert run.exit_code == 2
    assert complaint in " ".join(run.output.split())


def test_files_whose_answers_would_have_one_name_are_refused(tmp_path: Path) -> None:
    for name in ("a/homes.csv", "b/homes.csv"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    assert find_parts(tmp_path, tmp_path / "out") == [
        Part(tmp_path / name, tmp_path / "out" / name) for name in ("a/homes.csv", "b/homes.csv")
    ]
    with pytest.raises(DataError, match="would have the same name"):
        find_parts(tmp_path / "*" / "homes.csv", tmp_path / "out")


def test_answers_may_stand_beside_the_folder_of_their_sources_and_replace_none(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").touch()
    (tmp_path / "b.csv").touch()
    beside = [Part(tmp_path / "in" / "a.csv", tmp_path / "a.csv")]
    assert find_parts(tmp_path / "in" / "*.csv", tmp_path) == find_parts(tmp_path / "in", tmp_path) == beside
    for source in (tmp_path, tmp_path / "*.csv"):
        with pytest.raises(DataError, match="answers would replace files of homes there"):
            find_parts(source, tmp_path)


def test_folders_and_patterns_that_cannot_be_used_are_said(small_models: Path, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("sqft_living\n")
    (tmp_path / "file").touch()
    (tmp_path / "out" / FINISHED).mkdir(parents=True)
    source = tmp_path / "*.csv"
    for arguments, message in (
        ((source, tmp_path / "file"), "answers cannot be written here: File exists"),
        ((source, tmp_path / "file" / "out"), "answers cannot be written here: Not a directory"),
        ((source, tmp_path / "out"), "answers cannot be written here: Is a directory"),
        ((tmp_path / ("a" * 300 + "*"), tmp_path / "out"), "there are no files of homes"),
        ((tmp_path / ("a" * 300), tmp_path / "b.csv"), "File name too long"),
        ((tmp_path / "a.csv", tmp_path / f"{'b' * 300}.csv"), "File name too long"),
    ):
        run = run_command("predict", "--model", small_models, *arguments)
        assert run.exit_code == 2
        assert message in " ".join(run.output.split())


def test_a_damaged_list_of_finished_files_is_a_list_of_none(small_models: Path, tmp_path: Path) -> None:
    pd.read_csv(KING_COUNTY / "sales.csv.gz").head(3).drop(columns="price").to_csv(tmp_path / "a.csv", index=False)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / FINISHED).write_bytes(b'[1]\n5\n{}\n\xff\xfe\n{"part": 1, "target": 2, "rows": 3}\n{"par')
    run = run_command("predict", "--model", small_models, tmp_path / "*.csv", tmp_path / "out")
    assert "valued 3 homes, 0 with an error: " in run.output
