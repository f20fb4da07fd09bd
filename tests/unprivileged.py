"""Runs a command without root's right to read and write everything, so that `chmod` decides."""

import os
import shutil

import pytest

COMMAND = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] if os.getuid() == 0 else []
"""Comes before a command. The user stays the same, because another one may not even reach the interpreter."""

needs_ordinary_rights = pytest.mark.skipif(
    bool(COMMAND) and shutil.which(COMMAND[0]) is None,
    reason="without setpriv, root cannot give up its rights",
)
