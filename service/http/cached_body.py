"""Bodies that are built once and sent often: kept plain and compressed, with an ETag."""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cached_property

from flask import Request, Response, abort


@dataclass(frozen=True)
class CachedBody:
    """A body and its media type."""

    plain: bytes
    media_type: str

    @cached_property
    def gzipped(self) -> bytes:
        """The body compressed with gzip; equal bodies give equal bytes."""
        return gzip.compress(self.plain, mtime=0)

    @cached_property
    def etag(self) -> str:
        """ETag of the body. It is sent as a weak one, because it is the same with and without gzip."""
        return hashlib.sha256(self.plain).hexdigest()[:32]

    def answer(self, request: Request) -> Response:
        """Return the body, compressed if the client accepts gzip, or 304 if the client has it already.

        Raises
        ------
        PreconditionFailed
            `If-Match` names another content. It never names a weak ETag (RFC 9110, section 13.1.1) (412).
        """
        if "If-Match" in request.headers and not request.if_match.star_tag:
            abort(412, "If-Match does not name this content: ETags are weak here and never match")
        use_gzip = request.accept_encodings["gzip"] > 0
        answer = Response(self.gzipped if use_gzip else self.plain, content_type=self.media_type)
        if use_gzip:
            answer.headers["Content-Encoding"] = "gzip"
        answer.vary.add("Accept-Encoding")
        answer.set_etag(self.etag, weak=True)
        # Only the client may cache it, and must revalidate: another version may have been published.
        answer.cache_control.private = answer.cache_control.no_cache = True
        # Without If-Match: Werkzeug takes * for a tag, and sends the whole body with a 412.
        answer.make_conditional(
            {name: value for name, value in request.environ.items() if name != "HTTP_IF_MATCH"}
        )
        return answer
