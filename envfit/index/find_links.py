"""Find-links: a directory of distributions, or a page that links to some, without any order by project.

Its files stand beside those of the first index that has a name, as with pip and
uv.  A directory states no hashes, so its files are read for theirs.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from packaging.utils import canonicalize_name

from envfit.address import is_local, local_path
from envfit.distribution import Distribution, Listing
from envfit.errors import SourceError
from envfit.index.cache import Cache
from envfit.index.fetched_page import FetchedPage, fetch_page
from envfit.index.file_hash import with_hash
from envfit.index.once import Once
from envfit.index.page import File, Page
from envfit.index.session import Session
from envfit.index.simple import listing_of, parse_page

__all__ = ["FindLinks"]


class FindLinks:
    """One directory or page; safe to use from several threads."""

    def __init__(self, url: str, *, session: Session, cache: Cache) -> None:
        """Take an address, with or without credentials."""
        self.url = session.canonical(session.authorize(url))
        self._session = session
        self._cache = cache
        self._page = Once(self._read)

    def listing(self, name: str) -> Listing | None:
        """Return the files of a project; None where there are none.

        Raises SourceError where the directory or page is not there, or cannot be read.
        """
        url, page = self._page.get()
        listing = listing_of(
            page, url=url, name=canonicalize_name(name), index=self.url, canonical=self._session.canonical
        )
        if not listing.distributions:
            return None
        # What is skipped belongs to other projects.
        return replace(listing, distributions=tuple(map(self._hashed, listing.distributions)), skipped=())

    def _hashed(self, item: Distribution) -> Distribution:
        if item.sha256 is not None or not is_local(item.url):
            return item
        return with_hash(item, session=self._session)

    def _read(self) -> tuple[str, Page]:
        """Return what is linked to, and the address that its links are relative to."""
        address = self._session.address(self.url)
        if is_local(address) and local_path(address).is_dir():
            return address, _page_of(local_path(address))

        def parse(fetched: FetchedPage) -> tuple[str, Page]:
            url = fetched.page.url
            return url, parse_page(fetched.load(), content_type=fetched.page.content_type, url=url)

        found = fetch_page(self.url, parse, session=self._session, cache=self._cache)
        if found is None:
            raise SourceError(f"there is nothing at {address}, which --find-links names")
        return found


def _page_of(directory: Path) -> Page:
    """Return the files of a directory, those of its subdirectories not."""
    try:
        paths = sorted(path for path in directory.iterdir() if path.is_file())
    except OSError as error:
        raise SourceError(f"{directory} cannot be read: {error.strerror}") from error
    return Page(files=tuple(File(filename=path.name, url=path.absolute().as_uri()) for path in paths))
