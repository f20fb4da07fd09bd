"""What the network is compared with needs the group ``oracles``; without it these tests fail, they do not hide."""

from pathlib import Path

import pytest


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the files alone where slow tests are not asked for: importing them would need the group."""
    return True if "not slow" in config.option.markexpr and collection_path.name.startswith("test_") else None
