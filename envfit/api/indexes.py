"""The package indexes in use, wired together from configuration, cache and knowledge."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from packaging.version import Version

from envfit.address import is_local, origin
from envfit.distribution import Declared, Distribution, Metadata
from envfit.errors import UnknownPackageError
from envfit.frozen import frozen
from envfit.index.build_metadata import Builds, uv_index_variables
from envfit.index.cache import Cache, default_cache_dir
from envfit.index.configuration import IndexConfiguration, configured_indexes
from envfit.index.mirrors import configured_mirrors
from envfit.index.release_pages import ReleasePages
from envfit.index.routing import Route
from envfit.index.session import Session
from envfit.index.source import PackageIndex
from envfit.knowledge.model import KnowledgeBase, RoutedIndex
from envfit.knowledge.query import Query
from envfit.resolve.resolution import Resolution
from envfit.target import CUDA_DRIVER, Fact

if TYPE_CHECKING:
    from envfit.index.direct import DirectSource

__all__ = [
    "Downloads",
    "IndexRequest",
    "OpenIndexes",
    "default_index",
    "notes_on_addresses",
    "open_downloads",
    "open_indexes",
    "open_packages",
    "with_hashes",
]


@frozen
class IndexRequest:
    """What the user says of indexes, options before the project's settings."""

    directory: Path  # whose configuration counts
    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    pytorch_index: str | None = None  # an address, or "" for the index itself; None: it is not used
    find_links: tuple[str, ...] = ()
    no_index: bool = False
    routes: tuple[Route, ...] = ()  # of the project
    mirrors: tuple[str, ...] = ()  # CANONICAL=MIRROR, of the command line
    project_mirrors: tuple[tuple[str, str], ...] = ()
    offline: bool = False
    build: bool = True  # whether source distributions may be built for their metadata
    prebuilt: bool = True  # whether release pages are asked for prebuilt wheels
    locked: tuple[tuple[str, str, int], ...] = ()  # address, hash and size of files of the existing lock
    no_builds_here: str = ""  # why none is built now, though one could be: then nothing is decided without it


@frozen
class OpenIndexes:
    """Indexes in use, until they are closed."""

    packages: PackageIndex
    session: Session
    configuration: IndexConfiguration
    cache: Cache
    variants: frozenset[str]  # names of the indexes of variants in use
    stop_builds: Callable[
        [], None
    ]  # from then on, metadata that only a further build states is not to be had


@frozen
class Downloads:
    """Where the files of a lock are fetched from.

    What ``locate`` and ``build_variables`` return, and ``variables``, are for another program alone: they
    may hold credentials.
    """

    locate: Callable[[Sequence[Distribution]], Mapping[str, str]]  # by the address in the lock
    variables: Mapping[str, str]  # uv's settings of how servers are reached
    places: Callable[[Sequence[Distribution]], Mapping[str, str]]  # for the session, without credentials
    session: Session
    build_variables: Callable[[], Mapping[str, str]]  # uv's settings of where builds get what they require


