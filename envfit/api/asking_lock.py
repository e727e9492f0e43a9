"""Why a package is in a lock, as far as the lock itself tells: no index is asked, nothing is resolved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from packaging.pylock import Package, Pylock
from packaging.utils import canonicalize_name
from packaging.version import Version

from envfit.api.asking import Account, Bound, Wanted
from envfit.api.reading import with_kept_code
from envfit.errors import LockError
from envfit.knowledge.gpu_code import GpuCode, gpu_code
from envfit.knowledge.model import KnowledgeBase
from envfit.knowledge.query import Query
from envfit.lock.file import read_lock
from envfit.lock.reading import locked_packages, locked_target
from envfit.project import Project, read_files
from envfit.resolve.chains import Chain, Demander, chains_to

__all__ = ["account_of_lock"]


def account_of_lock(
    name: str, path: Path, base: KnowledgeBase, *, environ: Mapping[str, str], chains: int
) -> Account:
    """Account for one package of a lock; raises LockError where the file is none.

    Ranges, extras and markers are not in a lock, so of who brings a package in only the name is told.
    """
    name = canonicalize_name(name)
    lock = read_lock(path)
    package = next((package for package in lock.packages if package.name == name), None)
    told = (lock.tool or {}).get("envfit", {})
    if package is None:
        absent = tuple(_absence(name, told)) or tuple(_near(name, lock.packages))
        return Account(name=name, version=None, source=str(path), absent=absent)
    asked = read_files([path])
    demanders = _demanders(asked, lock.packages)
    found = chains_to(name, demanders, limit=chains + 1)
    bounds = tuple(_bounds(name, told))
    return Account(
        name=name,
        version=package.version,
        source=str(path),
        chains=found[:chains],
        is_more=len(found) > chains,
        wanted=tuple(_wanted(name, demanders[name])),
        code=_code(name, lock, base, environ),
        bounds=bounds,
        newest=max((version for bound in bounds for version in bound.versions), default=None),
        notes=(
            *asked.notes,
            *_of_release_page(name, package, lock, base),
            *_notes(name, told),
            *_open(found, bounds, told),
        ),
    )


def _code(name: str, lock: Pylock, base: KnowledgeBase, environ: Mapping[str, str]) -> GpuCode | None:
    """Return the GPU code of a package; None where the lock says no target, or leaves files open."""
    target = locked_target(lock)
    if target is None:
        return None
    try:
        packages = locked_packages(lock)
    except LockError:
        return None
    query = Query(with_kept_code(base, lock, environ), target)
    return next((gpu_code(query, name, one.distribution) for one in packages if one.name == name), None)


def _of_release_page(name: str, package: Package, lock: Pylock, base: KnowledgeBase) -> Iterator[str]:
    target = locked_target(lock)
    if target is not None and package.version is not None:
        prebuilt = Query(base, target).prebuilt(name, package.version)
        if prebuilt is not None:
            yield prebuilt.said


def _demanders(asked: Project, packages: Sequence[Package]) -> dict[str, list[Demander]]:
    """Return who brings each package in: the user first, then by name."""
    found: dict[str, list[Demander]] = {str(package.name): [] for package in packages}
    for declared in (*asked.requirements, *asked.settings.if_supported):
        if declared.name in found:
            found[declared.name].append(
                Demander(package=None, wanted=declared.text, said=f"{declared.text} ({declared.where})")
            )
    for package in sorted(packages, key=lambda package: package.name):
        version = str(package.version or "")
        for dependency in sorted(item["name"] for item in package.dependencies or ()):
            if dependency in found:
                found[dependency].append(Demander(package=package.name, version=version))
    return found


def _wanted(name: str, demanders: Sequence[Demander]) -> Iterator[Wanted]:
    others = tuple(str(demander) for demander in demanders if demander.package is not None)
    if others:
        yield Wanted(text=name, by=others)


def _bounds(name: str, told: Mapping[str, Any]) -> Iterator[Bound]:
    for group in told.get("why-not-newer", ()):
        if group.get("name") == name:
            yield Bound(
                text=str(group.get("why", "")),
                versions=tuple(Version(text) for text in group.get("versions", ())),
                rule=group.get("rule") or None,
                evidence=tuple(map(str, group.get("evidence", ()))),
            )


def _absence(name: str, told: Mapping[str, Any]) -> Iterator[str]:
    for left in told.get("left-out", ()):
        if left.get("name") == name:
            yield "you want it where it is supported, and it is left out:"
            yield from (f"- {reason}" for reason in left.get("why", ()))
    if name in told.get("excluded", ()):
        yield "you exclude it"
    for provided in told.get("target", {}).get("provided", ()):
        if str(provided).partition("==")[0] == name:
            yield f"a module provides it: {provided}"


def _near(name: str, packages: Sequence[Package]) -> Iterator[str]:
    """Yield what may have been meant by a name that nothing requires."""
    import difflib

    near = difflib.get_close_matches(name, [str(package.name) for package in packages], n=1, cutoff=0.75)
    yield from (f"nothing there requires it; did you mean {other}?" for other in near)


def _open(chains: Sequence[Chain], bounds: Sequence[Bound], told: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the lock does not tell of newer releases."""
    if bounds:
        return
    if "requirements" in told and any(chain.is_direct for chain in chains):
        yield "it was the newest release when it was locked"
    else:
        yield "what keeps it from being newer is not in the lock; --solve tells it"


def _notes(name: str, told: Mapping[str, Any]) -> Iterator[str]:
    for kind in ("conditions", "warnings"):
        for one in told.get(kind, ()):
            if one.get("package") == name:
                yield f"{one.get('why', '')} [{one.get('rule', '')}]"
