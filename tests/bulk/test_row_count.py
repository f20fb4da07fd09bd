"""About how many rows a file has, without reading it."""

from pathlib import Path

import pandas as pd

from estimator.bulk.row_count import expected_rows


def test_rows_are_known_or_estimated(tmp_path: Path) -> None:
    table = pd.DataFrame({"size": range(100_000, 400_000), "note": "some text"})
    for name in ("homes.csv", "homes.tsv"):
        table.to_csv(tmp_path / name, index=False)
        expected = expected_rows(tmp_path / name)
        assert expected is not None
        assert abs(expected - len(table)) < 0.01 * len(table)
    table.to_parquet(tmp_path / "homes.parquet")
    assert expected_rows(tmp_path / "homes.parquet") == len(table)
    for name, content in (("a.csv.gz", b"x"), ("empty.csv", b""), ("bad.parquet", b"x"), ("a.geojson", b"{}")):
        (tmp_path / name).write_bytes(content)
        assert expected_rows(tmp_path / name) is None
    assert expected_rows(tmp_path / "none.csv") is None
