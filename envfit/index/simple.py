"""The Simple API of one package index (PEP 503, 691, 700, 714, 792).

JSON is asked for first, HTML understood.  A page is used without asking again
as long as the index said, 600 seconds where it said nothing; after that with a
conditional request where the index sent validators.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from functools import lru_cache
from html.parser import HTMLParser
from urllib.parse import unquote, urljoin, urlsplit

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)

from envfit.address import is_local, local_path, public_address
from envfit.distribution import Distribution, Listing, Sdist, Wheel
from envfit.errors import SourceError
from envfit.index.cache import Cache, CachedListing
from envfit.index.session import ABSENT, Response, Session

__all__ = ["SimpleIndex", "parse_listing"]

_log = logging.getLogger(__name__)

_JSON = "application/vnd.pypi.simple.v1+json"
_HTML = "application/vnd.pypi.simple.v1+html"
_ACCEPT = f"{_JSON}, {_HTML};q=0.2, text/html;q=0.01"
_DEFAULT_MAX_AGE = 600.0  # seconds
_NOT_MODIFIED = 304
_DISTRIBUTION_SUFFIXES = (".whl", ".tar.gz", ".zip", ".egg", ".exe", ".tar.bz2", ".tgz", ".msi", ".rpm")


class SimpleIndex:
    """One index, asked for one project at a time."""

    def __init__(self, url: str, *, session: Session, cache: Cache, absent: Collection[int] = ABSENT) -> None:
        """Take an address, with or without credentials.

        ``absent`` are the statuses by which the index says that it does not have
        a name; storage services without an index of their own say 403.
        """
        self.url = session.authorize(url)
        self._session = session
        self._cache = cache
        self._absent = absent

    def listing(self, name: str) -> Listing | None:
        """Return what the index has of a project; None where it does not have the name.

        Raises SourceError where the index fails or answers something else.
        """
        name = canonicalize_name(name)
        page = f"{self.url.rstrip('/')}/{name}/"
        if is_local(page):  # a disk needs no cache, and would be remembered too long
            if not local_path(self.url).is_dir():
                raise SourceError(f"the index {self.url} is not a directory")
            response = self._session.get(page)
            return None if response is None else self._parse(_from_response(response, 0.0), name)
        key = f"{page} {_ACCEPT}"
        kept = self._cache.listing(key)
        if kept is not None and self._may_use(kept):
            return self._parse(kept, name) if kept.exists else None
        if kept is not None and not kept.exists:
            kept = None
        response = self._session.get(page, headers=_conditions(kept), absent=self._absent)
        now = time.time()
        if response is None:
            # Kept for offline use only: a new project must be seen at once.
            self._cache.store_listing(
                key, CachedListing(url=page, content_type="", body=b"", fetched=now, max_age=0, exists=False)
            )
            return None
        if response.status == _NOT_MODIFIED and kept is not None:
            answer = replace(kept, fetched=now, max_age=_max_age(response.headers))
        else:
            answer = _from_response(response, now)
        listing = self._parse(answer, name)
        if "no-store" not in response.headers.get("Cache-Control", "").lower():
            self._cache.store_listing(key, answer)
        return listing

    def _may_use(self, kept: CachedListing) -> bool:
        return self._session.offline or (kept.exists and kept.is_fresh(time.time()))

    def _parse(self, answer: CachedListing, name: str) -> Listing:
        return parse_listing(
            answer.body, content_type=answer.content_type, url=answer.url, name=name, index=self.url
        )


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


def parse_listing(body: bytes, *, content_type: str, url: str, name: str, index: str) -> Listing:
    """Parse a project page that came from ``url``.

    Raises SourceError where it is no project page of the Simple API.
    """
    kind = content_type.partition(";")[0].strip().lower()
    try:
        if kind in {_JSON, "application/json"}:
            page = _parse_json(body)
        elif kind in {_HTML, "text/html", "application/xhtml+xml"}:
            page = _parse_html(body, url)
        else:
            raise _NotAPageError(f"its content type is {kind or 'missing'}")
    except _NotAPageError as error:
        raise SourceError(
            f"{public_address(url)} answered something that is not an index page: {error}",
            details={"address": public_address(url), "content-type": content_type},
        ) from error
    distributions: list[Distribution] = []
    skipped: list[str] = []
    for file in page.files:
        distribution = _distribution(file, page=url, name=name, index=index)
        if distribution is None:
            skipped.append(file.filename)
        else:
            distributions.append(distribution)
    return Listing(
        name=name,
        index=index,
        distributions=tuple(distributions),
        skipped=tuple(skipped),
        status=page.status,
        status_reason=page.status_reason,
    )


class _NotAPageError(Exception):
    """A body is no project page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """One file as a page states it, in either format."""

    filename: str
    url: str  # possibly relative to the page
    sha256: str | None = None
    size: int | None = None
    upload_time: datetime | None = None
    requires_python: str | None = None
    yanked: str | None = None
    metadata_sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    """A project page, in either format."""

    files: tuple[_File, ...]
    status: str | None = None
    status_reason: str | None = None


