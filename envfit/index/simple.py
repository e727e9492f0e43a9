"""The Simple API of one package index (PEP 503, 691, 700, 714, 792).

JSON is asked for first, HTML understood.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from functools import lru_cache
from typing import TypeVar
from urllib.parse import urljoin

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from envfit.address import is_local, local_path, public_address
from envfit.distribution import Listing, PageFile, PageFiles
from envfit.errors import SourceError
from envfit.index.cache import Cache
from envfit.index.fetched_page import FetchedPage, fetch_page, start_page
from envfit.index.page import File, NotAPageError, Page, sha256_of
from envfit.index.selection_record import record_of, selection_of
from envfit.index.session import ABSENT, Session
from envfit.index.transfer import Transfer
from envfit.selection.candidates import Selection
from envfit.selection.ordering import parse_version
from envfit.selection.select import Selector

__all__ = ["SimpleIndex", "listing_of", "parse_listing", "parse_page"]

T = TypeVar("T")

_JSON = "application/vnd.pypi.simple.v1+json"
_HTML = "application/vnd.pypi.simple.v1+html"


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
        return self._fetch(name, lambda fetched: self._parsed(fetched, name))

    def selection(
        self, name: str, selector: Selector, question: str, ahead: Transfer | None
    ) -> Selection | None:
        """Return what a selector selects from a project's page; None where the index does not have the name.

        What was selected from the page before, for the same question, is taken from the
        cache.  ``ahead`` is what ``start`` began, complete.  Raises as ``listing`` does.
        """

        def select(fetched: FetchedPage) -> Selection:
            key = f"selection {fetched.identity} {self.url} {self._session.mapping} {question}"
            kept = selection_of(name, self._cache.record(key))
            if kept is not None:
                return kept
            selection = selector.select(name, [self._parsed(fetched, name)])
            self._cache.store_record(key, record_of(selection))
            return selection

        return self._fetch(name, select, ahead)

    def start(self, name: str) -> Transfer | None:
        """Begin to fetch a project's page, where the cache does not have it."""
        return start_page(self._page(name), session=self._session, cache=self._cache)

    @property
    def is_remote(self) -> bool:
        """Whether its pages come over the network."""
        return not is_local(self._session.address(self.url))

    def _page(self, name: str) -> str:
        return f"{self.url.rstrip('/')}/{name}/"

    def _fetch(self, name: str, parse: Callable[[FetchedPage], T], ahead: Transfer | None = None) -> T | None:
        root = self._session.address(self.url)
        if is_local(root) and not local_path(root).is_dir():
            raise SourceError(f"the index {root} is not a directory")
        return fetch_page(
            self._page(name),
            parse,
            session=self._session,
            cache=self._cache,
            absent=self._absent,
            ahead=ahead,
        )

    def _parsed(self, fetched: FetchedPage, name: str) -> Listing:
        url = fetched.page.url
        page = parse_page(fetched.load(), content_type=fetched.page.content_type, url=url)
        return listing_of(page, url=url, name=name, index=self.url, canonical=self._session.canonical)


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
            from envfit.index.page_html import parse_html

            return parse_html(body, url)
        raise NotAPageError(f"its content type is {kind or 'missing'}")
    except NotAPageError as error:
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
    releases: dict[Version, list[PageFile]] = {}
    skipped: list[str] = []
    tags: dict[str, bool] = {}  # what follows a wheel's version -> whether it is a tag set
    prefix, files = "\n", None  # of the wheel before: those of one version follow each other
    for file in page.files:
        filename = file.filename
        if filename.endswith(".whl"):
            if not filename.startswith(prefix):
                prefix, version = _wheel_prefix(filename, name)
                files = None if version is None else releases.setdefault(version, [])
            rest = filename[len(prefix) :]
            known = tags.get(rest)
            if known is None:
                known = tags[rest] = _are_tags(rest)
            if files is None or not known:
                skipped.append(filename)
            else:
                files.append((rest, file))
        else:
            version = _sdist_version(filename, name)
            if version is None:
                skipped.append(filename)
            else:
                releases.setdefault(version, []).append(("", file))
    releases = {version: several for version, several in releases.items() if several}

    def locate(address: str) -> str:
        # Most pages state whole addresses, and a thousand of them.
        if not address.startswith(("https://", "http://")) or "#" in address or "@" in address:
            address = public_address(urljoin(url, address))
        return canonical(address)

    return Listing(
        name=name,
        index=index,
        distributions=PageFiles(releases, name=name, index=index, locate=locate),
        skipped=tuple(skipped),
        status=page.status,
        status_reason=page.status_reason,
    )


