"""Saved state: it comes back unchanged, and a hostile file runs nothing."""

import builtins
import contextlib
import functools
import io
import os
import pickle
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimator.appraiser import Appraiser
from estimator.errors import SavedVersionError
from estimator.state_file import dump_state, load_state

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(PLAIN)
def test_plain_values_come_back(state: Any) -> None:
    assert load_state(dump_state(state)) == state


@pytest.mark.parametrize("dtype", ["f8", "f4", "i8", "?", "U7", "datetime64[D]", "S3"])
@pytest.mark.parametrize("shape", [(), (0,), (5,), (2, 3)])
def test_arrays_come_back(dtype: str, shape: tuple[int, ...]) -> None:
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)
    again = load_state(dump_state({"array": array, "view": array[...]}))
    for name in ("array", "view"):
        np.testing.assert_array_equal(again[name], array)
        assert again[name].dtype == array.dtype


@pytest.mark.training
def test_an_appraiser_is_read_as_joblib_reads_it(appraiser: Appraiser) -> None:
    content = dump_state(appraiser.state())
    assert pickle.dumps(load_state(content)) == pickle.dumps(joblib.load(io.BytesIO(content)))


class Calls:
    """Pickles as a call of a function."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


def hostile(marker: Path) -> dict[str, object]:
    command = f"touch {marker}"
    return {
        "a command": Calls(os.system, command),
        "eval": Calls(builtins.eval, f"__import__('os').system({command!r})"),
        "a process": Calls(subprocess.Popen, ["touch", str(marker)]),
        "a partial": functools.partial(os.system, command),
        "an attribute": Calls(getattr, "text", "format"),
        "a file": Calls(joblib.load, str(marker)),
        "inside an array": np.array([Calls(os.system, command), None], object),
        "an empty array of objects": np.empty(2, object),
        "deep inside": {"model": [{"networks": (1.0, Calls(os.system, command))}]},
        "a class of numpy": np.float64(1.0),
    }


@pytest.mark.parametrize("name", list(hostile(Path("marker"))))
@pytest.mark.parametrize("write", [dump_state, lambda state: zlib.compress(pickle.dumps(state))])
def test_a_hostile_file_is_refused_and_runs_nothing(
    name: str, write: Callable[[object], bytes], tmp_path: Path
) -> None:
    marker = tmp_path / "ran"
    content = write(hostile(marker)[name])
    with pytest.raises(SavedVersionError):
        load_state(content)
    assert not marker.exists()


@given(st.binary(max_size=200))
def test_garbage_raises_nothing_but_the_error_of_saved_versions(garbage: bytes) -> None:
    with pytest.raises(SavedVersionError):
        load_state(garbage)
    with contextlib.suppress(SavedVersionError):
        load_state(zlib.compress(garbage))


@pytest.mark.training
def test_a_damaged_file_raises_nothing_but_the_error_of_saved_versions(appraiser: Appraiser) -> None:
    content = dump_state(appraiser.state())
    plain = zlib.decompress(content)
    rng = np.random.default_rng(0)
    for _ in range(20):
        damaged = bytearray(plain)
        damaged[rng.integers(400)] = rng.integers(256)
        with contextlib.suppress(SavedVersionError):
            load_state(zlib.compress(bytes(damaged), 1))