def _distribution(file: _File, *, page: str, name: str, index: str) -> Distribution | None:
    """Return the distribution that a file is, or None where nobody can install it under that name."""
    url = public_address(urljoin(page, file.url))
    requires_python = _python_bound(file.requires_python, file.filename)
    if file.filename.endswith(".whl"):
        try:
            project, version, build_tag, tags = parse_wheel_filename(file.filename)
        except InvalidWheelFilename:
            return None
        if project != name:
            return None
        return Wheel(
            name=name,
            version=version,
            filename=file.filename,
            url=url,
            index=index,
            build_tag=build_tag,
            tags=tags,
            sha256=file.sha256,
            size=file.size,
            upload_time=file.upload_time,
            requires_python=requires_python,
            yanked=file.yanked,
            metadata_sha256=file.metadata_sha256,
        )
    try:
        project, version = parse_sdist_filename(file.filename)
    except InvalidSdistFilename:
        return None
    if project != name:
        return None
    return Sdist(
        name=name,
        version=version,
        filename=file.filename,
        url=url,
        index=index,
        sha256=file.sha256,
        size=file.size,
        upload_time=file.upload_time,
        requires_python=requires_python,
        yanked=file.yanked,
        metadata_sha256=file.metadata_sha256,
    )


def _python_bound(text: str | None, filename: str) -> SpecifierSet | None:
    bound = _specifiers(text) if text else None
    if text and bound is None:
        _log.info("%s: ignored its malformed Requires-Python %r", filename, text)
    return bound


@lru_cache(maxsize=4096)
def _specifiers(text: str) -> SpecifierSet | None:
    try:
        return SpecifierSet(text)
    except InvalidSpecifier:
        return None


def _parse_json(body: bytes) -> _Page:
    try:
        page = json.loads(body)
    except ValueError as error:
        raise _NotAPageError(f"it is no complete JSON ({error})") from error
    if not isinstance(page, dict) or not isinstance(page.get("files"), list):
        raise _NotAPageError("it lists no files")
    meta = page.get("meta")
    api = str(meta.get("api-version", "")) if isinstance(meta, dict) else ""
    if api and not api.startswith("1."):
        raise _NotAPageError(f"it speaks version {api} of the Simple API, envfit speaks version 1")
    status = page.get("project-status")
    state = status.get("status") if isinstance(status, dict) else None
    reason = status.get("reason") if isinstance(status, dict) else None
    return _Page(
        files=tuple(_files_of_json(page["files"])),
        status=state if isinstance(state, str) and state != "active" else None,
        status_reason=reason if isinstance(reason, str) else None,
    )


