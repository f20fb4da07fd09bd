"""`python -m service` starts the production server."""

import os
import sys

# Read when NumPy is first imported: the products here are small, and run slower on two threads than on one.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from service.server import main

if __name__ == "__main__":
    sys.exit(main())
