"""The package indexes in use, as one object: listings and metadata, each fetched once.

Ordinary indexes are asked in order, and the first that has a name is the only
one that serves it, so that nothing private is taken from a public index.  An
index that fails is an error, never "not found".  Names routed to an index of
variants have its pages besides.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from packaging.utils import canonicalize_name
from packaging.version import Version

from envfit.distribution import Distribution, Listing, Metadata, Sdist
from envfit.errors import RequirementError
from envfit.index.cache import Cache
from envfit.index.configuration import IndexConfiguration
from envfit.index.direct import DirectSource, Opened
from envfit.index.metadata import MetadataReader, NeedsBuild
from envfit.index.once import Once
from envfit.index.session import ABSENT, Session
from envfit.index.simple import SimpleIndex
from envfit.reference import DirectReference

__all__ = ["WORKERS", "Build", "PackageIndex", "StaticMetadataOf"]

#: Requests made at the same time, at most.
WORKERS = 16

#: Metadata known without reading the distribution; None where it is not known.
StaticMetadataOf = Callable[[str, Version], Metadata | None]
#: Metadata of a downloaded source distribution by a build of it.
Build = Callable[[Path, Sdist], Metadata]

# Pages of variants are served from plain storage, which says 403 for what it does not have.
_ABSENT_PAGE = ABSENT | {403}


class PackageIndex:
    """Listings and metadata from the indexes in use; safe to use from several threads."""

    def __init__(
        self,
        *,
        session: Session,
        cache: Cache,
        configuration: IndexConfiguration,
        routed: Mapping[str, tuple[str, ...]] | None = None,
        static_metadata: StaticMetadataOf | None = None,
        build: Build | None = None,
        direct: DirectSource | None = None,
        notify: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Take the parts; the session is closed with this object.

        ``routed`` gives, for a normalized name, the addresses of the pages of
        variants that have it.  ``static_metadata`` is consulted before a source
        distribution is downloaded, ``build`` where only a build states metadata;
        ``direct`` opens direct references.
        """
        self._session = session
        self._notify = notify
        self._reader = MetadataReader(session, cache, notify=notify)
        self._ordinary = tuple(
            SimpleIndex(url, session=session, cache=cache) for url in configuration.search_order
        )
        self._routed: dict[str, tuple[SimpleIndex, ...]] = {
            canonicalize_name(name): tuple(
                SimpleIndex(url, session=session, cache=cache, absent=_ABSENT_PAGE) for url in urls
            )
            for name, urls in (routed or {}).items()
        }
        self._static_metadata = static_metadata
        self._direct = direct
        self._opened: dict[str, Opened] = {}
        self._build = build
        self._lock = threading.Lock()
        self._listings: dict[str, Once[tuple[Listing, ...]]] = {}
        self._metadata: dict[str, Once[Metadata]] = {}
        self._workers = ThreadPoolExecutor(max_workers=WORKERS, thread_name_prefix="envfit-index")

    def open(self, reference: DirectReference) -> Opened:
        """Fetch what a direct reference names; from now on its name comes from there and nowhere else.

        Raises SourceError, BadMetadata and what a build raises, and RequirementError
        where another reference of that name was opened before.
        """
        if self._direct is None:
            raise RequirementError(f"{reference}: direct references are not opened here")
        opened = self._direct.open(reference)
        name = opened.distribution.name
        known = self._opened.setdefault(name, opened).distribution.reference
        if known is None or not known.is_same_source(opened.distribution.reference or reference):
            raise RequirementError(f"{name} is asked for from {known} and from {reference}")
        return self._opened[name]

    def listing(self, name: str) -> tuple[Listing, ...]:
        """Return the listing of the first index that has the name, then those of its variant pages.

        Of a name that a direct reference was opened for, what it names alone.  Empty
        where no index has the name.  Raises SourceError where an index fails.
        """
        name = canonicalize_name(name)
        if name in self._opened:
            return (Listing(name=name, index="", distributions=(self._opened[name].distribution,)),)
        return self._listing(name).get()

    def metadata(self, distribution: Distribution) -> Metadata:
        """Return the metadata of a distribution.

        Raises BadMetadata where it cannot be used, NeedsBuild (BuildNotPossible
        included) where only a build states it, SourceError where the index fails.
        """
        if distribution.reference is not None:
            return self._opened[distribution.name].metadata
        return self._metadata_of(distribution).get()

    def prefetch(self, names: Iterable[str]) -> None:
        """Begin to fetch listings; a failure is raised to whoever asks for the listing."""
        for name in names:
            if canonicalize_name(name) in self._opened:
                continue
            self._begin(self._listing(canonicalize_name(name)))

    def prefetch_metadata(self, distributions: Iterable[Distribution]) -> None:
        """Begin to fetch metadata; a failure is raised to whoever asks for it."""
        for distribution in distributions:
            if distribution.reference is not None:
                continue
            self._begin(self._metadata_of(distribution))

    def close(self) -> None:
        """Stop fetching ahead, close connections and delete temporary files."""
        self._workers.shutdown(wait=False, cancel_futures=True)
        self._session.close()
        self._reader.close()

    def __enter__(self) -> PackageIndex:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _listing(self, name: str) -> Once[tuple[Listing, ...]]:
        with self._lock:
            return self._listings.setdefault(name, Once(lambda: self._fetch_listing(name)))

    def _metadata_of(self, distribution: Distribution) -> Once[Metadata]:
        with self._lock:
            return self._metadata.setdefault(
                distribution.url, Once(lambda: self._fetch_metadata(distribution))
            )

    def _begin(self, value: Once[tuple[Listing, ...]] | Once[Metadata]) -> None:
        def fetch() -> None:
            with suppress(Exception):  # the value remembers it
                value.get()

        self._workers.submit(fetch)

    def _fetch_listing(self, name: str) -> tuple[Listing, ...]:
        listings = []
        for index in self._ordinary:
            listing = index.listing(name)
            if listing is not None:
                listings.append(listing)
                break
        pages = self._routed.get(name, ())
        found = [listing for page in pages if (listing := page.listing(name)) is not None]
        if pages and not found:
            # A mistyped address of a mirror looks just so.
            self._notify(f"no page of the index of variants at {pages[0].url} and its like has {name}")
        for listing in found:
            if all(listing.index != other.index for other in listings):
                listings.append(listing)
        return tuple(listings)

    def _fetch_metadata(self, distribution: Distribution) -> Metadata:
        if isinstance(distribution, Sdist) and self._static_metadata is not None:
            known = self._static_metadata(distribution.name, distribution.version)
            if known is not None:
                return known
        try:
            return self._reader.read(distribution)
        except NeedsBuild as needed:
            if self._build is None:
                raise
            return self._build(needed.path, needed.sdist)
