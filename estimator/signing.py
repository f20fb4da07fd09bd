"""Signatures of what was saved: HMAC-SHA256 (RFC 2104), with a key from a file. Knows nothing of models."""

import hashlib
import hmac
from pathlib import Path

from estimator.errors import SavedVersionError

MIN_KEY_BYTES = 32
"""Length of the hash: shorter keys are weaker (RFC 2104, section 3)."""


def read_key(path: Path | None) -> bytes | None:
    """Read the key that signs and verifies manifests, without surrounding whitespace; None for no file.

    Raises
    ------
    SavedVersionError
        The file cannot be read, or the key is too short.
    """
    if path is None:
        return None
    try:
        key = path.read_bytes().strip()
    except OSError as error:
        raise SavedVersionError(f"{path}: the key cannot be read: {error.strerror}") from error
    if len(key) < MIN_KEY_BYTES:
        raise SavedVersionError(f"{path}: the key has {len(key)} bytes; it must have at least {MIN_KEY_BYTES}")
    return key


def sign(key: bytes, content: bytes) -> str:
    """Return the signature of a content, in hexadecimal."""
    return hmac.new(key, content, hashlib.sha256).hexdigest()


def is_signature(signature: object, key: bytes, content: bytes) -> bool:
    """Return whether something that was read is the signature of a content; every string takes the same time."""
    return isinstance(signature, str) and hmac.compare_digest(signature.encode(), sign(key, content).encode())
