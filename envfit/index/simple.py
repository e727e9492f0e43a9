"""The Simple API of one package index (PEP 503, 691, 700, 714, 792).

JSON is asked for first, HTML understood.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
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
from envfit.index.fetched_page import fetch_page
from envfit.index.session import ABSENT, Session

__all__ = ["File", "Page", "SimpleIndex", "listing_of", "parse_listing", "parse_page"]

_log = logging.getLogger(__name__)

_JSON = "application/vnd.pypi.simple.v1+json"
_HTML = "application/vnd.pypi.simple.v1+html"
_DISTRIBUTION_SUFFIXES = (".whl", ".tar.gz", ".zip", ".egg", ".exe", ".tar.bz2", ".tgz", ".msi", ".rpm")


class SimpleIndex:
    """One index, asked for one project at a time."""

    def __init__(self, url: str, *, session: Session, cache: Cache, absent: Collection[int] = ABSENT) -> None:
        """Take an address, with or without credentials; a mirror's stands for the index that it mirrors.

        ``absent`` are the statuses by which the index says that it does not have
        a name; storage services without an index of their own say 403.
        """
        self.url = session.canonical(session.authorize(url))
        self._session = session
        self._cache = cache
        self._absent = absent

    def listing(self, name: str) -> Listing | None:
        """Return what the index has of a project; None where it does not have the name.

        Raises SourceError where the index fails or answers something else.
        """
        name = canonicalize_name(name)
        root = self._session.address(self.url)
        if is_local(root) and not local_path(root).is_dir():
            raise SourceError(f"the index {root} is not a directory")

        def parse(answer: CachedListing) -> Listing:
            page = parse_page(answer.body, content_type=answer.content_type, url=answer.url)
            return listing_of(
                page, url=answer.url, name=name, index=self.url, canonical=self._session.canonical
            )

        page = f"{self.url.rstrip('/')}/{name}/"
        return fetch_page(page, parse, session=self._session, cache=self._cache, absent=self._absent)


def parse_listing(body: bytes, *, content_type: str, url: str, name: str, index: str) -> Listing:
    """Parse a project page that came from ``url``.

    Raises SourceError where it is no project page of the Simple API.
    """
    page = parse_page(body, content_type=content_type, url=url)
    return listing_of(page, url=url, name=name, index=index)


def parse_page(body: bytes, *, content_type: str, url: str) -> Page:
    """Parse a page of files that came from ``url``; raises SourceError where it is none."""
    kind = content_type.partition(";")[0].strip().lower()
    try:
        if kind in {_JSON, "application/json"}:
            return _parse_json(body)
        if kind in {_HTML, "text/html", "application/xhtml+xml"}:
            return _parse_html(body, url)
        raise _NotAPageError(f"its content type is {kind or 'missing'}")
    except _NotAPageError as error:
        raise SourceError(
            f"{public_address(url)} answered something that is not an index page: {error}",
            details={"address": public_address(url), "content-type": content_type},
        ) from error


def listing_of(
    page: Page, *, url: str, name: str, index: str, canonical: Callable[[str], str] = lambda url: url
) -> Listing:
    """Return the files of one project on a page that came from ``url``.

    ``canonical`` gives the address by which a file is known for the one that the page states.
    """
    distributions: list[Distribution] = []
    skipped: list[str] = []
    for file in page.files:
        address = canonical(public_address(urljoin(url, file.url)))
        distribution = _distribution(file, address=address, name=name, index=index)
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
class File:
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
class Page:
    """A page of files, in either format."""

    files: tuple[File, ...]
    status: str | None = None
    status_reason: str | None = None


def _distribution(file: File, *, address: str, name: str, index: str) -> Distribution | None:
    """Return the distribution that a file is, or None where nobody can install it under that name."""
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
            url=address,
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
        url=address,
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


def _parse_json(body: bytes) -> Page:
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
    return Page(
        files=tuple(_files_of_json(page["files"])),
        status=state if isinstance(state, str) and state != "active" else None,
        status_reason=reason if isinstance(reason, str) else None,
    )


def _files_of_json(files: list[object]) -> Iterator[File]:
    for file in files:
        if not isinstance(file, dict):
            raise _NotAPageError("a file in it is no table")
        url, filename = file.get("url"), file.get("filename")
        if not isinstance(url, str) or not isinstance(filename, str):
            raise _NotAPageError("a file in it has no name or no address")
        hashes, size, yanked = file.get("hashes"), file.get("size"), file.get("yanked")
        requires_python, uploaded = file.get("requires-python"), file.get("upload-time")
        yield File(
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


def _parse_html(body: bytes, url: str) -> Page:
    parser = _PageParser(base=url)
    parser.feed(body.decode("utf-8", errors="replace"))
    parser.close()
    if not (parser.announced or any(file.filename.endswith(_DISTRIBUTION_SUFFIXES) for file in parser.files)):
        raise _NotAPageError("it links to no distribution and does not call itself an index")
    status = parser.meta.get("pypi:project-status")
    return Page(
        files=tuple(parser.files),
        status=status if status != "active" else None,
        status_reason=parser.meta.get("pypi:project-status-reason"),
    )


@dataclass(eq=False)
class _PageParser(HTMLParser):
    """Collects the anchors of a PEP 503 page."""

    base: str
    files: list[File] = field(default_factory=list)
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
            File(
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
