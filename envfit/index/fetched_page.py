"""Pages of indexes, fetched only where the cache does not serve.

A page is used without asking again as long as the server said, 600 seconds where
it said nothing; after that with a conditional request where it sent validators.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import TypeVar

from envfit.address import is_local
from envfit.index.cache import Cache, CachedListing
from envfit.index.session import ABSENT, Response, Session

__all__ = ["fetch_page"]

T = TypeVar("T")

# JSON before HTML (PEP 691).
_ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"
_DEFAULT_MAX_AGE = 600.0  # seconds
_NOT_MODIFIED = 304


def fetch_page(
    url: str,
    parse: Callable[[CachedListing], T],
    *,
    session: Session,
    cache: Cache,
    absent: Collection[int] = ABSENT,
) -> T | None:
    """Return what ``parse`` makes of a page, from the cache where that may be; None where it is not there.

    What cannot be parsed is not kept.  Raises SourceError.
    """
    # What came from a mirror is kept under the mirror's address: its links are relative to that.
    address = session.address(url)
    if is_local(address):  # a disk needs no cache, and would be remembered too long
        response = session.get(url)
        return None if response is None else parse(_from_response(response, 0.0))
    key = f"{address} {_ACCEPT}"
    kept = cache.listing(key)
    if kept is not None and (session.offline or (kept.exists and kept.is_fresh(time.time()))):
        return parse(kept) if kept.exists else None
    if kept is not None and not kept.exists:
        kept = None
    response = session.get(url, headers=_conditions(kept), absent=absent)
    now = time.time()
    if response is None:
        # Kept for offline use only: a new project must be seen at once.
        cache.store_listing(
            key, CachedListing(url=address, content_type="", body=b"", fetched=now, max_age=0, exists=False)
        )
        return None
    if response.status == _NOT_MODIFIED and kept is not None:
        answer = replace(kept, fetched=now, max_age=_max_age(response.headers))
    else:
        answer = _from_response(response, now)
    parsed = parse(answer)
    if "no-store" not in response.headers.get("Cache-Control", "").lower():
        cache.store_listing(key, answer)
    return parsed


def _conditions(kept: CachedListing | None) -> Mapping[str, str]:
    headers = {"Accept": _ACCEPT}
    if kept is not None and kept.etag:
        headers["If-None-Match"] = kept.etag
    if kept is not None and kept.last_modified:
        headers["If-Modified-Since"] = kept.last_modified
    return headers


def _from_response(response: Response, now: float) -> CachedListing:
    return CachedListing(
        url=response.url,
        content_type=response.headers.get("Content-Type", ""),
        body=response.body,
        fetched=now,
        max_age=_max_age(response.headers),
        etag=response.headers.get("ETag"),
        last_modified=response.headers.get("Last-Modified"),
    )


def _max_age(headers: Mapping[str, str]) -> float:
    """Return for how many seconds an answer may be used again (RFC 9111)."""
    control = headers.get("Cache-Control", "").lower()
    if "no-cache" in control or "no-store" in control:
        return 0.0
    stated = re.search(r"\bmax-age=(\d+)", control)
    if stated is None:
        return _DEFAULT_MAX_AGE
    age = headers.get("Age", "0")
    return max(0.0, float(stated[1]) - (float(age) if age.isdigit() else 0.0))
