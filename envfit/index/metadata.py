"""The metadata of one distribution, by the cheapest way that its index offers.

A wheel: the file published beside it (PEP 658, 714), else a ranged read inside
it.  A source distribution: downloaded, and read where its metadata is static.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from envfit.address import is_local
from envfit.distribution import Distribution, Metadata, Sdist, Wheel
from envfit.errors import EnvfitError, SourceError
from envfit.index.archive_tail import TAIL_REQUEST
from envfit.index.cache import Cache, CachedMetadata
from envfit.index.core_metadata import BadMetadata, parse_core_metadata
from envfit.index.metadata_record import metadata_of, record_of, record_of_fault
from envfit.index.session import Session
from envfit.index.transfer import Transfer

if TYPE_CHECKING:
    import tempfile

__all__ = ["BadMetadata", "MetadataReader", "NeedsBuild", "identity"]

_OK = 200


class NeedsBuild(EnvfitError):  # noqa: N818 - it is a state of a candidate
    """The metadata of a source distribution is known only once it is built."""

    code = "metadata-needs-build"
    cause = "What a source distribution requires is known only once it is built, and it was not built."
    remedy = "Leave out --no-build, or take a release that has a wheel."

    def __init__(
        self, path: Path, sdist: Sdist, *, problem: str = "only a build states its metadata"
    ) -> None:
        super().__init__(f"{sdist.filename}: {problem}", details={"address": sdist.url})
        self.path = path  # the downloaded file
        self.sdist = sdist
        self.problem = problem


def identity(distribution: Distribution) -> str:
    """Return what a distribution's metadata is kept under: its hash, else its address."""
    if distribution.sha256 is not None:
        return f"sha256:{distribution.sha256}"
    return f"url:{distribution.url}"


class MetadataReader:
    """Reads metadata of distributions; safe to use from several threads."""

    def __init__(
        self, session: Session, cache: Cache, *, notify: Callable[[str], None] = lambda _: None
    ) -> None:
        self._session = session
        self._cache = cache
        self._notify = notify
        self._lock = threading.Lock()
        self._directory: tempfile.TemporaryDirectory[str] | None = None
        self._found: dict[str, object] = {}  # records that are read and not asked for yet, by address

    def start(self, distribution: Distribution) -> Transfer | None:
        """Begin to fetch what states the metadata of a wheel; None where nothing has to come, or only can."""
        if isinstance(distribution, Sdist) or self.is_kept(distribution):
            return None
        if distribution.metadata_sha256 is not None:
            return self._session.start(_beside(distribution), {"Accept-Encoding": "gzip"})
        return self._session.start(distribution.url, TAIL_REQUEST)

    def is_kept(self, distribution: Distribution) -> bool:
        """Tell whether the cache has the metadata of a distribution."""
        found = self._kept(distribution)
        if found is not None:
            self._found[distribution.url] = found
        return found is not None

    def read(self, distribution: Distribution, ahead: Transfer | None = None) -> Metadata:
        """Return the metadata of a wheel or source distribution.

        ``ahead`` is what ``start`` began, complete.  Raises BadMetadata where what is
        found cannot be used, NeedsBuild where only a build states it, SourceError
        where the index fails.
        """
        kept = self._found.pop(distribution.url, None) or self._kept(distribution)
        if kept is not None:
            return metadata_of(kept, distribution)
        # A file on a disk may be replaced by another; only its hash says which one it is.
        lasting = distribution.sha256 is not None or not is_local(distribution.url)
        try:
            if isinstance(distribution, Sdist):
                metadata = self._static_metadata(distribution)
            else:
                metadata = self._of_wheel(distribution, ahead)
        except BadMetadata as bad:
            # Only a hash says that it is bad for ever.
            if distribution.sha256 is not None:
                self._cache.store_record(_key(distribution), record_of_fault(bad))
            raise
        if lasting:
            self._cache.store_record(_key(distribution), record_of(metadata))
        return metadata

    def _kept(self, distribution: Distribution) -> object:
        if distribution.sha256 is None and is_local(distribution.url):
            return None
        return self._cache.record(_key(distribution))

    def _of_wheel(self, wheel: Wheel, ahead: Transfer | None) -> Metadata:
        kept = self._beside(wheel, ahead) or self._inside(wheel, ahead)
        return parse_core_metadata(kept.body, wheel, source=kept.source)

    def close(self) -> None:
        """Delete what was downloaded outside of the cache."""
        with self._lock:
            if self._directory is not None:
                self._directory.cleanup()
                self._directory = None

    def _beside(self, wheel: Wheel, ahead: Transfer | None) -> CachedMetadata | None:
        """Return the metadata file published beside a wheel; None where it is not there or not right."""
        if wheel.metadata_sha256 is None:
            return None
        body = ahead.plain if ahead is not None and ahead.status == _OK else None
        if body is None:
            response = self._session.get(_beside(wheel))
            body = response.body if response is not None else None
        if body is None:
            return None
        if wheel.metadata_sha256 not in {"", hashlib.sha256(body).hexdigest()}:
            return None
        return CachedMetadata(body=body, source=f"the metadata file beside {wheel.filename}")

    def _inside(self, wheel: Wheel, ahead: Transfer | None) -> CachedMetadata:
        from envfit.index.archive import RemoteFile
        from envfit.index.wheel_metadata import metadata_in_wheel

        tail = ahead if ahead is not None and ahead.url == wheel.url else None
        with RemoteFile(
            self._session, wheel.url, sha256=wheel.sha256, tail=tail, notify=self._notify
        ) as file:
            body = metadata_in_wheel(file, wheel)
        return CachedMetadata(body=body, source=f"METADATA in {wheel.filename}")

    def _static_metadata(self, sdist: Sdist) -> Metadata:
        key = identity(sdist)
        path = self._cache.sdist(key, sdist.filename)
        if path is not None:  # kept only because it needs a build
            raise NeedsBuild(path, sdist)
        path = self._downloaded(sdist)
        keep = False
        try:
            from envfit.index.source_tree import read_static_metadata

            metadata = read_static_metadata(path, sdist)
            keep = metadata is None
        finally:
            if not keep:
                path.unlink()
        if metadata is None:
            raise NeedsBuild(self._cache.store_sdist(key, path), sdist)
        return metadata

    def _downloaded(self, sdist: Sdist) -> Path:
        import tempfile

        from envfit.index.download import download

        with self._lock:
            if self._directory is None:
                self._directory = tempfile.TemporaryDirectory(prefix="envfit-")
            folder = Path(tempfile.mkdtemp(dir=self._directory.name))
        path = folder / sdist.filename
        try:
            with path.open("w+b") as file:
                download(self._session, sdist.url, file, sha256=sdist.sha256, notify=self._notify)
        except OSError as error:
            raise SourceError(f"{sdist.filename} cannot be written to {folder}: {error.strerror}") from error
        return path


def _key(distribution: Distribution) -> str:
    return f"metadata {identity(distribution)}"


def _beside(wheel: Distribution) -> str:
    """Return the address of the metadata file beside a wheel: the suffix belongs to the path (PEP 658)."""
    path, separator, query = wheel.url.partition("?")
    return f"{path}.metadata{separator}{query}"
