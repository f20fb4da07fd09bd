"""`/`: the page for people, which asks nothing but the public interface, and `GET /sales` for its map."""

import mimetypes
from importlib import resources
from weakref import WeakKeyDictionary

from flask import Blueprint, Response, abort, request

from service.http.cached_body import Packed
from service.live_model import LiveModel, Snapshot
from service.routes.sales import pack_sales

_FOLDER = resources.files("service") / "pages" / "home"
_ENTRY = "index.html"


def page_routes(live: LiveModel) -> Blueprint:
    """Make the routes of the page, of the files it loads, and of the sold homes."""
    routes = Blueprint("page", __name__)
    sold: WeakKeyDictionary[Snapshot, Packed] = WeakKeyDictionary()  # made once for each version
    # Read once: no path from outside ever meets the file system.
    files = {file.name: _packed(file.name, file.read_bytes()) for file in _FOLDER.iterdir()}

    @routes.get("/")
    def home() -> Response:
        return files[_ENTRY].answer(request)

    @routes.get("/home/<name>")
    def file(name: str) -> Response:
        if name not in files or name == _ENTRY:
            abort(404)
        return files[name].answer(request)

    @routes.get("/sales")
    def sales() -> Response:
        snapshot = live.take()
        if snapshot not in sold:
            sold[snapshot] = pack_sales(snapshot.appraiser, snapshot.version)
        return sold[snapshot].answer(request)

    return routes


def _packed(name: str, content: bytes) -> Packed:
    media_type = "text/javascript" if name.endswith(".js") else mimetypes.guess_type(name)[0]
    return Packed(
        content, f"{media_type}; charset=utf-8" if str(media_type).startswith("text/") else str(media_type)
    )
