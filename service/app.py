"""The Flask application: every room of the service under one roof."""

from flask import Flask

from service import problems
from service.docs import docs_routes
from service.live_model import LiveModel
from service.predict import predict_routes
from service.settings import Settings
from service.status import status_routes


def create_app(settings: Settings | None = None) -> Flask:
    """Make the application, and begin to load its model.

    Parameters
    ----------
    settings
        By default those of the environment.

    Raises
    ------
    SettingsError
        The environment's settings are wrong.
    """
    settings = settings or Settings.from_environment()
    app = Flask(__name__, static_folder=None)
    # Werkzeug's own limit cuts a body of unknown length at the limit without a word; `json_body` refuses it.
    app.config["MAX_CONTENT_LENGTH"] = None
    live = LiveModel(settings.model)
    app.extensions["live_model"] = live
    problems.install(app)
    for routes in (predict_routes(live, settings), status_routes(live), docs_routes()):
        app.register_blueprint(routes)
    live.start()
    return app
