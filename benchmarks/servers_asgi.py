"""The application of `benchmarks.servers_app` as an ASGI application, for servers of that kind."""

from a2wsgi import WSGIMiddleware

from benchmarks.servers_app import app as wsgi_app

app = WSGIMiddleware(wsgi_app, workers=128)