def _files_of_json(files: list[object]) -> Iterator[_File]:
    for file in files:
        if not isinstance(file, dict):
            raise _NotAPageError("a file in it is no table")
        url, filename = file.get("url"), file.get("filename")
        if not isinstance(url, str) or not isinstance(filename, str):
            raise _NotAPageError("a file in it has no name or no address")
        hashes, size, yanked = file.get("hashes"), file.get("size"), file.get("yanked")
        requires_python, uploaded = file.get("requires-python"), file.get("upload-time")
        yield _File(
            filename=filename,
            url=url,
            sha256=_sha256(hashes.get("sha256")) if isinstance(hashes, dict) else None,
            size=size if isinstance(size, int) else None,
            upload_time=_utc(uploaded) if isinstance(uploaded, str) else None,
            requires_python=requires_python if isinstance(requires_python, str) else None,
            # PEP 691: a boolean or a reason that is not empty.
            yanked=yanked if isinstance(yanked, str) and yanked else "" if yanked is True else None,
            metadata_sha256=_sidecar(file.get("core-metadata", file.get("dist-info-metadata"))),
        )


def _sidecar(value: object) -> str | None:
    """Return the sha256 of a metadata file, "" where it has none, None where there is no such file."""
    if isinstance(value, dict):
        return _sha256(value.get("sha256")) or ""
    return "" if value is True else None


def _sha256(value: object) -> str | None:
    if isinstance(value, str) and re.fullmatch(r"[0-9a-fA-F]{64}", value):
        return value.lower()
    return None


_TIME = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)?", re.IGNORECASE)


def _utc(text: str) -> datetime | None:
    """Parse an RFC 3339 time; Python 3.10 itself knows neither Z nor odd fractions."""
    match = _TIME.fullmatch(text.strip())
    if match is None:
        return None
    zone = "+00:00" if (match[3] or "Z").upper() == "Z" else match[3]
    try:
        moment = datetime.fromisoformat(f"{match[1]}.{(match[2] or '.0')[1:7]:0<6}{zone}")
    except ValueError:
        return None
    return moment.astimezone(timezone.utc)


def _parse_html(body: bytes, url: str) -> _Page:
    parser = _PageParser(base=url)
    parser.feed(body.decode("utf-8", errors="replace"))
    parser.close()
    if not (parser.announced or any(file.filename.endswith(_DISTRIBUTION_SUFFIXES) for file in parser.files)):
        raise _NotAPageError("it links to no distribution and does not call itself an index")
    status = parser.meta.get("pypi:project-status")
    return _Page(
        files=tuple(parser.files),
        status=status if status != "active" else None,
        status_reason=parser.meta.get("pypi:project-status-reason"),
    )


@dataclass(eq=False)
class _PageParser(HTMLParser):
    """Collects the anchors of a PEP 503 page."""

    base: str
    files: list[_File] = field(default_factory=list)
    meta: dict[str, str] = field(default_factory=dict)
    announced: bool = False  # the page calls itself an index

    def __post_init__(self) -> None:
        HTMLParser.__init__(self)
        self._has_base = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "base" and values.get("href") and not self._has_base:
            self.base = urljoin(self.base, values["href"])
            self._has_base = True
        elif tag == "meta" and "name" in values:
            self.meta[values["name"].lower()] = values.get("content", "")
            self.announced |= values["name"].lower() == "pypi:repository-version"
        elif tag == "a" and values.get("href"):
            self._add(values)

    def handle_data(self, data: str) -> None:
        self.announced |= data.strip().lower().startswith("links for ")

    def _add(self, anchor: Mapping[str, str]) -> None:
        url = urljoin(self.base, anchor["href"].strip())
        parts = urlsplit(url)
        algorithm, _, digest = parts.fragment.partition("=")
        sidecar = anchor.get("data-core-metadata", anchor.get("data-dist-info-metadata"))
        self.files.append(
            _File(
                filename=unquote(parts.path.rpartition("/")[2]),
                url=url,
                sha256=_sha256(digest.partition("&")[0]) if algorithm == "sha256" else None,
                requires_python=anchor.get("data-requires-python"),
                yanked=anchor.get("data-yanked"),
                metadata_sha256=_sidecar_of_anchor(sidecar),
            )
        )


def _sidecar_of_anchor(value: str | None) -> str | None:
    if value is None or value.lower() == "false":
        return None
    algorithm, _, digest = value.partition("=")
    return (_sha256(digest) or "") if algorithm == "sha256" else ""
