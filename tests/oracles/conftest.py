"""These tests compare the network with other libraries, which the group ``oracles`` installs.

Without the group they fail; they are not skipped.
"""

from pathlib import Path

import pytest


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Ignore the files when slow tests are deselected, because importing them needs the group."""
    return True if "not slow" in config.option.markexpr and collection_path.name.startswith("test_") else None
