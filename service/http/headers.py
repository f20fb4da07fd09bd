"""Headers of every answer that restrict what a browser may do with it."""

from flask import Flask, Response

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",  # the icons of Swagger UI are data URLs
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
"""Everything is loaded from this server, and inline scripts are not run."""

SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), payment=()",
}
"""Strict-Transport-Security is missing on purpose: it is up to the proxy that terminates TLS."""


def install(app: Flask) -> None:
    """Add the headers to every answer of an application that does not set them itself."""
    header_by_name = {name.lower(): (name, value) for name, value in SECURITY_HEADERS.items()}

    @app.after_request
    def add_headers(answer: Response) -> Response:
        present = {name.lower() for name, _ in answer.headers}
        answer.headers.extend(header for name, header in header_by_name.items() if name not in present)
        if "cache-control" not in present:
            # Valuations must not be cached. Pages may be, if the client revalidates them.
            cacheable = (answer.mimetype or "").startswith(("text/html", "text/css", "text/javascript", "image/"))
            answer.headers.add("Cache-Control", "no-cache" if cacheable else "no-store")
        return answer
