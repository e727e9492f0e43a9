"""The request for the end of an archive, which usually brings all that is asked of it."""

from __future__ import annotations

__all__ = ["IDENTITY", "TAIL", "TAIL_REQUEST"]

#: Bytes of the first request.
TAIL = 64 << 10
#: Ranges of a compressed answer would be useless.
IDENTITY = {"Accept-Encoding": "identity"}
#: Headers of a request for the end of a file.
TAIL_REQUEST = {**IDENTITY, "Range": f"bytes=-{TAIL}"}