@contextmanager
def open_indexes(
    request: IndexRequest, query: Query, environ: Mapping[str, str], notify: Callable[[str], None]
) -> Iterator[OpenIndexes]:
    """Open the indexes that options, uv and pip configure, with the knowledge that metadata may come from.

    Raises FileError where a configuration file cannot be read.
    """
    configuration = _configuration(request, environ)
    for note in configuration.notes:
        notify(f"note: {note}")
    routed: dict[str, tuple[str, ...]] = {}
    variants: frozenset[str] = frozenset()
    if request.pytorch_index is not None and not request.no_index:
        index = query.knowledge.indexes["pytorch"]
        pages = _variant_pages(index, request.pytorch_index or index.url, query)
        routed = dict.fromkeys(index.packages, pages)
        variants = frozenset({index.name})
    session = Session(
        environ,
        offline=request.offline,
        mirrors=configuration.mirrors,
        keyring=configuration.keyring,
        connection=configuration.connection,
    )
    cache = Cache(default_cache_dir(environ, home=Path.home()), notify=notify)
    here = sys.platform == "linux" and os.uname().machine == query.target.platform.machine
    stopped = Event()
    builds = Builds(
        python=query.target.python,
        cache=cache,
        variables=lambda: {
            **configuration.connection.for_uv(environ),
            **uv_index_variables(
                _uv_addresses(configuration.search_order, session),
                find_links=_uv_addresses(configuration.find_links, session),
            ),
        },
        environ=environ,
        offline=request.offline,
        forbidden=not request.build,
        elsewhere=request.no_builds_here if here else f"this is not a {query.target.platform} machine",
        is_stopped=stopped.is_set,
        notify=notify,
    )

    def direct() -> DirectSource:
        from envfit.index.direct import DirectSource
        from envfit.index.git import Repositories

        repositories = Repositories(
            cache.directory / "git-v1", environ=environ, offline=request.offline, notify=notify
        )
        return DirectSource(session, repositories, build=builds.of_tree, notify=notify)

    with PackageIndex(
        session=session,
        cache=cache,
        configuration=configuration,
        routed=routed,
        static_metadata=lambda name, version: _static_metadata(query.knowledge, name, version),
        build=builds.of_sdist,
        direct=direct,
        releases=_release_pages(request, query, session, cache, notify) if request.prebuilt else None,
        notify=notify,
    ) as packages:
        try:
            yield OpenIndexes(
                packages=packages,
                session=session,
                configuration=configuration,
                cache=cache,
                variants=variants,
                stop_builds=stopped.set,
            )
        except UnknownPackageError as error:
            addresses = [address for name in error.details for address in packages.allowed(name)]
            searched = ", ".join(dict.fromkeys(addresses)) or "nothing, since --no-index is given"
            raise UnknownPackageError(
                error.message, details={**error.details, "searched": searched}, hints=error.hints
            ) from None


@contextmanager
def open_packages(
    request: IndexRequest, environ: Mapping[str, str], notify: Callable[[str], None]
) -> Iterator[tuple[PackageIndex, Session]]:
    """Open the indexes that options, uv and pip configure, to look at files and resolve nothing.

    Raises FileError where a configuration file cannot be read.
    """
    configuration = _configuration(request, environ)
    session = Session(
        environ,
        offline=request.offline,
        mirrors=configuration.mirrors,
        keyring=configuration.keyring,
        connection=configuration.connection,
    )
    cache = Cache(default_cache_dir(environ, home=Path.home()), notify=notify)
    with PackageIndex(session=session, cache=cache, configuration=configuration, notify=notify) as packages:
        yield packages, session


@contextmanager
def open_downloads(
    request: IndexRequest, environ: Mapping[str, str], notify: Callable[[str], None]
) -> Iterator[Downloads]:
    """Open what finds the files of a lock: mirrors, and the credentials of the indexes that are configured.

    Raises FileError where a configuration file cannot be read.
    """
    configuration = _configuration(request, environ)
    cache = Cache(default_cache_dir(environ, home=Path.home()), notify=notify)
    with Session(
        environ,
        offline=request.offline,
        mirrors=configuration.mirrors,
        keyring=configuration.keyring,
        connection=configuration.connection,
    ) as session:
        for url in (*configuration.search_order, *(route.url for route in configuration.routes)):
            session.authorize(url)
        from envfit.index.locate import locate, places

        yield Downloads(
            locate=lambda distributions: locate(distributions, session=session, cache=cache),
            variables=configuration.connection.for_uv(environ),
            places=lambda distributions: places(distributions, session=session, cache=cache),
            session=session,
            build_variables=lambda: uv_index_variables(_uv_addresses(configuration.search_order, session)),
        )
    cache.flush()


