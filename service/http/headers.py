"""Headers that every answer has: what a browser may do with it."""

from flask import Flask, Response

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",  # Swagger UI's icons are data
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
"""Everything comes from this server, and no script stands in a page."""

SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), payment=()",
}
"""Strict-Transport-Security is left to what ends TLS, which is not this server."""


def install(app: Flask) -> None:
    """Give them to every answer of an application."""
    missing_of = {name.lower(): (name, value) for name, value in SECURITY_HEADERS.items()}

    @app.after_request
    def secure(answer: Response) -> Response:
        present = {name.lower() for name, _ in answer.headers}
        answer.headers.extend(header for name, header in missing_of.items() if name not in present)
        if "cache-control" not in present:
            # What is valued is nobody else's to keep; pages may be kept, and are asked about each time.
            kept = (answer.mimetype or "").startswith(("text/html", "text/css", "text/javascript", "image/"))
            answer.headers.add("Cache-Control", "no-cache" if kept else "no-store")
        return answer
