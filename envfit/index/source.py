"""The package indexes in use, as one object: selections and metadata, each fetched once.

Ordinary indexes are asked in order, and the first that has a name is the only
one that serves it, so that nothing private is taken from a public index.  An
index that fails is an error, never "not found".  Files of find-links stand beside
those of that index, and names of an index of variants have its pages besides.  A
name that the user routes to an index has that index and nothing else.
"""

from __future__ import annotations

import sys
import sysconfig
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name
from packaging.version import Version

from envfit.distribution import Distribution, Listing, Metadata, Sdist, Wheel
from envfit.errors import RequirementError, SourceError
from envfit.index.ahead import Ahead
from envfit.index.cache import Cache
from envfit.index.configuration import IndexConfiguration
from envfit.index.file_hash import with_hash
from envfit.index.find_links import FindLinks
from envfit.index.metadata import BadMetadata, MetadataReader, NeedsBuild
from envfit.index.once import Once
from envfit.index.release_pages import ReleasePages, is_prebuilt
from envfit.index.routing import route_of
from envfit.index.session import ABSENT, Session
from envfit.index.simple import SimpleIndex
from envfit.index.transfer import Transfer
from envfit.reference import DirectReference
from envfit.selection.candidates import Selection
from envfit.selection.select import Selector

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from envfit.index.direct import DirectSource, Opened

__all__ = ["WORKERS", "Build", "PackageIndex", "StaticMetadataOf"]

#: Requests made at the same time, at most.
WORKERS = 16

_OK = 200

_TURN = 0.0005  # seconds that a thread may go on while another wants to

#: Metadata known without reading the distribution; None where it is not known.
StaticMetadataOf = Callable[[str, Version], Metadata | None]
#: Metadata of a downloaded source distribution by a build of it.
Build = Callable[[Path, Sdist], Metadata]

# Pages of variants are served from plain storage, which says 403 for what it does not have.
_ABSENT_PAGE = ABSENT | {403}


