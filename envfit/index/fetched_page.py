"""Pages of indexes, fetched only where the cache does not serve.

A page is used without asking again as long as the server said, 600 seconds where
it said nothing; after that with a conditional request where it sent validators.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import TypeVar

from envfit.address import is_local
from envfit.frozen import frozen
from envfit.index.cache import Cache, CachedPage
from envfit.index.headers import Headers
from envfit.index.session import ABSENT, Session
from envfit.index.transfer import Transfer

__all__ = ["FetchedPage", "fetch_page", "start_page"]

T = TypeVar("T")

# JSON before HTML (PEP 691).
_ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"
_DEFAULT_MAX_AGE = 600.0  # seconds
_OK, _NOT_MODIFIED = 200, 304


@frozen
class FetchedPage:
    """A page, from the cache or from its index."""

    key: str  # under which it is kept; with its sha256 the identity of what was made of it
    page: CachedPage
    load: Callable[[], bytes]  # the body, decoded

    @property
    def identity(self) -> str:
        """What tells it from every other page, and from what it says at another time."""
        return f"{self.key} {self.page.sha256}"


class _LostError(Exception):
    """The body of a page that is kept is not there any more."""


def fetch_page(
    url: str,
    parse: Callable[[FetchedPage], T],
    *,
    session: Session,
    cache: Cache,
    absent: Collection[int] = ABSENT,
    ahead: Transfer | None = None,
) -> T | None:
    """Return what ``parse`` makes of a page, from the cache where that may be; None where it is not there.

    ``ahead`` is what ``start_page`` began, complete.  What cannot be parsed is not
    kept.  Raises SourceError.
    """
    # What came from a mirror is kept under the mirror's address: its links are relative to that.
    address = session.address(url)
    key = f"{address} {_ACCEPT}"
    if is_local(address):  # a disk needs no cache, and would be remembered too long
        response = session.get(url)
        if response is None:
            return None
        page = _described(response.url, response.headers, response.body, now=0.0)
        return parse(FetchedPage(key=key, page=page, load=lambda: response.body))
    kept = cache.page(key)
    if kept is not None and (session.offline or (kept.exists and kept.is_fresh(time.time()))):
        try:
            return parse(_from_cache(key, kept, cache)) if kept.exists else None
        except _LostError:
            kept = None
    if kept is not None and not kept.exists:
        kept = None
    answer = _answer_ahead(ahead, absent) or _ask(url, kept, session, absent)
    now = time.time()
    if answer.status in absent:
        # Kept for offline use only: a new project must be seen at once.
        gone = CachedPage(
            url=address, content_type="", encoding="", fetched=now, max_age=0, sha256="", exists=False
        )
        cache.store_page(key, gone, b"")
        return None
    if answer.status == _NOT_MODIFIED and kept is not None:
        page = replace(kept, fetched=now, max_age=_max_age(answer.headers))
        try:
            parsed = parse(_from_cache(key, page, cache))
        except _LostError:
            return fetch_page(url, parse, session=session, cache=cache, absent=absent)
        body = None
    else:
        page, body = _described(answer.url, answer.headers, answer.body, now=now), answer.body
        parsed = parse(FetchedPage(key=key, page=page, load=lambda: answer.plain))
    if "no-store" not in answer.headers.get("Cache-Control", "").lower():
        cache.store_page(key, page, body)
    return parsed


def start_page(url: str, *, session: Session, cache: Cache) -> Transfer | None:
    """Begin to fetch a page that the cache does not serve; None where it does, or only ``get`` will do."""
    address = session.address(url)
    kept = cache.page(f"{address} {_ACCEPT}")
    if kept is not None and kept.exists and kept.is_fresh(time.time()):
        return None
    return session.start(url, {**_conditions(kept), "Accept-Encoding": "gzip"})


@frozen
class _Answer:
    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes  # as it came
    plain: bytes  # decoded


def _ask(url: str, kept: CachedPage | None, session: Session, absent: Collection[int]) -> _Answer:
    response = session.get(url, headers=_conditions(kept), absent=absent)
    if response is None:
        return _Answer(url=url, status=next(iter(absent)), headers=Headers(), body=b"", plain=b"")
    # The body was decoded on its way.
    headers = {name: value for name, value in response.headers.items() if name.lower() != "content-encoding"}
    return _Answer(
        url=response.url,
        status=response.status,
        headers=Headers(headers.items()),
        body=response.body,
        plain=response.body,
    )


def _answer_ahead(ahead: Transfer | None, absent: Collection[int]) -> _Answer | None:
    """Return what was fetched ahead, or None where it must be asked for again."""
    if ahead is None or ahead.status not in {_OK, _NOT_MODIFIED, *absent}:
        return None
    plain = ahead.plain if ahead.status == _OK else b""
    if plain is None:
        return None
    return _Answer(url=ahead.url, status=ahead.status, headers=ahead.answer, body=ahead.body, plain=plain)


def _from_cache(key: str, kept: CachedPage, cache: Cache) -> FetchedPage:
    cache.fresh_until = min(cache.fresh_until, kept.fetched + kept.max_age)

    def load() -> bytes:
        body = cache.body(key, kept)
        if body is None:
            raise _LostError
        return body

    return FetchedPage(key=key, page=kept, load=load)


def _conditions(kept: CachedPage | None) -> Mapping[str, str]:
    headers = {"Accept": _ACCEPT}
    if kept is not None and kept.exists and kept.etag:
        headers["If-None-Match"] = kept.etag
    if kept is not None and kept.exists and kept.last_modified:
        headers["If-Modified-Since"] = kept.last_modified
    return headers


def _described(url: str, headers: Mapping[str, str], body: bytes, *, now: float) -> CachedPage:
    return CachedPage(
        url=url,
        content_type=headers.get("Content-Type", ""),
        encoding=_encoding(headers),
        fetched=now,
        max_age=_max_age(headers),
        sha256=hashlib.sha256(body).hexdigest(),
        etag=headers.get("ETag"),
        last_modified=headers.get("Last-Modified"),
    )


def _encoding(headers: Mapping[str, str]) -> str:
    return "gzip" if headers.get("Content-Encoding") == "gzip" else ""


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
