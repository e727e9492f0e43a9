"""Prebuilt wheels on release pages: listed by what is known, asked for once one is chosen.

A release page states neither all of its files nor their hashes.  So what knowledge says may be
there is a candidate like any other, and the first to be chosen is asked for by its address.  What
is taken in the end is downloaded once, for its hash, and kept in the cache.

A release page is no index: where it cannot be reached nothing fails, and its wheels are out.
Nothing is asked of it before one of its wheels was chosen.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import Version

from envfit.address import origin
from envfit.distribution import Distribution, Listing, Metadata, Wheel
from envfit.errors import EnvfitError, SourceError
from envfit.index.cache import Cache
from envfit.index.session import Session, until_complete

if TYPE_CHECKING:
    from envfit.index.session import Stream

__all__ = ["FromRelease", "ReleasePages", "is_prebuilt"]

#: The wheels of a release, given by the name of its package, that may be on its page; the best first.
FromRelease = Callable[[str, Version], Iterable[Wheel]]


def is_prebuilt(distribution: Distribution) -> bool:
    """Tell whether a file is of a release page: of no index, and nobody named its address."""
    return isinstance(distribution, Wheel) and not distribution.index and distribution.reference is None


class ReleasePages:
    """The wheels of release pages, as far as they are there."""

    def __init__(
        self,
        session: Session,
        cache: Cache,
        *,
        serves: Callable[[str], bool],
        wheels: FromRelease,
        locked: Mapping[str, tuple[str, int]],
        notify: Callable[[str], None],
    ) -> None:
        """Take what may be there, and of which packages at all.

        ``locked`` are the hash and the size that a lock has for an address.
        """
        self.serves = serves
        self._session = session
        self._cache = cache
        self._wheels = wheels
        self._locked = locked
        self._notify = notify
        self._there: set[str] = set()  # addresses
        self._absent: set[str] = set()
        self._replaced: set[str] = set()  # files that are others than an earlier run fetched
        self._silent: set[tuple[str, str]] = set()  # servers that do not answer
        self._known: dict[str, tuple[str, int]] = {}  # hash and size, by address

    def listing(self, name: str, versions: Iterable[Version]) -> Listing | None:
        """Return what may be there of releases; None where nothing is."""
        found = tuple(self._of_releases(name, versions))
        return Listing(name=name, index="", distributions=found) if found else None

    def is_there(self, wheel: Wheel) -> bool:
        """Tell whether a wheel is there, asking its server once; where it is not, it is out from then on."""
        url = wheel.url
        if url not in self._there | self._absent:
            (self._there if self._ask(wheel) else self._absent).add(url)
        return url in self._there

    def fetch(self, wheel: Wheel) -> Wheel | None:
        """Return a wheel that is there with its hash, the file in the cache; None where it cannot be had."""
        known = self._hash_of(wheel.url)
        if known is None:
            try:
                known = self._download(wheel)
            except SourceError as error:
                self._notify(f"note: {wheel.filename} could not be fetched: {error.message}")
                self._there.discard(wheel.url)
                self._absent.add(wheel.url)
                return None
            self._cache.store_record(_key(wheel.url), known)
        self._known[wheel.url] = known
        return replace(wheel, sha256=known[0], size=known[1])

    def metadata(self, wheel: Wheel) -> Metadata | None:
        """Return the metadata in a wheel that was fetched; None where it is not here."""
        path = self._cache.wheel(wheel.sha256, wheel.filename) if wheel.sha256 is not None else None
        if path is None:
            return None
        from envfit.index.core_metadata import parse_core_metadata
        from envfit.index.wheel_metadata import metadata_in_wheel

        with path.open("rb") as file:
            body = metadata_in_wheel(file, wheel)
        return parse_core_metadata(body, wheel, source=f"METADATA in {wheel.filename}")

    def _of_releases(self, name: str, versions: Iterable[Version]) -> Iterator[Wheel]:
        for version in versions:
            for wheel in self._wheels(name, version):
                if wheel.url in self._absent or origin(wheel.url) in self._silent:
                    continue
                known = self._known.get(wheel.url)
                if known is None and self._session.offline:
                    known = self._hash_of(wheel.url)
                    if known is None:
                        continue
                yield replace(wheel, sha256=known[0], size=known[1]) if known is not None else wheel

    def _hash_of(self, url: str) -> tuple[str, int] | None:
        """Return what is known of the file at an address, by the lock that is renewed or an earlier run."""
        if url in self._locked:
            return self._locked[url]
        found = self._cache.record(_key(url)) if url not in self._replaced else None
        return found if isinstance(found, tuple) and len(found) == 2 else None

    def _ask(self, wheel: Wheel) -> bool:
        if self._session.offline:
            return self._hash_of(wheel.url) is not None
        server = origin(wheel.url)
        if server in self._silent:
            return False
        known = self._hash_of(wheel.url)
        try:
            if self._session.has(wheel.url, size=known[1] if known is not None else None):
                return True
            if (
                known is not None
                and wheel.url not in self._locked
                and self._session.has(wheel.url, size=None)
            ):
                self._replaced.add(wheel.url)
                return True
        except EnvfitError as error:
            self._silent.add(server)
            self._notify(f"note: no prebuilt {wheel.name} is taken: {error.message}")
            return False
        self._notify(f"note: there is no {wheel.filename} on its release page")
        return False

    def _download(self, wheel: Wheel) -> tuple[str, int]:
        """Return the hash and the size of a wheel, and keep the file."""

        def whole() -> tuple[str, int]:
            with self._session.stream(wheel.url, headers={"Accept-Encoding": "identity"}) as answer:
                if answer is None:
                    raise SourceError(f"{wheel.filename} is not there any more")
                return self._save(answer, wheel)

        return until_complete(whole)

    def _save(self, answer: Stream, wheel: Wheel) -> tuple[str, int]:
        size = f" ({answer.length / 1e6:.0f} MB)" if answer.length is not None else ""
        self._notify(f"downloading {wheel.filename}{size}: its release page states no hash")
        digest, length = hashlib.sha256(), 0
        try:
            with tempfile.TemporaryDirectory(prefix="envfit-") as folder:
                path = Path(folder) / wheel.filename
                with path.open("wb") as file:
                    for chunk in answer.chunks:
                        digest.update(chunk)
                        length += len(chunk)
                        file.write(chunk)
                self._cache.store_wheel(digest.hexdigest(), path)
        except OSError as error:
            raise SourceError(f"it cannot be written: {error.strerror}") from error
        return digest.hexdigest(), length


def _key(url: str) -> str:
    return f"prebuilt {url}"
