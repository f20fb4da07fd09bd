"""`python -m service` starts the production server."""

import os
import shutil
import sys
import tempfile

# Read when NumPy is first imported: the products here are small, and run slower on two threads than on one.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# Read when prometheus_client is first imported: with it, all workers count together. The folder is new, so that it
# holds nothing of a server that ran before.
os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="estimator-metrics-")

from service.server import main

if __name__ == "__main__":
    try:
        code = main()
    finally:
        shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)
    sys.exit(code)
