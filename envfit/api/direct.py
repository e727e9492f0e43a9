"""Direct references of a project: opened, and followed into what they themselves require by address."""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from packaging.pylock import Pylock

from envfit.errors import RequirementError
from envfit.index.source import PackageIndex
from envfit.project import Declared, applies, parse_requirement
from envfit.reference import DirectReference, ReferenceKind

if TYPE_CHECKING:
    from envfit.index.direct import Opened

__all__ = ["locked_commits", "open_direct"]

_NONE: Mapping[DirectReference, str] = {}


def locked_commits(lock: Pylock, *, except_of: Container[str] = ()) -> dict[DirectReference, str]:
    """Return the commits that a lock holds, by the reference without one; not those of the names excepted."""
    return {
        DirectReference(
            kind=ReferenceKind.GIT,
            url=package.vcs.url,
            revision=package.vcs.requested_revision,
            subdirectory=package.vcs.subdirectory,
        ): package.vcs.commit_id
        for package in lock.packages
        if package.vcs is not None and package.vcs.url is not None and package.name not in except_of
    }


def open_direct(
    declared: Iterable[Declared],
    packages: PackageIndex,
    environment: Mapping[str, str],
    *,
    replaced: Container[str] = (),
    commits: Mapping[DirectReference, str] = _NONE,
    follow: bool = True,
) -> tuple[Declared, ...]:
    """Open the direct references that hold in a marker environment, and give each its name.

    What they require by address is opened too; what a package of an index requires
    by address is not, since nobody here named it.  The rest is returned as it is, and
    so are references of names in ``replaced``: something else stands in their place.
    ``commits`` are those of an existing lock, by the reference without one: a branch stays there.
    Without ``follow``, what they require by address is not opened either: for what may be
    left out in the end, and must not have said by then where other packages are.
    Raises RequirementError where two references of one name disagree, or a name is
    not that of what is at its address.
    """
    result = []
    pending: deque[tuple[Declared, Opened]] = deque()
    for one in declared:
        if one.direct is None or one.name in replaced or not applies(one, environment):
            result.append(one)
            continue
        named, opened = _open(one, one.direct, packages, commits)
        result.append(named)
        if follow:
            pending.append((named, opened))
    seen: set[tuple[str, frozenset[str]]] = set()
    while pending:
        parent, opened = pending.popleft()
        if (parent.shown, parent.extras) in seen:
            continue
        seen.add((parent.shown, parent.extras))
        for requirement in opened.metadata.requires:
            holds = any(requirement.holds(environment, extra) for extra in ("", *parent.extras))
            if requirement.url is not None and holds and requirement.name not in replaced:
                nested = parse_requirement(
                    str(requirement), f"{opened.distribution.name} {opened.distribution.version}"
                )
                if nested.direct is not None:
                    pending.append(_open(nested, nested.direct, packages, commits))
    return tuple(result)


def _open(
    one: Declared,
    reference: DirectReference,
    packages: PackageIndex,
    commits: Mapping[DirectReference, str],
) -> tuple[Declared, Opened]:
    kept = commits.get(replace(reference, credentials=None))
    if kept is not None:
        reference = replace(reference, commit=kept)
    opened = packages.open(reference)
    name = opened.distribution.name
    if one.name not in (None, name):
        raise RequirementError(f"{one.where}: {one.text!r} is called {one.name}, and what is there is {name}")
    return replace(one, name=name, direct=opened.distribution.reference), opened
