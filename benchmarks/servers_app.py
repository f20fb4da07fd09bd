"""The application that `benchmarks.servers` puts under each server: an empty route, a slow one, one that reads."""

import time

from flask import Flask, request

from benchmarks.servers import BODY_LIMIT, SLOW_SECONDS

app = Flask(__name__)
app.config["MAX_CONTENT_LENGTH"] = BODY_LIMIT


@app.get("/")
def empty() -> str:
    """Do nothing."""
    return "ok"


@app.get("/slow")
def slow() -> str:
    """Be in flight for a while."""
    time.sleep(SLOW_SECONDS)
    return "ok"


@app.post("/read")
def read() -> str:
    """Say how much of the body arrived."""
    return str(len(request.get_data()))
