"""Saved state as bytes, in joblib's format, read back without the ability to run code.

A pickle can call any function that it names. The state of an appraiser consists of plain values and arrays, which
need only three classes. The reader accepts these three and refuses every other name.
"""

import io
import zlib
from typing import Any

import joblib
import numpy as np
from joblib.numpy_pickle import NumpyArrayWrapper, NumpyUnpickler

from estimator.errors import SavedVersionError

COMPRESSION = ("zlib", 3)
"""Level 3 of 9: higher levels are much slower and save little."""


def dump_state(state: object) -> bytes:
    """Return plain values and arrays as the content of a joblib file."""
    buffer = io.BytesIO()
    joblib.dump(state, buffer, compress=COMPRESSION)
    return buffer.getvalue()


def load_state(content: bytes) -> Any:
    """Return the values that `dump_state` wrote.

    Raises
    ------
    SavedVersionError
        The content is not such a file, or holds anything but plain values and arrays.
    """
    try:
        file = io.BytesIO(zlib.decompress(content))
        return _PlainUnpickler("", file, ensure_native_byte_order=True).load()
    except SavedVersionError:
        raise
    except Exception as error:  # a damaged pickle can raise almost anything
        raise SavedVersionError(f"this is not a saved model: {error or type(error).__name__}") from error


class _PlainArrayWrapper(NumpyArrayWrapper):  # type: ignore[misc] # joblib ships no types
    """joblib's description of an array that follows in the file; refuses arrays of objects, which are pickles."""

    def read_array(self, *arguments: Any, **options: Any) -> Any:
        if self.dtype.hasobject:
            raise SavedVersionError("the file holds an array of objects; a saved model has none")
        return super().read_array(*arguments, **options)


_CLASSES = {
    ("joblib.numpy_pickle", "NumpyArrayWrapper"): _PlainArrayWrapper,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}
"""Module and name in the file → the class that stands for it."""


class _PlainUnpickler(NumpyUnpickler):  # type: ignore[misc]
    """Reads plain values and arrays; a file that names any other class or function is refused."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _CLASSES[module, name]
        except KeyError:
            raise SavedVersionError(f"the file names {module}.{name}, which a saved model never does") from None
