"""Files of homes come in pieces that balance the cores, and each row keeps its place and its errors."""

from pathlib import Path

import pytest

from estimator.market.csv_faults import BLOCK_BYTES
from estimator.market.homes_file import PIECE_ROWS, read_homes
from estimator.market.market import Market


@pytest.mark.parametrize("block_bytes", [BLOCK_BYTES, 50_000])
def test_a_file_comes_in_pieces_of_a_bounded_size_with_the_errors_of_their_own_rows(
    market: Market, tmp_path: Path, block_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("estimator.market.csv_reader.BLOCK_BYTES", block_bytes)
    n = 2 * PIECE_ROWS + 10
    lines = [f"47.6,-122.3,{1000 + row % 500}" for row in range(n)]
    malformed = [3, PIECE_ROWS - 1, PIECE_ROWS, 2 * PIECE_ROWS + 5]
    for row in malformed:
        lines[row] += ",one too many"
    file = tmp_path / "homes.csv"
    file.write_text("\n".join(["lat,long,sqft_living", *lines, ""]))
    start, sizes, reported = 0, [], []
    for piece in read_homes(market, market.features, file):
        facts, _, problems = piece.check()
        reported += [start + problem.row for problem in problems]
        known = [row for row in range(len(facts)) if start + row not in malformed]
        expected = [1000 + (start + row) % 500 for row in known]
        assert facts["square_footage"][known].tolist() == expected
        start += len(facts)
        sizes.append(len(facts))
    assert sizes == [PIECE_ROWS, PIECE_ROWS, 10]
    assert reported == malformed


def test_a_file_of_a_header_is_one_piece_without_rows(market: Market, tmp_path: Path) -> None:
    file = tmp_path / "homes.csv"
    file.write_text("lat,long,sqft_living\n")
    (piece,) = read_homes(market, market.features, file)
    assert piece.table.num_rows == 0
