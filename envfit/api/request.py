"""What ``lock`` is asked for, and the parts of a project and of indexes that follow from it."""

from __future__ import annotations

import re
from dataclasses import field, replace
from datetime import datetime
from pathlib import Path

from envfit.api.indexes import IndexRequest
from envfit.api.targets import TargetRequest
from envfit.errors import ProjectError
from envfit.frozen import frozen
from envfit.index.routing import Route
from envfit.project import (
    Project,
    ResolutionStrategy,
    Settings,
    combine,
    find_project,
    parse_requirement,
    project_settings,
    read_command_line,
    read_files,
)
from envfit.resolve.decide import Concede

__all__ = ["LockRequest", "index_request", "lock_path", "project_of"]


@frozen
class LockRequest:
    """What ``lock`` is asked for; the defaults are those of the command line."""

    requirements: tuple[str, ...] = ()
    added: tuple[str, ...] = ()  # to what the existing lock was made for
    locked: bool = False  # whether what the existing lock was made for is asked for
    files: tuple[Path, ...] = ()
    editables: tuple[str, ...] = ()  # directories
    constraints: tuple[Path, ...] = ()  # requirements files, as are the overrides
    overrides: tuple[Path, ...] = ()
    exclude: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    target: TargetRequest = field(default_factory=TargetRequest)
    target_name: str | None = None
    if_supported: tuple[str, ...] = ()
    concede: Concede | None = None
    provided: tuple[str, ...] = ()
    provided_from: str | None = None  # an interpreter, by its path or its name on PATH
    prereleases: bool = False
    upgrade: bool = False
    upgrade_packages: tuple[str, ...] = ()
    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    no_index: bool = False
    find_links: tuple[str, ...] = ()  # addresses or paths
    no_binary: tuple[str, ...] = ()
    only_binary: tuple[str, ...] = ()
    resolution: ResolutionStrategy | None = None
    pytorch_index: str | None = None  # an address, or "" for the index itself
    mirrors: tuple[str, ...] = ()  # CANONICAL=MIRROR
    newest_upload: datetime | None = None
    budget: int | None = None  # decisions of one search
    offline: bool = False
    build: bool = True
    prebuilt: bool | None = None  # whether release pages are asked for prebuilt wheels; None: as is set
    ignore_rules: tuple[str, ...] = ()
    strict_knowledge: bool = False  # whether wheels whose GPU code is not known are refused
    read_limit: int | None = None  # bytes of wheels that may be read for their GPU code
    output: Path | None = None
    check: bool = False
    directory: Path = field(default_factory=Path)


def lock_path(request: LockRequest) -> Path:
    """Return where the lock goes; raises ProjectError on a target's name that is no name."""
    if request.output is not None:
        return request.output
    if request.target_name is None:
        return request.directory / "pylock.toml"
    if not re.fullmatch(r"[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?", request.target_name, re.ASCII):
        raise ProjectError(f"{request.target_name!r} is not a name for a target")
    name = request.target_name.lower().replace(".", "-")
    return request.directory / f"pylock.{name}.toml"


def project_of(request: LockRequest) -> Project:
    """Read what is asked for: files, or the project of the directory, and the options beside them."""
    parts = []
    if request.added or request.locked:
        parts.append(_added_to(request))
    elif request.files:
        parts.append(read_files(request.files, extras=request.extras, groups=request.groups))
    elif not (request.requirements or request.editables) or request.extras or request.groups:
        parts.append(find_project(request.directory, extras=request.extras, groups=request.groups))
    parts.append(
        read_command_line(
            requirements=request.requirements,
            editables=request.editables,
            constraints=request.constraints,
            overrides=request.overrides,
            exclude=request.exclude,
            find_links=request.find_links,
            no_binary=request.no_binary,
            only_binary=request.only_binary,
        )
    )
    return combine(parts)


def _added_to(request: LockRequest) -> Project:
    """Return what the existing lock was made for, and what is added to it.

    How to lock is still the project's to say; what it depends on is what the lock says.
    Raises ProjectError where there is no lock.
    """
    path = lock_path(request)
    if not path.exists():
        raise ProjectError(
            f"there is no {path} to add to",
            hints=[f"make one: envfit lock {' '.join(request.added)}".rstrip()],
        )
    locked = read_files([path])
    own = replace(
        project_settings(request.directory),
        if_supported=(),
        constraint_dependencies=(),
        override_dependencies=(),
        exclude_dependencies=(),
    )
    new = [parse_requirement(text, "the command line") for text in request.added]
    names = {one.name for one in new}
    kept = [one for one in locked.requirements if one.name is None or one.name not in names]
    return combine([replace(locked, requirements=(*kept, *new)), Project(settings=own)])


def index_request(
    request: LockRequest, settings: Settings, locked: tuple[tuple[str, str, int], ...] = ()
) -> IndexRequest:
    """Return what is said of indexes, options before the project's settings.

    ``locked`` are addresses, hashes and sizes of files of the existing lock.
    """
    pytorch = request.pytorch_index
    if pytorch is None and settings.pytorch_index is not False:
        pytorch = "" if settings.pytorch_index is True else settings.pytorch_index
    return IndexRequest(
        directory=request.directory,
        index_url=request.index_url or settings.index_url,
        extra_index_urls=(*request.extra_index_urls, *settings.extra_index_urls),
        pytorch_index=pytorch,
        find_links=settings.find_links,
        no_index=request.no_index or settings.no_index,
        routes=tuple(
            Route(pattern=pattern, url=url, source="[tool.envfit.index]")
            for pattern, url in settings.index_routes
        ),
        mirrors=request.mirrors,
        project_mirrors=settings.mirrors,
        offline=request.offline,
        build=request.build,
        prebuilt=settings.prebuilt if request.prebuilt is None else request.prebuilt,
        locked=locked,
    )
