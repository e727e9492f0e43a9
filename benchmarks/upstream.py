"""The index that is recorded: what a recording does not know yet is fetched from it."""

from __future__ import annotations

import io
import json
import os
import threading
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import requests
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from requests.adapters import HTTPAdapter

from benchmarks.answers import Request, byte_range
from benchmarks.recording import PartialFile, Recording
from benchmarks.simple_page import dumped, recorded, version_of
from envfit.index.configuration import configured_indexes

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["Upstream"]

_JSON = "application/vnd.pypi.simple.v1+json"
_PIECE = 64 << 10  # bytes that are fetched of a file at least, and at the end of each wheel
_LARGEST = 64 << 20  # bytes of the largest file that is recorded whole
_WORKERS = 16
_SECONDS = 120.0


class Upstream:
    """Fetches into a recording; safe to use from several threads."""

    def __init__(self, recording: Recording, *, whole: bool = False) -> None:
        """Take the recording to fill; ``whole``: wheels are recorded whole, not their ends alone."""
        configuration = configured_indexes(os.environ, home=Path.home(), cwd=Path.cwd())
        self._index = configuration.default.rstrip("/")
        self._recording = recording
        self._whole = whole
        self._session = requests.Session()
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=3, pool_maxsize=2 * _WORKERS))
        self._addresses: dict[str, str] = {}  # filename -> where it is
        self._sizes: dict[str, int] = {}
        self._hosts = {urlsplit(self._index).netloc}
        self._asked: set[str] = set()  # names of which the page was fetched
        self._read: set[str] = set()  # wheels that somebody asked for
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def obtain(self, request: Request) -> None:
        """Fetch what the answer to a request needs; nothing where the index has no such thing."""
        if request.path.startswith("/simple/"):
            self.page(canonicalize_name(request.path.removeprefix("/simple/").strip("/")))
            return
        filename = request.path.rpartition("/")[2]
        self._read.add(filename.removesuffix(".metadata"))
        if filename.endswith(".metadata"):
            self.metadata(filename.removesuffix(".metadata"))
        else:
            self.file(filename, request)

    def page(self, name: str) -> None:
        """Fetch the page of a project, and learn where its files are."""
        with self._locks[name]:
            if name in self._asked or not name:
                return
            answer = self._session.get(f"{self._index}/{name}/", headers={"Accept": _JSON}, timeout=_SECONDS)
            self._asked.add(name)
            if answer.status_code == requests.codes.not_found:
                self._recording.absent.add(name)
                return
            answer.raise_for_status()
            document = answer.json()
            for file in document["files"]:
                file["url"] = urljoin(answer.url, file["url"])
                self._addresses[file["filename"]] = file["url"]
                self._sizes[file["filename"]] = file["size"]
                self._hosts.add(urlsplit(file["url"]).netloc)
            page = dumped(recorded(document, date=self._recording.date))
            self._recording.pages[name] = self._without_hosts(page)

    def metadata(self, wheel: str) -> None:
        """Read the core metadata of a wheel, and with it the end of the wheel."""
        with self._locks[wheel]:
            if wheel in self._recording.metadata or not self._locate(wheel):
                return
            size = self._sizes[wheel]
            whole = self._whole and size <= _LARGEST
            self._bytes(wheel, 0 if whole else max(0, size - _PIECE), size)
            with zipfile.ZipFile(io.BufferedReader(_Remote(self, wheel, size))) as archive:
                member = next(
                    name
                    for name in archive.namelist()
                    if name.count("/") == 1 and name.endswith(".dist-info/METADATA")
                )
                self._recording.metadata[wheel] = self._without_hosts(archive.read(member))

    def file(self, filename: str, request: Request) -> None:
        """Fetch the part of a file that a request asks for, or the whole where that is not too large."""
        with self._locks[filename]:
            if not self._locate(filename):
                return
            size = self._sizes[filename]
            known = self._recording.files.setdefault(filename, PartialFile(size=size))
            if request.method == b"HEAD":
                return
            part = byte_range(request.headers.get(b"range", b"").decode("ascii"), size)
            if part is not None:
                self._bytes(filename, part.start, part.stop)
            elif size <= _LARGEST or known.known == size:
                self._bytes(filename, 0, size)

    def deepen(self, *, python: str, glibc: str, releases: int) -> None:
        """Read the metadata of releases that nobody asked for, but a tool that looks further might.

        Of every project: the newest releases, and those on both sides of one that was read.
        """
        tags = _tags(python, glibc)
        wheels: list[str] = []
        for page in list(self._recording.pages.values()):
            fitting = list(_by_release(json.loads(page)["files"], python, tags))
            read = [not self._read.isdisjoint(its) for its in fitting]
            for number, its in enumerate(fitting):
                near = any(read[max(0, number - releases // 2) : number + releases // 2 + 1])
                wheels += its if near or number < releases else []
        with ThreadPoolExecutor(_WORKERS) as pool:
            for wheel, failure in zip(wheels, pool.map(self._tried, wheels), strict=True):
                if failure:
                    print(f"{wheel}: {failure}")

    def _tried(self, wheel: str) -> str:
        try:
            self.metadata(wheel)
        except (OSError, StopIteration, zipfile.BadZipFile) as error:
            return repr(error)
        return ""

    def _locate(self, filename: str) -> bool:
        """Tell whether the index has a file, asking for the page of its project where need be."""
        if filename not in self._addresses:
            try:
                parse = parse_wheel_filename if filename.endswith(".whl") else parse_sdist_filename
                name = parse(filename)[0]
            except (InvalidSdistFilename, InvalidWheelFilename):
                return False
            self.page(name)
        return filename in self._addresses

    def _bytes(self, filename: str, start: int, stop: int) -> bytes:
        """Return bytes of a file, fetched where they are not known; the caller holds its lock."""
        size = self._sizes[filename]
        file = self._recording.files.setdefault(filename, PartialFile(size=size))
        known = file.read(start, stop)
        if known is not None:
            return known
        end = min(size, max(stop, start + _PIECE))
        headers = {"Range": f"bytes={start}-{end - 1}", "Accept-Encoding": "identity"}
        answer = self._session.get(self._addresses[filename], headers=headers, timeout=_SECONDS)
        answer.raise_for_status()
        file.add(start if answer.status_code == requests.codes.partial_content else 0, answer.content)
        return file.read(start, stop) or b""

    def _without_hosts(self, text: bytes) -> bytes:
        """Overwrite the names of the index, letter for letter, so that nothing changes its size."""
        for host in self._hosts:
            text = text.replace(host.encode(), b"index.example".rjust(len(host), b"x")[-len(host) :])
        return text


class _Remote(io.RawIOBase):
    """A file of an index, read through a recording."""

    def __init__(self, upstream: Upstream, filename: str, size: int) -> None:
        super().__init__()
        self._upstream = upstream
        self._filename = filename
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._position = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[
            whence
        ] + offset
        return self._position

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        stop = min(self._size, self._position + len(view))
        body = self._upstream._bytes(self._filename, self._position, stop)  # noqa: SLF001 # one concept
        view[: len(body)] = body
        self._position += len(body)
        return len(body)


def _by_release(files: Iterable[dict[str, Any]], python: str, tags: frozenset[Tag]) -> Iterator[list[str]]:
    """Yield the wheels of each release that fit a Python and a platform, those of the newest first."""
    fitting: dict[Any, list[str]] = {}
    for file in files:
        version = version_of(file["filename"])
        if (
            file["filename"].endswith(".whl")
            and version is not None
            and not version.is_prerelease
            and not file["yanked"]
            and _serves(file.get("requires-python"), python)
            and not tags.isdisjoint(parse_wheel_filename(file["filename"])[3])
        ):
            fitting.setdefault(version, []).append(file["filename"])
    for version in sorted(fitting, reverse=True):
        yield fitting[version]


def _serves(bound: str | None, python: str) -> bool:
    try:
        return not bound or SpecifierSet(bound).contains(f"{python}.9")
    except InvalidSpecifier:
        return True


def _tags(python: str, glibc: str) -> frozenset[Tag]:
    major, minor = map(int, glibc.split("."))
    platforms = [f"manylinux_{major}_{number}_x86_64" for number in range(minor, 4, -1)]
    platforms += ["manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64", "linux_x86_64"]
    version = tuple(map(int, python.split(".")))
    interpreter = f"cp{python.replace('.', '')}"
    return frozenset(
        [*cpython_tags(version, platforms=platforms), *compatible_tags(version, interpreter, platforms)]
    )
