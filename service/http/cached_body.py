"""Bodies that are made once and sent often: kept with their gzip form, told apart by an ETag."""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cached_property

from flask import Request, Response


@dataclass(frozen=True)
class Packed:
    """A body and its media type."""

    plain: bytes
    media_type: str

    @cached_property
    def gzipped(self) -> bytes:
        """The body in gzip, the same bytes each time."""
        return gzip.compress(self.plain, mtime=0)

    @cached_property
    def etag(self) -> str:
        """Tells this body from any other; the same with gzip and without, so it is a weak one."""
        return hashlib.sha256(self.plain).hexdigest()[:32]

    def answer(self, request: Request) -> Response:
        """Return the body in the form that the client takes, or 304 where it has it already."""
        zipped = request.accept_encodings["gzip"] > 0
        answer = Response(self.gzipped if zipped else self.plain, content_type=self.media_type)
        if zipped:
            answer.headers["Content-Encoding"] = "gzip"
        answer.vary.add("Accept-Encoding")
        answer.set_etag(self.etag, weak=True)
        # Kept by the client alone, and asked for again: another version may be served by then.
        answer.cache_control.private = answer.cache_control.no_cache = True
        answer.make_conditional(request)
        return answer