class PackageIndex:
    """Selections and metadata from the indexes in use; for one thread, which may have others help."""

    def __init__(
        self,
        *,
        session: Session,
        cache: Cache,
        configuration: IndexConfiguration,
        routed: Mapping[str, tuple[str, ...]] | None = None,
        static_metadata: StaticMetadataOf | None = None,
        build: Build | None = None,
        direct: Callable[[], DirectSource] | None = None,
        releases: ReleasePages | None = None,
        notify: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Take the parts; the session is closed with this object.

        ``routed`` gives, for a normalized name, the addresses of the pages of
        variants that have it.  ``static_metadata`` is consulted before a source
        distribution is downloaded, ``build`` where only a build states metadata;
        ``direct`` gives what opens direct references; ``releases`` are release pages,
        which have further wheels of names that the user routes nowhere else.
        """
        self._session = session
        self._cache = cache
        self._notify = notify
        self._reader = MetadataReader(session, cache, notify=notify)
        self._configuration = configuration
        addresses = (*configuration.search_order, *(route.url for route in configuration.routes))
        self._indexes = {
            url: SimpleIndex(url, session=session, cache=cache) for url in dict.fromkeys(addresses)
        }
        self._find_links = {
            url: FindLinks(url, session=session, cache=cache) for url in configuration.find_links
        }
        self._variants: dict[str, tuple[SimpleIndex, ...]] = {
            canonicalize_name(name): tuple(
                SimpleIndex(url, session=session, cache=cache, absent=_ABSENT_PAGE) for url in urls
            )
            for name, urls in (routed or {}).items()
            if route_of(name, configuration.routes) is None
        }
        self._static_metadata = static_metadata
        self._direct = direct
        self._releases = releases
        self._opened: dict[str, Opened] = {}
        self._build = build
        self._lock = threading.Lock()
        self._without_hashes: set[str] = set()
        self._listings: dict[str, Once[tuple[Listing, ...]]] = {}
        self._selections: dict[tuple[str, str], Once[Selection]] = {}
        self._begun: set[str] = set()  # names and addresses that are fetched ahead
        self._page_transfers: dict[str, Transfer] = {}  # by name
        self._metadata_transfers: dict[str, Transfer] = {}  # by address
        self._ahead = Ahead(session)
        self._metadata: dict[str, Once[Metadata]] = {}
        self._workers: ThreadPoolExecutor | None = None

    def open(self, reference: DirectReference) -> Opened:
        """Fetch what a direct reference names; from now on its name comes from there and nowhere else.

        Raises SourceError, BadMetadata and what a build raises, and RequirementError
        where another reference of that name was opened before.
        """
        if self._direct is None:
            raise RequirementError(f"{reference}: direct references are not opened here")
        opened = self._direct().open(reference)
        name = opened.distribution.name
        known = self._opened.setdefault(name, opened).distribution.reference
        if known is None or not known.is_same_source(opened.distribution.reference or reference):
            raise RequirementError(f"{name} is asked for from {known} and from {reference}")
        return self._opened[name]

    def listing(self, name: str) -> tuple[Listing, ...]:
        """Return the listing of the first index that has the name, then those of its variant pages.

        Files of find-links are in the first.  Of a name that a direct reference was
        opened for, what it names alone.  Empty where no index has the name.  Raises
        SourceError where an index fails.
        """
        name = canonicalize_name(name)
        if name in self._opened:
            return (Listing(name=name, index="", distributions=(self._opened[name].distribution,)),)
        return self._listing(name).get()

    def allowed(self, name: str) -> tuple[str, ...]:
        """Return where a name may be taken from: the addresses that ``Distribution.index`` can have.

        An empty address where a direct reference says where the package is.
        """
        name = canonicalize_name(name)
        if name in self._opened:
            return ("",)
        sources: list[SimpleIndex | FindLinks] = [
            *(self._indexes[url] for url in self._configuration.indexes_for(name)),
            *(self._find_links[url] for url in self._configuration.find_links_for(name)),
            *self._variants.get(name, ()),
        ]
        addresses = [*(source.url for source in sources), *([""] if self._releases_of(name) else [])]
        return tuple(dict.fromkeys(addresses))

    def is_there(self, distributions: Iterable[Distribution]) -> bool:
        """Tell whether chosen files are where they are said to be; one that is not is listed no more."""
        gone = {
            item.name
            for item in distributions
            if isinstance(item, Wheel)
            and is_prebuilt(item)
            and (pages := self._releases_of(item.name)) is not None
            and not pages.is_there(item)
        }
        self._forget(gone)
        return not gone

    def fetch_prebuilt(self, distributions: Iterable[Distribution]) -> bool:
        """Fetch chosen files of release pages; tell whether something is known of them now that was not."""
        news = set()
        for item in distributions:
            pages = self._releases_of(item.name) if is_prebuilt(item) and item.sha256 is None else None
            if isinstance(item, Wheel) and pages is not None:
                pages.fetch(item)
                news.add(item.name)
                with self._lock:
                    self._metadata.pop(item.url, None)  # the file says it now
        self._forget(news)
        return bool(news)

    def metadata(self, distribution: Distribution) -> Metadata:
        """Return the metadata of a distribution.

        Raises BadMetadata where it cannot be used, NeedsBuild (BuildNotPossible
        included) where only a build states it, SourceError where the index fails.
        """
        if distribution.reference is not None:
            return self._opened[distribution.name].metadata
        value = self._metadata_of(distribution)
        self._ahead.wait_for(value)
        return value.get()

    def with_hash(self, distribution: Distribution) -> Distribution:
        """Return a distribution whose hash is known, read from the file where its index states none.

        Source trees have none, and archives that were opened have theirs.
        Raises SourceError where the file is not there.
        """
        if (
            distribution.sha256 is not None
            or distribution.reference is not None
            or is_prebuilt(distribution)  # it is fetched, once it is sure to be taken
        ):
            return distribution
        with self._lock:
            first = distribution.index not in self._without_hashes
            self._without_hashes.add(distribution.index)
        if first:
            self._notify(
                f"note: {distribution.index} states no hashes of files; "
                "the lock records those of the files as they are now"
            )
        return with_hash(distribution, session=self._session, notify=self._notify)

    def selection(self, name: str, selector: Selector) -> Selection:
        """Return what the selector selects from the listings of a name; raises as ``listing`` does."""
        return self._selection(canonicalize_name(name), selector).get()

    def prefetch(
        self, names: Iterable[str], selector: Selector, then: Callable[[str], None] | None = None
    ) -> None:
        """Begin to select; a failure is raised to whoever asks for the selection.

        ``then`` is called with each name at leisure, once its selection is at hand.
        """
        for name in map(canonicalize_name, names):
            if name in self._opened:
                continue
            value = self._selection(name, selector)
            if name not in self._begun:
                self._begun.add(name)
                if self._pages_of(name, selector) is None:
                    self._begin(value)
                else:
                    self._start_page(name)
            if then is not None:
                self._after(self._page_transfers.get(name), value, partial(then, name))

    def prefetch_metadata(
        self, distributions: Iterable[Distribution], then: Callable[[Distribution], None] | None = None
    ) -> None:
        """Begin to fetch metadata; a failure is raised to whoever asks for it.

        ``then`` is called with each distribution at leisure, once its metadata is at hand.
        """
        for distribution in distributions:
            if distribution.reference is not None:
                continue
            value, url = self._metadata_of(distribution), distribution.url
            if url not in self._begun:
                self._begun.add(url)
                if is_prebuilt(distribution):
                    continue
                if isinstance(distribution, Wheel):
                    transfer = self._reader.start(distribution)
                    if transfer is not None:
                        self._metadata_transfers[url] = transfer
                elif not self._reader.is_kept(distribution):
                    self._begin(value)
            if then is not None and isinstance(distribution, Wheel):
                self._after(self._metadata_transfers.get(url), value, partial(then, distribution))

    def close(self) -> None:
        """Stop fetching ahead, close connections and delete temporary files.

        What has come and was not asked for is kept: else it would be fetched again in each run.
        """
        for url, its in tuple(self._metadata_transfers.items()):
            if its.done and its.status == _OK:
                with suppress(Exception):  # nobody asked for it
                    self._metadata[url].get()
        for (name, _), value in tuple(self._selections.items()):
            transfer = self._page_transfers.get(name)
            if transfer is not None and transfer.done and transfer.status == _OK:
                with suppress(Exception):
                    value.get()
        if self._workers is not None:
            self._workers.shutdown(wait=False, cancel_futures=True)
        self._session.close()
        self._reader.close()
        self._cache.flush()

    def __enter__(self) -> PackageIndex:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _selection(self, name: str, selector: Selector) -> Once[Selection]:
        question = selector.question(name) or f"{id(selector)}"
        with self._lock:
            known = self._selections.get((name, question))
            if known is None:
                known = self._selections[name, question] = Once(lambda: self._select(name, selector))
            return known

    def _select(self, name: str, selector: Selector) -> Selection:
        pages = self._pages_of(name, selector)
        question = selector.question(name)
        if pages is None or question is None:
            return selector.select(name, self.listing(name))
        for place, page in enumerate(pages):
            is_begun = place == 0 and name in self._begun
            transfer = self._page_transfers.pop(name, None) if is_begun else page.start(name)
            if transfer is not None:
                self._ahead.wait(transfer)
            found = page.selection(name, selector, question, transfer)
            if found is not None:
                return found
        return selector.select(name, ())

    def _pages_of(self, name: str, selector: Selector) -> tuple[SimpleIndex, ...] | None:
        """Return the indexes that are asked for a name, in order, where pages of theirs are all there is."""
        if name in self._opened or name in self._variants or self._releases_of(name):
            return None
        if self._configuration.find_links_for(name):
            return None
        if selector.question(name) is None:
            return None
        pages = tuple(self._indexes[url] for url in self._configuration.indexes_for(name))
        return pages if all(page.is_remote for page in pages) else None

    def _start_page(self, name: str) -> None:
        first = next(iter(self._configuration.indexes_for(name)), None)
        transfer = self._indexes[first].start(name) if first is not None else None
        if transfer is not None:
            self._page_transfers[name] = transfer

    def _after(
        self, transfer: Transfer | None, value: Once[Selection] | Once[Metadata], act: Callable[[], None]
    ) -> None:
        def look() -> None:
            # What is being computed further up must not be waited for here.
            if value.is_there or not value.is_begun:
                value.get()
                act()

        self._ahead.after(transfer, look)

    def _listing(self, name: str) -> Once[tuple[Listing, ...]]:
        with self._lock:
            return self._listings.setdefault(name, Once(lambda: self._fetch_listing(name)))

    def _metadata_of(self, distribution: Distribution) -> Once[Metadata]:
        with self._lock:
            return self._metadata.setdefault(
                distribution.url, Once(lambda: self._fetch_metadata(distribution))
            )

    def _begin(self, value: Once[Selection] | Once[Metadata]) -> None:
        def fetch() -> None:
            with suppress(Exception):  # the value remembers it
                value.get()

        if self._workers is None:
            from concurrent.futures import ThreadPoolExecutor

            # What it knows of this Python is gathered at the first call, and a second one beside
            # that sees half of it; uv is looked for with it, by each build.
            sysconfig.get_config_vars()
            # The search would else hold every turn for 5 ms, and a build is what is longest.
            sys.setswitchinterval(_TURN)
            self._workers = ThreadPoolExecutor(max_workers=WORKERS, thread_name_prefix="envfit-index")
        self._workers.submit(fetch)

    def _fetch_listing(self, name: str) -> tuple[Listing, ...]:
        listings = []
        for url in self._configuration.indexes_for(name):
            listing = self._indexes[url].listing(name)
            if listing is not None:
                listings.append(listing)
                break
        for url in self._configuration.find_links_for(name):
            listing = self._find_links[url].listing(name)
            if listing is not None:
                listings[:1] = [_merged(listing, listings[0]) if listings else listing]
        pages = self._variants.get(name, ())
        found = [listing for page in pages if (listing := page.listing(name)) is not None]
        if pages and not found:
            # A mistyped address of a mirror looks just so.
            self._notify(f"no page of the index of variants at {pages[0].url} and its like has {name}")
        releases = self._releases_of(name)
        if releases is not None and listings:
            versions = {item.version for item in listings[0].distributions if item.version.local is None}
            prebuilt = releases.listing(name, sorted(versions, reverse=True))
            found += [prebuilt] if prebuilt is not None else []
        for listing in found:
            if all(listing.index != other.index for other in listings):
                listings.append(listing)
        return tuple(listings)

    def _releases_of(self, name: str) -> ReleasePages | None:
        """Return the release pages, where they have wheels of a name that comes from no other index."""
        releases = self._releases
        if releases is None or not releases.serves(name):
            return None
        return releases if route_of(name, self._configuration.routes) is None else None

    def _forget(self, names: Iterable[str]) -> None:
        """Forget what was selected from names: their release pages list something else now."""
        with self._lock:
            for name in names:
                self._listings.pop(name, None)
                for key in [key for key in self._selections if key[0] == name]:
                    del self._selections[key]

    def _known_metadata(self, distribution: Distribution) -> Metadata | None:
        """Return metadata that need not be fetched; raises BadMetadata where only that would do."""
        name, version = distribution.name, distribution.version
        prebuilt = is_prebuilt(distribution)
        pages = self._releases_of(name) if prebuilt else None
        if isinstance(distribution, Wheel) and pages is not None:
            stated = pages.metadata(distribution) or self._metadata_inside(distribution)
            if stated is not None:
                return stated
        known = None
        if self._static_metadata is not None and (prebuilt or isinstance(distribution, Sdist)):
            known = self._static_metadata(name, Version(version.public))
        if known is None and prebuilt:
            raise BadMetadata(distribution, "what it requires is not known before it is fetched")
        return known

    def _metadata_inside(self, wheel: Wheel) -> Metadata | None:
        """Return the metadata in a prebuilt wheel whose hash is known; None where it cannot be had."""
        if wheel.sha256 is None:
            return None
        try:
            return self._reader.read(wheel)
        except SourceError:
            return None  # what is known of the release serves too

    def _fetch_metadata(self, distribution: Distribution) -> Metadata:
        known = self._known_metadata(distribution)
        if known is not None:
            return known
        transfer = None
        if isinstance(distribution, Wheel):
            transfer = self._metadata_transfers.pop(distribution.url, None) or self._reader.start(
                distribution
            )
            if transfer is not None:
                self._ahead.wait(transfer)
        try:
            return self._reader.read(distribution, transfer)
        except NeedsBuild as needed:
            if self._build is None:
                raise
            return self._build(needed.path, needed.sdist)


def _merged(links: Listing, listing: Listing) -> Listing:
    """Return a listing with the files of find-links; pip and uv prefer them to files of the same name.

    The same file, by its hash, is the index's: a lock that names it there holds elsewhere.
    """
    hashes = {item.filename: item.sha256 for item in listing.distributions}
    own = [
        item
        for item in links.distributions
        if item.sha256 is None or hashes.get(item.filename) != item.sha256
    ]
    replaced = {item.filename for item in own}
    rest = (item for item in listing.distributions if item.filename not in replaced)
    return replace(listing, distributions=(*own, *rest))
