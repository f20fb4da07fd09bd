"""`/docs`: the interface's document, to be read and tried out. All that it loads comes from this server."""

from importlib import resources

from flask import Blueprint, Response, abort, send_from_directory

_PAGE = resources.files("service") / "pages"
_SWAGGER_UI = resources.files("flask_swagger_ui") / "dist"
_FILES = {
    "docs.js": _PAGE,
    "swagger-ui.css": _SWAGGER_UI,
    "swagger-ui-bundle.js": _SWAGGER_UI,
    "favicon-32x32.png": _SWAGGER_UI,
}
"""The files that the page loads, and where they are installed; nothing else of those folders is served."""


def docs_routes() -> Blueprint:
    """Make the routes of the page and of the files it loads."""
    routes = Blueprint("docs", __name__)

    @routes.get("/docs")
    def docs() -> Response:
        return send_from_directory(str(_PAGE), "docs.html")

    @routes.get("/docs/<name>")
    def file(name: str) -> Response:
        if name not in _FILES:
            abort(404)
        return send_from_directory(str(_FILES[name]), name)

    return routes
