"""The Flask application: every room of the service under one roof."""

from http import HTTPStatus

from flask import Flask, Response, request

from service import problems
from service.batch import batch_routes
from service.body import discard_body
from service.docs import docs_routes
from service.live_model import LiveModel
from service.page import page_routes
from service.predict import predict_routes
from service.screen import screen_routes
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
    live = LiveModel(settings.model)
    problems.install(app)
    for routes in (
        predict_routes(live, settings),
        batch_routes(live, settings),
        screen_routes(live, settings),
        status_routes(live),
        docs_routes(),
        page_routes(live),
    ):
        app.register_blueprint(routes)

    @app.after_request
    def let_client_finish(answer: Response) -> Response:
        if answer.status_code >= HTTPStatus.BAD_REQUEST:
            discard_body(request)
        return answer

    live.start()
    return app
