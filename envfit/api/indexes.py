"""The package indexes in use, wired together from configuration, cache and knowledge."""

from __future__ import annotations

import platform as host_platform
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement as DeclaredRequirement
from packaging.version import Version

from envfit.distribution import Metadata, Sdist
from envfit.errors import RequirementError, UnknownPackageError
from envfit.index.build_metadata import (
    BuildNotPossible,
    CannotBuildHereError,
    built_metadata,
    built_tree_metadata,
)
from envfit.index.cache import Cache, default_cache_dir
from envfit.index.configuration import configured_indexes
from envfit.index.direct import DirectSource
from envfit.index.git import Repositories
from envfit.index.session import Session
from envfit.index.source import PackageIndex
from envfit.knowledge.model import KnowledgeBase, RoutedIndex
from envfit.knowledge.query import Query
from envfit.target import CUDA_DRIVER, Fact

__all__ = ["IndexRequest", "OpenIndexes", "open_indexes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexRequest:
    """What the user says of indexes, options before the project's settings."""

    directory: Path  # whose configuration counts
    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    pytorch_index: str | None = None  # an address, or "" for the index itself; None: it is not used
    offline: bool = False
    build: bool = True  # whether source distributions may be built for their metadata


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenIndexes:
    """Indexes in use, until they are closed."""

    packages: PackageIndex
    session: Session
    variants: frozenset[str]  # names of the indexes of variants in use


@contextmanager
def open_indexes(
    request: IndexRequest, query: Query, environ: Mapping[str, str], notify: Callable[[str], None]
) -> Iterator[OpenIndexes]:
    """Open the indexes that options, uv and pip configure, with the knowledge that metadata may come from.

    Raises FileError where a configuration file cannot be read.
    """
    configuration = configured_indexes(
        environ,
        home=Path.home(),
        cwd=request.directory.absolute(),
        index_url=request.index_url,
        extra_index_urls=request.extra_index_urls,
    )
    for note in configuration.notes:
        notify(f"note: {note}")
    routed: dict[str, tuple[str, ...]] = {}
    variants: frozenset[str] = frozenset()
    if request.pytorch_index is not None:
        index = query.knowledge.indexes["pytorch"]
        pages = _variant_pages(index, request.pytorch_index or index.url, query)
        routed = dict.fromkeys(index.packages, pages)
        variants = frozenset({index.name})
    session = Session(environ, offline=request.offline)
    cache = Cache(default_cache_dir(environ, home=Path.home()), notify=notify)
    here = host_platform.system() == "Linux" and host_platform.machine() == query.target.platform.machine

    def build(path: Path, sdist: Sdist) -> Metadata:
        if not request.build:
            raise BuildNotPossible(
                path, sdist, problem="only a build states its metadata, and --no-build is given"
            )
        if not here:
            raise CannotBuildHereError(
                sdist.filename,
                f"this is not a {query.target.platform} machine",
                address=sdist.url,
                hints=["lock on such a machine, or name an older release of it"],
            )
        return built_metadata(
            path,
            sdist,
            python=query.target.python,
            cache=cache,
            index_urls=configuration.search_order,
            environ=environ,
            offline=request.offline,
            notify=notify,
        )

    def build_tree(tree: Path, what: str, key: str | None) -> bytes:
        if not request.build:
            raise RequirementError(f"only a build of {what} says what it is, and --no-build is given")
        if not here:
            raise CannotBuildHereError(
                what,
                f"this is not a {query.target.platform} machine",
                address=what,
                hints=["lock on such a machine"],
            )
        return built_tree_metadata(
            tree,
            what,
            key=key,
            python=query.target.python,
            cache=cache,
            index_urls=configuration.search_order,
            environ=environ,
            offline=request.offline,
            notify=notify,
        )

    repositories = Repositories(
        cache.directory / "git-v1", environ=environ, offline=request.offline, notify=notify
    )
    with PackageIndex(
        session=session,
        cache=cache,
        configuration=configuration,
        routed=routed,
        static_metadata=lambda name, version: _static_metadata(query.knowledge, name, version),
        build=build,
        direct=DirectSource(session, repositories, build=build_tree, notify=notify),
        notify=notify,
    ) as packages:
        try:
            yield OpenIndexes(packages=packages, session=session, variants=variants)
        except UnknownPackageError as error:
            searched = ", ".join(address for address, _ in configuration.public())
            raise UnknownPackageError(
                error.message, details={**error.details, "searched": searched}, hints=error.hints
            ) from None


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
                requires=tuple(map(DeclaredRequirement, entry.requires)),
                requires_python=entry.requires_python,
                source="the knowledge base",
            )
    return None
