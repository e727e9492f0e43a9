"""What a locked file leaves open, asked of an index: files of pins, what they require, their GPU code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from packaging.version import Version

from envfit.api.indexes import IndexRequest, open_packages
from envfit.api.reading import READ_LIMIT, WheelReader, unread_among
from envfit.api.targets import Notify
from envfit.distribution import Declared, Distribution, Metadata, Wheel
from envfit.errors import EnvfitError
from envfit.index.cache import Cache, default_cache_dir
from envfit.index.session import Session
from envfit.index.source import PackageIndex
from envfit.knowledge.model import KnowledgeBase
from envfit.knowledge.query import Query
from envfit.lock.reading import LockedPackage
from envfit.project.locked import LockedEntry, LockedFile, LockedNeed
from envfit.target import Target

__all__ = ["Online", "open_online"]


class Online:
    """An index, asked about one locked file."""

    def __init__(
        self, packages: PackageIndex, session: Session, cache: Cache, *, limit: int, notify: Notify
    ) -> None:
        self._packages = packages
        self._reader = WheelReader(session, cache, limit=limit, offline=False, notify=notify)
        self._notify = notify

    def with_files(self, file: LockedFile) -> LockedFile:
        """Return a file in which every pin names the files that an index has of it.

        Raises SourceError where an index fails.
        """
        return replace(file, entries=tuple(map(self._with_files, file.entries)))

    def _with_files(self, entry: LockedEntry) -> LockedEntry:
        if entry.files or entry.version is None:
            return entry
        listed = [
            item
            for listing in self._packages.listing(entry.name)
            for item in listing.distributions
            if _is_of(entry, item)
        ]
        return replace(entry, files=tuple(listed), is_listed=bool(listed))

    def with_needs(self, file: LockedFile, target: Target, chosen: Sequence[LockedPackage]) -> LockedFile:
        """Return a file with what the chosen wheels require on a target, as their metadata says.

        Whether it is whole is known then, unless the metadata of one is not to be had.
        """
        wheels = [
            package.distribution
            for package in chosen
            if isinstance(package.distribution, Wheel) and package.distribution.url
        ]
        self._packages.prefetch_metadata(wheels)
        known: dict[str, Metadata] = {}
        for wheel in wheels:
            try:
                known[wheel.name] = self._packages.metadata(wheel)
            except EnvfitError as error:
                self._notify(f"note: what {wheel.filename} requires could not be read: {error.message}")
        environment = target.marker_environment()
        entries = tuple(
            _with_needs(entry, known[entry.name], environment) if entry.name in known else entry
            for entry in file.entries
        )
        is_known = len(known) == len(chosen) and not file.unpinned
        return replace(file, entries=entries, is_whole=file.is_whole or is_known)

    def with_code(
        self, base: KnowledgeBase, target: Target, chosen: Sequence[LockedPackage]
    ) -> KnowledgeBase:
        """Return the knowledge with the GPU code of chosen wheels that was not known, within the limit."""
        if not target.gpus:
            return base
        query = Query(base, target)
        unread = unread_among(((item.distribution, item.dependencies) for item in chosen), query)
        return base.with_device_code(self._reader.read_wheels(unread, target.platform))


def _is_of(entry: LockedEntry, item: Distribution) -> bool:
    """Tell whether a file is one of a pin: of its version, and of one of its hashes where there are any."""
    stated = entry.version
    assert stated is not None  # noqa: S101 - the caller asks of pins alone
    version = item.version if stated.local else Version(item.version.public)
    return version == stated and (not entry.hashes or item.sha256 in entry.hashes)


def _with_needs(entry: LockedEntry, metadata: Metadata, environment: Mapping[str, str]) -> LockedEntry:
    """Return an entry with what its metadata requires in an environment, by extra where one is needed."""
    plain = [one for one in metadata.requires if one.holds(environment)]
    of_extras = {
        extra: tuple(
            _need(one) for one in metadata.requires if one not in plain and one.holds(environment, extra)
        )
        for extra in metadata.known_extras()
    }
    return replace(entry, needs=tuple(map(_need, plain)), needs_of_extras=of_extras)


def _need(declared: Declared) -> LockedNeed:
    return LockedNeed(name=declared.name, specifier=declared.specifier, extras=frozenset(declared.extras))


@contextmanager
def open_online(
    file: LockedFile, environ: Mapping[str, str], notify: Notify, *, limit: int | None
) -> Iterator[Online]:
    """Open the indexes that the file, options, uv and pip configure."""
    settings = file.settings
    request = IndexRequest(
        directory=Path(file.path).parent,
        index_url=settings.index_url,
        extra_index_urls=settings.extra_index_urls,
        find_links=settings.find_links,
        no_index=settings.no_index,
        project_mirrors=settings.mirrors,
    )
    cache = Cache(default_cache_dir(environ, home=Path.home()), notify=notify)
    with open_packages(request, environ, notify) as (packages, session):
        yield Online(packages, session, cache, limit=READ_LIMIT if limit is None else limit, notify=notify)
