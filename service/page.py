"""`/`: the page for people, which asks nothing but the public interface, and `GET /sales` for its map."""

import mimetypes
from importlib import resources

from flask import Blueprint, Response, abort, request

from service.live_model import LiveModel
from service.packed import Packed

_FOLDER = resources.files("service") / "pages" / "home"
_ENTRY = "index.html"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Nothing from another host, no script and no style inside the page: what a listing's name holds cannot run."""


def page_routes(live: LiveModel) -> Blueprint:
    """Make the routes of the page, of the files it loads, and of the sold homes."""
    routes = Blueprint("page", __name__)
    # Read once: no path from outside ever meets the file system.
    files = {file.name: _packed(file.name, file.read_bytes()) for file in _FOLDER.iterdir()}

    @routes.get("/")
    def home() -> Response:
        answer = files[_ENTRY].answer(request)
        answer.headers["Content-Security-Policy"] = _POLICY
        return answer

    @routes.get("/home/<name>")
    def file(name: str) -> Response:
        if name not in files or name == _ENTRY:
            abort(404)
        return files[name].answer(request)

    @routes.get("/sales")
    def sales() -> Response:
        return live.take().sales.answer(request)

    return routes


def _packed(name: str, content: bytes) -> Packed:
    media_type = "text/javascript" if name.endswith(".js") else mimetypes.guess_type(name)[0]
    return Packed(
        content, f"{media_type}; charset=utf-8" if str(media_type).startswith("text/") else str(media_type)
    )