def _wheel_prefix(filename: str, name: str) -> tuple[str, Version | None]:
    """Return a wheel's name up to its version, and that; None for a version that is none of the project's."""
    project, _, rest = filename.partition("-")
    text, found, _ = rest.partition("-")
    prefix = f"{project}-{text}-"
    if not found or _project(project) != name:
        return prefix, None
    try:
        return prefix, parse_version(text)
    except InvalidVersion:
        return prefix, None


def _sdist_version(filename: str, name: str) -> Version | None:
    for suffix in (".tar.gz", ".zip"):
        if filename.endswith(suffix):
            project, found, text = filename.removesuffix(suffix).rpartition("-")
            if not found or canonicalize_name(project) != name:
                return None
            try:
                return parse_version(text)
            except InvalidVersion:
                return None
    return None


@lru_cache(maxsize=1 << 12)
def _project(text: str) -> str | None:
    """Return the normalized project in a wheel's name; None where it is none (PEP 427)."""
    if "__" in text or re.match(r"^[\w\d._]*$", text, re.UNICODE) is None:
        return None
    return canonicalize_name(text)


@lru_cache(maxsize=1 << 14)
def _are_tags(rest: str) -> bool:
    """Tell whether what follows project and version in a wheel's name is a build tag and a tag set."""
    try:
        parse_wheel_filename(f"a-1-{rest}")
    except InvalidWheelFilename:
        return False
    return True


def _parse_json(body: bytes) -> Page:
    from envfit.index.page_json import decode_page

    decoded = decode_page(body)
    if decoded is not None and (decoded.meta.api_version or "1.").startswith("1."):
        said = decoded.project_status
        return Page(
            files=decoded.files,
            status=said.status if said.status != "active" else None,
            status_reason=said.reason,
        )
    # Something in it is not as it should be: what can be read is read, and what cannot is said.
    import json

    try:
        page = json.loads(body)
    except ValueError as error:
        raise NotAPageError(f"it is no complete JSON ({error})") from error
    if not isinstance(page, dict) or not isinstance(page.get("files"), list):
        raise NotAPageError("it lists no files")
    meta = page.get("meta")
    api = str(meta.get("api-version", "")) if isinstance(meta, dict) else ""
    if api and not api.startswith("1."):
        raise NotAPageError(f"it speaks version {api} of the Simple API, envfit speaks version 1")
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
            raise NotAPageError("a file in it is no table")
        url, filename = file.get("url"), file.get("filename")
        if not isinstance(url, str) or not isinstance(filename, str):
            raise NotAPageError("a file in it has no name or no address")
        hashes, size, yanked = file.get("hashes"), file.get("size"), file.get("yanked")
        requires_python, uploaded = file.get("requires-python"), file.get("upload-time")
        yield File(
            filename=filename,
            url=url,
            sha256=sha256_of(hashes.get("sha256")) if isinstance(hashes, dict) else None,
            size=size if isinstance(size, int) else None,
            upload_time=uploaded if isinstance(uploaded, str) else None,
            requires_python=requires_python if isinstance(requires_python, str) else None,
            # PEP 691: a boolean or a reason that is not empty.
            yanked=yanked if isinstance(yanked, str) and yanked else "" if yanked is True else None,
            metadata_sha256=_sidecar(file.get("core-metadata", file.get("dist-info-metadata"))),
        )


def _sidecar(value: object) -> str | None:
    """Return the sha256 of a metadata file, "" where it has none, None where there is no such file."""
    if isinstance(value, dict):
        return sha256_of(value.get("sha256")) or ""
    return "" if value is True else None
