"""The Flask application: every room of the service under one roof."""

from http import HTTPStatus
from pathlib import Path

from flask import Flask, Response, request

from estimator.registry import read_key
from service.http import guard, headers, problems, tracing
from service.http.body import discard_body
from service.live_model import LiveModel
from service.routes.batch import batch_routes
from service.routes.docs import docs_routes
from service.routes.health import status_routes
from service.routes.home import page_routes
from service.routes.predict import predict_routes
from service.routes.report import report_routes
from service.routes.screen import screen_routes
from service.routes.v2 import v2_routes
from service.settings import Settings


def create_app(settings: Settings | None = None, fallback: Path | None = None) -> Flask:
    """Make the application, and begin to load its model.

    Parameters
    ----------
    settings
        By default those of the environment.
    fallback
        A version that is served while nothing published can be.

    Raises
    ------
    SettingsError
        The environment's settings are wrong.
    SavedVersionError
        The key cannot be read.
    """
    settings = settings or Settings.from_environment()
    app = Flask(__name__, static_folder=None)
    key = read_key(settings.key_file)
    live = LiveModel(settings.model, key, fallback)
    app.extensions["live_model"] = live
    problems.install(app)
    tracing.install(app)
    guard.allow_origins(app, settings.cors_origins)
    guard.install(app, settings)
    headers.install(app)
    for routes in (
        predict_routes(live, settings),
        batch_routes(live, settings),
        screen_routes(live, settings),
        status_routes(live),
        v2_routes(live, settings),
        docs_routes(),
        page_routes(live),
        report_routes(live, key),
    ):
        app.register_blueprint(routes)

    @app.after_request
    def let_client_finish(answer: Response) -> Response:
        if answer.status_code >= HTTPStatus.BAD_REQUEST:
            discard_body(request)
        return answer

    live.start()
    return app
