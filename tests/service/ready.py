"""A client of an application that has loaded its model."""

import time

from flask.testing import FlaskClient

from service.app import create_app
from service.settings import Settings


def ready_client(settings: Settings) -> FlaskClient:
    """Create an application and wait until it is ready."""
    client = create_app(settings).test_client()
    while client.get("/readyz").status_code != 200:
        time.sleep(0.01)
    return client
