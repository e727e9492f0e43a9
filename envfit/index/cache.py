"""The cache on disk: pages of indexes, what was read from them, and sdists that must be built.

Layout, under the directory given; a bucket whose format changes gets a new number::

    pages-v1-N/X/KEY      what is known of a page, as a record: address, content type and
                           encoding, ETag, Last-Modified, time fetched, seconds of
                           freshness, whether it exists, sha256 of the body
    bodies-v1/X/KEY       the body of the page, as it came
    records-v1-N/X/KEY    what was made of an input that never changes: the selection from
                           a page for a target, the metadata of a file
    metadata-v2-N/X/KEY   a record (how it was obtained, core metadata as text); immutable
    sdists-v1/X/KEY/NAME  a source distribution; immutable
    wheels-v1/X/KEY/NAME  a prebuilt wheel of a release page, under its hash; immutable

A record is the sha256 of what follows, in hexadecimal, a line end, and plain values as
``marshal`` writes them: read in microseconds, by the versions of Python that share its
format N.  KEY is the sha256 of what identifies the entry (address and Accept header;
hash of the file, or its address where no hash is known), X its first digit.

The cache never fails: a damaged entry counts as absent and is replaced, and a
directory that cannot be written is reported once and not used.
"""

from __future__ import annotations

import hashlib
import marshal
import os
import threading
import zlib
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from envfit.frozen import frozen

__all__ = ["Cache", "CachedMetadata", "CachedPage", "decoded", "default_cache_dir"]

_PAGES, _RECORDS, _METADATA = (
    f"{bucket}-{marshal.version}" for bucket in ("pages-v1", "records-v1", "metadata-v2")
)


@frozen
class CachedPage:
    """What an index answered for one project; its body is kept beside it."""

    url: str  # final address of the page
    content_type: str
    encoding: str  # of the body, as HTTP names it; empty where it is as it is
    fetched: float  # seconds since the epoch
    max_age: float  # seconds
    sha256: str  # of the body: the identity of the page
    etag: str | None = None
    last_modified: str | None = None
    exists: bool = True  # False where the index does not have the name

    def is_fresh(self, now: float) -> bool:
        """Tell whether it may be used without asking the index."""
        return self.fetched <= now < self.fetched + self.max_age


@frozen
class CachedMetadata:
    """Core metadata of one distribution, as text."""

    body: bytes
    source: str  # how it was obtained


def default_cache_dir(environ: Mapping[str, str], *, home: Path) -> Path:
    """Return ``ENVFIT_CACHE_DIR``, else envfit's folder in the user's cache directory (XDG)."""
    if environ.get("ENVFIT_CACHE_DIR"):
        return Path(environ["ENVFIT_CACHE_DIR"])
    return Path(environ.get("XDG_CACHE_HOME") or home / ".cache") / "envfit"