def with_hashes(resolution: Resolution, indexes: OpenIndexes) -> Resolution:
    """Return a resolution whose files all have a hash, read from the file where its index states none.

    Raises SourceError where a file is not there.
    """
    pins = []
    for pin in resolution.pins:
        chosen = pin.candidate.distribution
        if chosen is not None:
            chosen = indexes.packages.with_hash(chosen)
        pins.append(replace(pin, candidate=replace(pin.candidate, distribution=chosen)))
    return replace(resolution, pins=tuple(pins))


def notes_on_addresses(
    distributions: Iterable[Distribution], configuration: IndexConfiguration
) -> Iterator[str]:
    """Yield sentences about addresses in a lock that hold on this machine, or in this network, only."""
    files = tuple(item for item in distributions if item.reference is None)  # the user knows of the others
    mirrored = configuration.mirrors.is_canonical
    directories = {item.url.rpartition("/")[0]: None for item in files if is_local(item.url)}
    elsewhere = {
        "://".join(origin(item.url)): None
        for item in files
        if mirrored(item.index) and not mirrored(item.url) and not is_local(item.url)
    }
    for directory in directories:
        yield f"the lock names files in {directory}; it installs only where that directory is"
    for address in elsewhere:
        yield (
            f"the mirror names files at {address}, which no --mirror maps; the lock names them there, "
            "as the mirror does"
        )


def _release_pages(
    request: IndexRequest,
    query: Query,
    session: Session,
    cache: Cache,
    notify: Callable[[str], None],
) -> ReleasePages | None:
    """Return the release pages of prebuilt wheels that are known; None where no index may be asked."""
    if request.no_index:
        return None
    return ReleasePages(
        session,
        cache,
        serves=lambda name: bool(query.package(name).prebuilt),
        wheels=lambda name, release: [wheel.as_wheel() for wheel in query.prebuilt_of(name, release)],
        locked={url: (sha256, size) for url, sha256, size in request.locked},
        notify=notify,
    )


def _uv_addresses(urls: Iterable[str], session: Session) -> tuple[str, ...]:
    """Return addresses as uv is given them for builds: of mirrors, and with credentials."""
    return tuple(map(session.for_another_program, urls))


def default_index(directory: Path) -> str:
    """Return the address, as locks record it, of the default index that a directory's settings name."""
    configuration = _configuration(IndexRequest(directory=directory), os.environ)
    return configuration.recorded(configuration.default)


def _configuration(request: IndexRequest, environ: Mapping[str, str]) -> IndexConfiguration:
    directory = request.directory.absolute()
    return configured_indexes(
        environ,
        home=Path.home(),
        cwd=directory,
        index_url=request.index_url,
        extra_index_urls=request.extra_index_urls,
        find_links=request.find_links,
        no_index=request.no_index,
        routes=request.routes,
        mirrors=configured_mirrors(request.mirrors, environ, request.project_mirrors, base=directory),
    )


def _variant_pages(index: RoutedIndex, url: str, query: Query) -> tuple[str, ...]:
    """Return the pages of an index of variants that can hold builds for the target."""
    base = url.rstrip("/")
    if base.rpartition("/")[2] in {label.label for label in index.labels}:
        return (f"{base}/",)  # one page was named
    driver = query.effective_fact(CUDA_DRIVER)
    return tuple(
        f"{base}/{label.label}/"
        for label in index.labels
        if (label.cuda is not None) == bool(query.target.gpus)
        and _driver_runs(query.knowledge, driver, label.cuda)
    )


def _driver_runs(base: KnowledgeBase, driver: Fact, cuda: Version | None) -> bool:
    runtime = base.runtimes.get(cuda.major) if cuda is not None else None
    if runtime is None or driver.version is None:
        return True
    return driver.version >= Version(runtime.driver)


def _static_metadata(base: KnowledgeBase, name: str, version: Version) -> Metadata | None:
    known = base.packages.get(name)
    for entry in known.metadata if known is not None else ():
        if entry.versions.contains(version, prereleases=True):
            return Metadata(
                name=name,
                version=version,
                requires=tuple(map(Declared.parse, entry.requires)),
                requires_python=entry.requires_python,
                source="the knowledge base",
            )
    return None
