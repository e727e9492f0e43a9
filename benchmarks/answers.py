"""What a recorded index answers: requests in, complete HTTP answers out; no sockets here."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import unquote

from packaging.utils import canonicalize_name

from benchmarks.recording import PartialFile, Recording
from benchmarks.simple_page import as_html, with_addresses, without_sidecars

__all__ = ["Answer", "Answers", "Request", "byte_range", "parse_request"]

_JSON = "application/vnd.pypi.simple.v1+json"
_HTML = "application/vnd.pypi.simple.v1+html"
_PAGE_AGE = b"Cache-Control: max-age=600, public\r\n"
_FOREVER = b"Cache-Control: max-age=365000000, immutable, public\r\n"
_COMPRESSION = 6


@dataclass(frozen=True, slots=True)
class Request:
    """One request, as far as it matters here; names of headers are in small letters."""

    method: bytes
    path: str
    headers: dict[bytes, bytes]

    @property
    def closes(self) -> bool:
        """Whether the client wants the connection closed after the answer."""
        return self.headers.get(b"connection", b"").lower() == b"close"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer as it goes over the wire, and what it is counted as."""

    kind: str
    head: bytes
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class _Page:
    """One form of one page."""

    etag: bytes
    whole: Answer
    unchanged: Answer


def parse_request(head: bytes) -> Request:
    """Parse what stands before the empty line; raises ValueError where it is no request."""
    first, *lines = head.split(b"\r\n")
    method, target, _ = first.split(b" ")
    headers = {}
    for line in lines:
        name, _, value = line.partition(b":")
        headers[name.lower()] = value.strip()
    path = target.decode("ascii").partition("?")[0].partition("#")[0]
    return Request(method, unquote(path) if "%" in path else path, headers)


@dataclass(slots=True, kw_only=True)
class Answers:
    """A recording as the server at ``root`` presents it.

    ``sidecars``: core metadata is advertised and served.  ``mirror``: a plain mirror, with
    HTML pages and whole files only.  What a client asks for and the recording does not
    know, though the index may have it, is answered 404 and kept in ``missed``.
    """

    recording: Recording
    root: str
    sidecars: bool = True
    mirror: bool = False
    counts: Counter[str] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)
    _pages: dict[tuple[str, bool, bool], _Page] = field(default_factory=dict)

    def build(self) -> None:
        """Build the pages in the form that most clients ask for, so that no request waits for it."""
        for name in self.recording.pages:
            self._page(name, html=self.mirror, compressed=True)

    def reset(self) -> None:
        """Count from zero."""
        self.counts.clear()
        self.missed.clear()

    def answer(self, request: Request) -> Answer:
        """Return the answer to a request, and count it."""
        if request.path.startswith("/-/"):
            return self._control(request.path)
        answer = self._found(request)
        if request.method == b"HEAD":
            answer = Answer(answer.kind, answer.head)
        self.counts["requests"] += 1
        self.counts["bytes"] += len(answer.head) + len(answer.body)
        self.counts[answer.kind] += 1
        return answer

    def _found(self, request: Request) -> Answer:
        if request.method not in {b"GET", b"HEAD"}:
            return _plain("refused", b"405 Method Not Allowed")
        if request.path.startswith("/simple/"):
            return self._project(request)
        filename = request.path.rpartition("/")[2]
        if not filename:
            return _plain("absent", b"404 Not Found")
        if filename.endswith(".metadata"):
            return self._metadata(filename.removesuffix(".metadata"))
        return self._file(filename, request)

    def _control(self, path: str) -> Answer:
        if path == "/-/reset":
            self.reset()
        elif path != "/-/counters":
            return _plain("control", b"404 Not Found")
        body = json.dumps({**self.counts, "missed": self.missed}).encode()
        return _answer("control", b"200 OK", b"Content-Type: application/json\r\n", body)

    def _project(self, request: Request) -> Answer:
        name, slash, rest = request.path.removeprefix("/simple/").partition("/")
        canonical = canonicalize_name(name)
        if name and (not slash or name != canonical) and not rest:
            location = f"Location: /simple/{canonical}/\r\n".encode()
            return _answer("redirect", b"301 Moved Permanently", location, b"")
        if rest or name not in self.recording.pages:
            if name not in self.recording.absent:
                self.missed.append(request.path)
            return _plain("absent", b"404 Not Found")
        html = self.mirror or not _prefers_json(request.headers.get(b"accept", b""))
        compressed = b"gzip" in request.headers.get(b"accept-encoding", b"")
        page = self._page(name, html=html, compressed=compressed)
        return page.unchanged if request.headers.get(b"if-none-match") == page.etag else page.whole

    def _page(self, name: str, *, html: bool, compressed: bool) -> _Page:
        key = (name, html, compressed)
        if key not in self._pages:
            body = self.recording.pages[name]
            if self.mirror or not self.sidecars:
                body = without_sidecars(body)
            body = with_addresses(body, self.root)
            self._pages[key] = _built_page(as_html(body) if html else body, html=html, compressed=compressed)
        return self._pages[key]

    def _metadata(self, wheel: str) -> Answer:
        body = self.recording.metadata.get(wheel) if self.sidecars and not self.mirror else None
        if body is None:
            if self.sidecars and not self.mirror:
                self.missed.append(f"{wheel}.metadata")
            return _plain("absent", b"404 Not Found")
        head = b"Content-Type: application/octet-stream\r\nAccept-Ranges: bytes\r\n" + _FOREVER
        return _answer("metadata", b"200 OK", head, body, etag=_etag(body))

    def _file(self, filename: str, request: Request) -> Answer:
        file = self.recording.files.get(filename)
        if file is None:
            self.missed.append(filename)
            return _plain("absent", b"404 Not Found")
        head = b"Content-Type: application/octet-stream\r\n" + _FOREVER
        ranged = request.headers.get(b"range") if not self.mirror else None
        if not self.mirror:
            head += b"Accept-Ranges: bytes\r\n"
        part = None if ranged is None else byte_range(ranged.decode("ascii"), file.size)
        if part is not None and not part:
            head += b"Content-Range: bytes */%d\r\n" % file.size
            return _answer("file", b"416 Range Not Satisfiable", head, b"")
        if part is not None:
            return self._part(filename, file, part, head)
        body = file.read(0, file.size)
        if body is None and request.method == b"HEAD":
            return Answer("file", _head(b"200 OK", head, file.size, etag=_etag(filename.encode())))
        if body is None:
            self.missed.append(filename)
            return _plain("absent", b"404 Not Found")
        return _answer("file", b"200 OK", head, body, etag=_etag(filename.encode()))

    def _part(self, filename: str, file: PartialFile, part: range, head: bytes) -> Answer:
        body = file.read(part.start, part.stop)
        if body is None:
            self.missed.append(f"{filename} bytes {part.start}-{part.stop - 1}")
            return _plain("absent", b"404 Not Found")
        head += b"Content-Range: bytes %d-%d/%d\r\n" % (part.start, part.stop - 1, file.size)
        return _answer("part", b"206 Partial Content", head, body, etag=_etag(filename.encode()))


