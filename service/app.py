"""The Flask application: connects routes, access control, error handling and the served model."""

from pathlib import Path

from flask import Flask

from estimator.signing import read_key
from service.http import guard, headers, problems, tracing
from service.http.body_budget import BodyBudget
from service.live_model import LiveModel
from service.routes.batch import batch_routes
from service.routes.comparables import comparables_routes
from service.routes.docs import docs_routes
from service.routes.health import health_routes
from service.routes.home import home_routes
from service.routes.index import index_routes
from service.routes.jobs import jobs_routes
from service.routes.metrics import metrics_routes
from service.routes.model import model_routes
from service.routes.openapi import openapi_routes
from service.routes.predict import predict_routes
from service.routes.report import report_routes
from service.routes.report_versions import report_versions_routes
from service.routes.sales import sales_routes
from service.routes.screen import screen_routes
from service.routes.search import search_routes
from service.routes.v2 import v2_routes
from service.settings import Settings


def create_app(
    settings: Settings | None = None, fallback: Path | None = None, live: LiveModel | None = None
) -> Flask:
    """Create the application, and start to load its model in the background.

    Parameters
    ----------
    settings
        Default: the settings of the environment.
    fallback
        Version to serve while the published one cannot be loaded.
    live
        What to serve instead of the model of the settings. It has been started.

    Raises
    ------
    SettingsError
        The settings of the environment are invalid.
    SavedVersionError
        The key file cannot be read.
    """
    settings = settings or Settings.from_environment()
    app = Flask(__name__, static_folder=None)
    key = read_key(settings.key_file)
    if live is None:
        live = LiveModel(settings.model, key, fallback)
        live.start()
    app.extensions["live_model"] = live
    budget = BodyBudget(settings.max_body)
    problems.install(app)
    tracing.install(app)
    guard.allow_origins(app, settings.cors_origins)
    guard.install(app, settings)
    headers.install(app)
    for routes in (
        predict_routes(live, settings, budget),
        batch_routes(live, settings, budget),
        comparables_routes(live, settings, budget),
        screen_routes(live, settings, budget),
        model_routes(live),
        sales_routes(live),
        search_routes(live, settings),
        index_routes(live),
        jobs_routes(live, settings),
        report_routes(live, key),
        report_versions_routes(live, settings.key_file, key),
        v2_routes(live, settings, budget),
        health_routes(live),
        metrics_routes(),
        openapi_routes(live),
        docs_routes(),
        home_routes(),
    ):
        app.register_blueprint(routes)

    return app
