"""A project: everything that the user asked for, from all the places where it is written."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envfit.errors import ProjectError
from envfit.frozen import frozen
from envfit.project.declared import Declared
from envfit.project.formats import contradiction
from envfit.project.settings import Settings, TargetSettings

__all__ = ["CondaEnvironment", "Project", "combine"]

_Value = TypeVar("_Value")


_UNSAID = Settings()


@frozen
class CondaEnvironment:
    """The conda half of an environment file: carried along, not judged."""

    name: str | None = None
    channels: tuple[str, ...] = ()
    dependencies: tuple[str, ...] = ()  # as written, without python


@frozen
class Project:
    """What the user asked for.

    Requirements bring packages in; constraints only bound the versions of what is
    brought in.  ``notes`` say what was read and is not acted on.
    """

    requirements: tuple[Declared, ...] = ()
    constraints: tuple[Declared, ...] = ()
    requires_python: SpecifierSet | None = None
    extras: tuple[str, ...] = ()  # those used, normalized
    groups: tuple[str, ...] = ()  # those used, normalized
    settings: Settings = _UNSAID
    conda: CondaEnvironment | None = None
    pinned: tuple[tuple[str, Version], ...] = ()  # by locks that were read: preferred, not required
    notes: tuple[str, ...] = ()


def combine(projects: Iterable[Project]) -> Project:
    """Make one project of several: lists in order, ranges intersected.

    Raises ProjectError where two of them say different things of which only one
    can hold, such as the Python or the index.
    """
    parts = tuple(projects)
    ranges = [part.requires_python for part in parts if part.requires_python is not None]
    return Project(
        requirements=_all(part.requirements for part in parts),
        constraints=_all(part.constraints for part in parts),
        requires_python=SpecifierSet(",".join(str(one) for one in ranges)) if ranges else None,
        extras=_all(part.extras for part in parts),
        groups=_all(part.groups for part in parts),
        settings=_combine_settings([part.settings for part in parts]),
        conda=_only("a conda environment", (part.conda for part in parts)),
        pinned=_first_of_each(part.pinned for part in parts),
        notes=_all(part.notes for part in parts),
    )


def _combine_settings(parts: list[Settings]) -> Settings:
    targets = _all(part.targets for part in parts)
    if len({target.name for target in targets}) < len(targets):
        raise ProjectError("the files disagree about a named target", hints=["name it in one file only"])
    no_binary = _all(part.no_binary for part in parts)
    only_binary = _all(part.only_binary for part in parts)
    both = contradiction(no_binary, only_binary)
    if both is not None:
        raise ProjectError(
            f"the files disagree about {both}: it is under no-binary and under only-binary",
            hints=["say one of the two"],
        )
    return Settings(
        target=_combine_targets([part.target for part in parts]),
        targets=targets,
        if_supported=_all(part.if_supported for part in parts),
        concede=_only("concede", (part.concede for part in parts)),
        pre=any(part.pre for part in parts),
        index_url=_only("index-url", (part.index_url for part in parts)),
        extra_index_urls=_all(part.extra_index_urls for part in parts),
        pytorch_index=_only("pytorch-index", (part.pytorch_index or None for part in parts)) or False,
        exclude_newer=_only("exclude-newer", (part.exclude_newer for part in parts)),
        find_links=_all(part.find_links for part in parts),
        index_routes=_all(part.index_routes for part in parts),
        mirrors=_all(part.mirrors for part in parts),
        ignore_rules=_all(part.ignore_rules for part in parts),
        prebuilt=all(part.prebuilt for part in parts),
        strict_knowledge=any(part.strict_knowledge for part in parts),
        rules=_all(part.rules for part in parts),
        no_index=any(part.no_index for part in parts),
        no_binary=no_binary,
        only_binary=only_binary,
        require_hashes=any(part.require_hashes for part in parts),
        constraint_dependencies=_all(part.constraint_dependencies for part in parts),
        override_dependencies=_all(part.override_dependencies for part in parts),
        exclude_dependencies=_all(part.exclude_dependencies for part in parts),
        resolution=_only("resolution", (part.resolution for part in parts)),
    )


def _combine_targets(parts: list[TargetSettings]) -> TargetSettings:
    return TargetSettings(
        gpus=_all(part.gpus for part in parts),
        driver=_only("driver", (part.driver for part in parts)),
        python=_only("python", (part.python for part in parts)),
        glibc=_only("glibc", (part.glibc for part in parts)),
        platform=_only("platform", (part.platform for part in parts)),
    )


def _all(lists: Iterable[tuple[_Value, ...]]) -> tuple[_Value, ...]:
    return tuple(dict.fromkeys(item for items in lists for item in items))


def _first_of_each(
    lists: Iterable[tuple[tuple[str, Version], ...]],
) -> tuple[tuple[str, Version], ...]:
    found: dict[str, Version] = {}
    for name, version in _all(lists):
        found.setdefault(name, version)
    return tuple(found.items())


def _only(what: str, values: Iterable[_Value | None]) -> _Value | None:
    said = {value for value in values if value is not None}
    if len(said) > 1:
        # The values are not repeated: an address may hold a password.
        raise ProjectError(f"the files disagree about {what}", hints=[f"say {what} in one file only"])
    return next(iter(said), None)
