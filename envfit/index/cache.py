"""The cache on disk: answers of indexes, metadata, and sdists that must be built for theirs.

Layout, under the directory given; a bucket whose format changes gets a new number::

    listings-v1/XX/KEY     one JSON line (address, content type, ETag, Last-Modified,
                           time fetched, seconds of freshness, whether it exists,
                           sha256 of the body), then the body as it came
    metadata-v1/XX/KEY     one JSON line (how it was obtained, sha256 of the body),
                           then core metadata; immutable
    sdists-v1/XX/KEY/NAME  a source distribution; immutable

KEY is the sha256 of what identifies the entry (address and Accept header; hash of
the file, or its address where no hash is known), XX its first two digits.

The cache never fails: a damaged entry counts as absent and is replaced, and a
directory that cannot be written is reported once and not used.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Cache", "CachedListing", "CachedMetadata", "default_cache_dir"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedListing:
    """What an index answered for one project."""

    url: str  # final address of the page
    content_type: str
    body: bytes
    fetched: float  # seconds since the epoch
    max_age: float  # seconds
    etag: str | None = None
    last_modified: str | None = None
    exists: bool = True  # False where the index does not have the name

    def is_fresh(self, now: float) -> bool:
        """Tell whether it may be used without asking the index."""
        return self.fetched <= now < self.fetched + self.max_age


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedMetadata:
    """Core metadata of one distribution."""

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

    def listing(self, key: str) -> CachedListing | None:
        """Return the answer kept under a key."""
        entry = self._read(self._path("listings-v1", key))
        if entry is None:
            return None
        head, body = entry
        try:
            return CachedListing(
                url=str(head["url"]),
                content_type=str(head["content_type"]),
                body=body,
                fetched=float(str(head["fetched"])),
                max_age=float(str(head["max_age"])),
                etag=_text_or_none(head.get("etag")),
                last_modified=_text_or_none(head.get("last_modified")),
                exists=head["exists"] is True,
            )
        except (KeyError, ValueError):
            return None

    def store_listing(self, key: str, listing: CachedListing) -> None:
        """Keep an answer, replacing an older one."""
        head = {
            "url": listing.url,
            "content_type": listing.content_type,
            "fetched": listing.fetched,
            "max_age": listing.max_age,
            "etag": listing.etag,
            "last_modified": listing.last_modified,
            "exists": listing.exists,
        }
        self._write(self._path("listings-v1", key), head, listing.body)

    def metadata(self, key: str) -> CachedMetadata | None:
        """Return the core metadata kept under a key."""
        entry = self._read(self._path("metadata-v1", key))
        if entry is None:
            return None
        head, body = entry
        return CachedMetadata(body=body, source=str(head.get("source", "")))

    def store_metadata(self, key: str, metadata: CachedMetadata) -> None:
        """Keep core metadata."""
        self._write(self._path("metadata-v1", key), {"source": metadata.source}, metadata.body)

    def sdist(self, key: str, filename: str) -> Path | None:
        """Return the path of a kept source distribution."""
        path = self._path("sdists-v1", key) / filename
        return path if path.is_file() else None

    def store_sdist(self, key: str, path: Path) -> Path:
        """Move a source distribution in, and return where it is now.

        Returns the path as it was where the cache cannot be written.
        """
        kept = self._path("sdists-v1", key) / path.name
        temporary = kept.with_name(f".{kept.name}.{os.getpid()}.{threading.get_ident()}")
        try:
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, temporary)
            temporary.replace(kept)
        except OSError as error:
            self._give_up(error)
            return path
        path.unlink(missing_ok=True)
        return kept

    def _path(self, bucket: str, key: str) -> Path:
        digest = hashlib.sha256(key.encode()).hexdigest()
        return self.directory / bucket / digest[:2] / digest

    @staticmethod
    def _read(path: Path) -> tuple[Mapping[str, object], bytes] | None:
        try:
            line, _, body = path.read_bytes().partition(b"\n")
            head = json.loads(line)
        except (OSError, ValueError):
            return None
        if not isinstance(head, dict) or head.get("sha256") != hashlib.sha256(body).hexdigest():
            return None
        return head, body

    def _write(self, path: Path, head: Mapping[str, object], body: bytes) -> None:
        if not self._writable:
            return
        line = json.dumps({**head, "sha256": hashlib.sha256(body).hexdigest()})
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(line.encode() + b"\n" + body)
                Path(temporary).replace(path)
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        with self._lock:
            first, self._writable = self._writable, False
        if first:
            self._notify(f"working without a cache: {self.directory} cannot be written ({error.strerror})")


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None