class Cache:
    """Entries under one directory; safe to use from several threads and processes."""

    def __init__(self, directory: Path, *, notify: Callable[[str], None] = lambda _: None) -> None:
        self.directory = directory
        self._notify = notify
        self._lock = threading.Lock()
        self._writable = True
        self._written = 0
        #: Until when every page that was taken from here may be, in seconds since the epoch.
        self.fresh_until = float("inf")
        self._made: set[str] = set()  # directories
        self._change = threading.Condition()
        self._writing = threading.Lock()  # held while an entry is written
        self._pending: dict[str, bytes] = {}  # what is still to be written, by path
        self._writer: threading.Thread | None = None

    def page(self, key: str) -> CachedPage | None:
        """Return what is kept of a page under a key."""
        values = self._read_record(self._path(_PAGES, key))
        try:
            return CachedPage(
                url=values["url"],
                content_type=values["content_type"],
                encoding=values["encoding"],
                fetched=values["fetched"],
                max_age=values["max_age"],
                sha256=values["sha256"],
                etag=values["etag"],
                last_modified=values["last_modified"],
                exists=values["exists"],
            )
        except (KeyError, TypeError):
            return None

    def body(self, key: str, page: CachedPage) -> bytes | None:
        """Return the body of a page, decoded; None where it is not there, or is another's."""
        body = self._read(self._path("bodies-v1", key))
        if body is None:
            return None
        if hashlib.sha256(body).hexdigest() != page.sha256:
            return None
        return decoded(body, page.encoding)

    def store_page(self, key: str, page: CachedPage, body: bytes | None) -> None:
        """Keep a page, replacing an older one; without a body the one that is there stays."""
        if body is not None:
            self._write(self._path("bodies-v1", key), body)
        values = {item.name: getattr(page, item.name) for item in fields(page)}
        self._write_record(self._path(_PAGES, key), values)

    def record(self, key: str) -> object:
        """Return what was made of an input that never changes; None where nothing is kept."""
        return self._read_record(self._path(_RECORDS, key))

    def store_record(self, key: str, values: Any) -> None:
        """Keep plain values: numbers, texts, None, and tuples, lists and dicts of them."""
        self._write_record(self._path(_RECORDS, key), values)

    def metadata(self, key: str) -> CachedMetadata | None:
        """Return the core metadata kept under a key."""
        values = self._read_record(self._path(_METADATA, key))
        try:
            return CachedMetadata(body=values["body"], source=values["source"])
        except (KeyError, TypeError):
            return None

    def store_metadata(self, key: str, metadata: CachedMetadata) -> None:
        """Keep core metadata."""
        values = {"source": metadata.source, "body": metadata.body}
        self._write_record(self._path(_METADATA, key), values)

    def sdist(self, key: str, filename: str) -> Path | None:
        """Return the path of a kept source distribution."""
        return self._file("sdists-v1", key, filename)

    def wheel(self, sha256: str, filename: str) -> Path | None:
        """Return the path of a kept wheel."""
        return self._file("wheels-v1", sha256, filename)

    def store_sdist(self, key: str, path: Path) -> Path:
        """Move a source distribution in, and return where it is now.

        Returns the path as it was where the cache cannot be written.
        """
        return self._store_file("sdists-v1", key, path)

    def store_wheel(self, sha256: str, path: Path) -> Path:
        """Move a wheel in, as ``store_sdist`` does."""
        return self._store_file("wheels-v1", sha256, path)

    def _file(self, bucket: str, key: str, filename: str) -> Path | None:
        path = Path(self._path(bucket, key), filename)
        return path if path.is_file() else None

    def _store_file(self, bucket: str, key: str, path: Path) -> Path:
        kept = Path(self._path(bucket, key), path.name)
        temporary = kept.with_name(self._temporary_name())
        try:
            kept.parent.mkdir(parents=True, exist_ok=True)
            with path.open("rb") as source, temporary.open("wb") as copy:
                while piece := source.read(1 << 20):
                    copy.write(piece)
            temporary.replace(kept)
        except OSError as error:
            self._give_up(error)
            return path
        path.unlink(missing_ok=True)
        return kept

    def _path(self, bucket: str, key: str) -> str:
        digest = hashlib.sha256(key.encode()).hexdigest()
        return f"{self.directory}/{bucket}/{digest[0]}/{digest}"

    def _read(self, path: str) -> bytes | None:
        with self._change:
            pending = self._pending.get(path)
        if pending is not None:
            return pending
        try:
            # Three for every package of a resolution: Path would take as long as all the rest.
            with open(path, "rb") as file:  # noqa: PTH123
                return file.read()
        except OSError:
            return None

    def _read_record(self, path: str) -> Any:
        content = self._read(path)
        # Read only what was written so: marshal trusts its input, and a run may have ended amid a file.
        if content is None or len(content) < 65:
            return None
        if hashlib.sha256(content[65:]).hexdigest().encode() != content[:64]:
            return None
        return marshal.loads(content[65:])  # noqa: S302 - see above

    def _write_record(self, path: str, values: Any) -> None:
        content = marshal.dumps(values)
        self._write(path, hashlib.sha256(content).hexdigest().encode() + b"\n" + content)

    def flush(self) -> None:
        """Return once all that was stored is on the disk; what is still to be written is written here.

        An interrupt may have come between storing something and telling that thread of it.
        """
        while self._write_next():
            pass

    def _write(self, path: str, content: bytes) -> None:
        """Have an entry written by the thread that writes; until then it is read from memory."""
        if not self._writable:
            return
        with self._change:
            self._pending[path] = content
            self._change.notify_all()
            if self._writer is None:
                self._writer = threading.Thread(target=self._write_all, name="envfit-cache", daemon=True)
                self._writer.start()

    def _write_all(self) -> None:
        while True:
            with self._change:
                while not self._pending:
                    self._change.wait()
            self._write_next()

    def _write_next(self) -> bool:
        """Write one entry, and tell whether there was one; nobody else writes meanwhile."""
        with self._writing:
            with self._change:
                path, content = next(iter(self._pending.items()), ("", b""))
            if not path:
                return False
            if self._writable:
                self._write_now(path, content)
            with self._change:
                if self._pending.get(path) is content:
                    del self._pending[path]
        return True

    def _write_now(self, path: str, content: bytes) -> None:
        directory = os.path.dirname(path)  # noqa: PTH120 - see _read_record
        try:
            if directory not in self._made:
                os.makedirs(directory, exist_ok=True)  # noqa: PTH103
                self._made.add(directory)
            with open(path, "wb") as file:  # noqa: PTH123
                file.write(content)
        except OSError as error:
            self._give_up(error)

    def _temporary_name(self) -> str:
        with self._lock:
            self._written += 1
            return f".{os.getpid()}-{self._written}-{os.urandom(4).hex()}"

    def _give_up(self, error: OSError) -> None:
        with self._lock:
            first, self._writable = self._writable, False
        if first:
            self._notify(f"working without a cache: {self.directory} cannot be written ({error.strerror})")


def decoded(body: bytes, encoding: str) -> bytes:
    """Return a body without its encoding, gzip or none; raises zlib.error where it is damaged."""
    return zlib.decompress(body, wbits=47) if encoding else body
