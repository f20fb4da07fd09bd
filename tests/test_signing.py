from pathlib import Path

import pytest

from estimator.errors import SavedVersionError
from estimator.signing import is_signature, read_key, sign

KEY = b"k" * 32


def test_a_signature_is_that_of_its_key_and_content_alone() -> None:
    # RFC 4231, test case 2.
    signature = sign(b"Jefe", b"what do ya want for nothing?")
    assert signature == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert is_signature(signature, b"Jefe", b"what do ya want for nothing?")
    for key, content in ((b"jefe", b"what do ya want for nothing?"), (b"Jefe", b"")):
        assert not is_signature(signature, key, content)
    assert not is_signature(None, b"Jefe", b"")
    assert not is_signature("é", b"Jefe", b"")


def test_a_key_is_read_without_its_newline_and_refused_if_short(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(KEY + b"\n")
    (tmp_path / "short").write_bytes(KEY[:31] + b"\n")
    assert read_key(tmp_path / "key") == KEY
    assert read_key(None) is None
    with pytest.raises(SavedVersionError, match="31 bytes"):
        read_key(tmp_path / "short")
    with pytest.raises(SavedVersionError, match="cannot be read"):
        read_key(tmp_path / "nothing")
