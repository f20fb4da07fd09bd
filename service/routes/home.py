"""`GET /`: the web page and its files. The page uses the public interface only."""

import mimetypes
from importlib import resources

from flask import Blueprint, Response, abort, request

from service.http.cached_body import CachedBody

_FOLDER = resources.files("service") / "pages" / "home"
_ENTRY = "index.html"


def home_routes() -> Blueprint:
    """Return the routes of the page and of the files it loads."""
    routes = Blueprint("home", __name__)
    # All files are read now, so that no path in a request reaches the file system.
    files = {file.name: _cached_file(file.name, file.read_bytes()) for file in _FOLDER.iterdir()}

    @routes.get("/")
    def page() -> Response:
        return files[_ENTRY].answer(request)

    @routes.get("/home/<name>")
    def file(name: str) -> Response:
        if name not in files or name == _ENTRY:
            abort(404)
        return files[name].answer(request)

    return routes


def _cached_file(name: str, content: bytes) -> CachedBody:
    media_type = "text/javascript" if name.endswith(".js") else str(mimetypes.guess_type(name)[0])
    charset = "; charset=utf-8" if media_type.startswith("text/") else ""
    return CachedBody(content, media_type + charset)
