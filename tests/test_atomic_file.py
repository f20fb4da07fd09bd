from pathlib import Path

from estimator.atomic_file import replace_atomically


def test_a_reader_sees_the_old_file_until_the_new_one_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "homes.csv"
    path.write_bytes(b"old")
    with replace_atomically(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"


def test_a_replaced_file_has_the_permissions_of_an_ordinary_file(tmp_path: Path) -> None:
    (tmp_path / "ordinary").touch()
    with replace_atomically(tmp_path / "homes.csv") as file:
        file.write(b"new")
    assert (tmp_path / "homes.csv").stat().st_mode == (tmp_path / "ordinary").stat().st_mode
