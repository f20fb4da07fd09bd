"""`GET /docs`: a page to read the OpenAPI document and try the routes. It loads files of this server only."""

from importlib import resources

from flask import Blueprint, Response, abort, send_from_directory

_PAGES = resources.files("service") / "pages"
_SWAGGER_UI = resources.files("flask_swagger_ui") / "dist"
_FILES = {
    "docs.js": _PAGES,
    "docs.css": _PAGES,
    "swagger-ui.css": _SWAGGER_UI,
    "swagger-ui-bundle.js": _SWAGGER_UI,
    "favicon-32x32.png": _SWAGGER_UI,
}
"""File that the page loads → its folder. No other files of these folders are served."""


def docs_routes() -> Blueprint:
    """Return the routes of the page and of the files it loads."""
    routes = Blueprint("docs", __name__)

    @routes.get("/docs")
    def docs() -> Response:
        return send_from_directory(str(_PAGES), "docs.html")

    @routes.get("/docs/<name>")
    def file(name: str) -> Response:
        if name not in _FILES:
            abort(404)
        return send_from_directory(str(_FILES[name]), name)

    return routes