def _built_page(body: bytes, *, html: bool, compressed: bool) -> _Page:
    etag = _etag(body)
    head = b"Content-Type: %s\r\n" % (b"text/html; charset=utf-8" if html else _JSON.encode())
    head += _PAGE_AGE + b"Vary: Accept, Accept-Encoding\r\n"
    unchanged = _answer("unchanged", b"304 Not Modified", head, None, etag=etag)
    if compressed:
        head += b"Content-Encoding: gzip\r\n"
        body = gzip.compress(body, _COMPRESSION, mtime=0)
    return _Page(etag, _answer("page", b"200 OK", head, body, etag=etag), unchanged)


def _answer(kind: str, status: bytes, head: bytes, body: bytes | None, *, etag: bytes = b"") -> Answer:
    length = None if body is None else len(body)
    return Answer(kind, _head(status, head, length, etag=etag), body or b"")


def _head(status: bytes, head: bytes, length: int | None, *, etag: bytes) -> bytes:
    lines = b"HTTP/1.1 %s\r\n%s" % (status, head)
    if etag:
        lines += b"ETag: %s\r\n" % etag
    if length is not None:
        lines += b"Content-Length: %d\r\n" % length
    return lines + b"\r\n"


def _plain(kind: str, status: bytes) -> Answer:
    return _answer(kind, status, b"Content-Type: text/plain\r\n", status[4:] + b"\n")


def _etag(body: bytes) -> bytes:
    return b'"%s"' % hashlib.blake2b(body, digest_size=16).hexdigest().encode()


@lru_cache(maxsize=256)
def _prefers_json(accept: bytes) -> bool:
    """Tell whether JSON is the best of what an Accept header asks for; HTML where it is as good."""
    quality = {_JSON: 0.0, _HTML: 0.0, "text/html": 0.0}
    for item in accept.decode("latin-1").split(","):
        kind, *parameters = (text.strip().lower() for text in item.split(";"))
        if kind == "application/vnd.pypi.simple.latest+json":
            kind = _JSON
        if kind in quality:
            weights = [text[2:] for text in parameters if text.startswith("q=")]
            quality[kind] = float(weights[0]) if weights else 1.0
    return quality[_JSON] > 0 and quality[_JSON] >= max(quality[_HTML], quality["text/html"])


def byte_range(header: str, size: int) -> range | None:
    """Return the bytes that a Range header asks for, none of them where it asks beyond the end.

    None where the whole file is to be sent (RFC 9110): several ranges, or no range at all.
    """
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", header)
    if match is None or header == "bytes=-":
        return None
    if not match[1]:
        return range(max(0, size - int(match[2])), size)
    last = int(match[2]) if match[2] else size - 1
    return range(int(match[1]), min(last + 1, size))
