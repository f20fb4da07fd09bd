"""The Flask application that `benchmarks.servers` runs under each server."""

import os
import time
from typing import Any

from flask import Flask, request

from benchmarks.servers import BODY_LIMIT, LOAD_SECONDS, SLOW_SECONDS

time.sleep(float(os.environ.get(LOAD_SECONDS, "0")))  # as a model takes time to load

app = Flask(__name__)
app.config["MAX_CONTENT_LENGTH"] = BODY_LIMIT


@app.get("/")
def empty() -> str:
    """Answer at once."""
    return "ok"


@app.get("/slow")
def slow() -> str:
    """Answer after `SLOW_SECONDS`, so that the request is in flight for a while."""
    time.sleep(SLOW_SECONDS)
    return "ok"


@app.post("/echo")
def echo() -> Any:
    """Answer with the JSON of the request."""
    return request.get_json()


@app.post("/read")
def read() -> str:
    """Answer with the number of bytes in the request's body."""
    return str(len(request.get_data()))
