"""Where the files of a lock are fetched from, when mirrors serve them.

A lock names canonical addresses; a file is its hash, wherever it lies.  A mirror
that keeps the layout of files has it under the same path.  One that does not names
it on its page of the project.  A prebuilt wheel that was fetched to be locked is in the cache.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from envfit.address import origin
from envfit.distribution import Distribution
from envfit.errors import SourceError
from envfit.index.cache import Cache
from envfit.index.session import Session
from envfit.index.simple import SimpleIndex
from envfit.reference import ReferenceKind

__all__ = ["locate", "places"]

_WORKERS = 16


def locate(distributions: Iterable[Distribution], *, session: Session, cache: Cache) -> Mapping[str, str]:
    """Return the address to fetch each file from, by its address in the lock, where that is another one.

    They may hold credentials, and are for another program only.  Raises
    SourceError where a mirror fails or does not have a file.
    """
    found = places(distributions, session=session, cache=cache)
    for url in {origin(url): url for url in found.values()}.values():
        session.learn_credentials(url)
    addresses = {url: session.for_another_program(place) for url, place in found.items()}
    return {url: address for url, address in addresses.items() if address != url}


def places(distributions: Iterable[Distribution], *, session: Session, cache: Cache) -> Mapping[str, str]:
    """Return the address to ask the session for, by each file's address in the lock.

    Raises SourceError where a mirror fails or does not have a file.
    """
    items = tuple(item for item in distributions if _is_fetched(item))
    with ThreadPoolExecutor(max_workers=_WORKERS, thread_name_prefix="envfit-locate") as workers:
        found = workers.map(lambda item: _found(item, session, cache), items)
        return {item.url: url for item, url in zip(items, found, strict=True)}


def _is_fetched(item: Distribution) -> bool:
    """Tell whether a lock's entry is a file at an address: no source tree, no path."""
    archive = item.reference is None or item.reference.kind is ReferenceKind.ARCHIVE
    return archive and "://" in item.url


def _found(wanted: Distribution, session: Session, cache: Cache) -> str:
    """Return the address, as pages and locks name it, under which a file is found."""
    kept = cache.wheel(wanted.sha256, wanted.filename) if wanted.sha256 is not None else None
    if kept is not None:
        return kept.absolute().as_uri()  # uv checks its hash like any other's
    moved = session.address(wanted.url) != wanted.url
    if session.offline or (moved and session.has(wanted.url, size=wanted.size)):
        return wanted.url  # offline, the address by which it would be in the cache of whoever fetches it
    page = session.address(wanted.index)
    if page == wanted.index:
        if not moved:
            return wanted.url
        hint = f"map its index too, and the mirror is asked where it is: --mirror {wanted.index}=MIRROR"
        raise SourceError(
            f"the mirror does not have {wanted.filename} at {session.address(wanted.url)}",
            hints=[hint] if wanted.index else [],
        )
    listing = SimpleIndex(wanted.index, session=session, cache=cache).listing(wanted.name)
    for item in listing.distributions if listing is not None else ():
        # uv checks the hash of a file that the mirror names without one.
        if item.sha256 == wanted.sha256 or (item.sha256 is None and item.filename == wanted.filename):
            return item.url
    raise SourceError(
        f"the mirror at {page} does not have {wanted.filename} with the sha256 of the lock, {wanted.sha256}"
    )
