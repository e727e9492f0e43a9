"""Why a package is in a lock, as far as the lock itself tells: no index is asked, nothing is resolved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from packaging.pylock import Pylock
from packaging.utils import canonicalize_name
from packaging.version import Version

from envfit.api.asking import Account, Bound, Wanted
from envfit.api.reading import with_kept_code
from envfit.knowledge.gpu_code import gpu_code
from envfit.knowledge.model import KnowledgeBase
from envfit.knowledge.query import Query
from envfit.lock.file import read_lock
from envfit.lock.reading import LockedPackage, locked_packages, locked_target
from envfit.project import read_files
from envfit.resolve.chains import Demander, chains_to

__all__ = ["account_of_lock"]


def account_of_lock(
    name: str, path: Path, base: KnowledgeBase, *, environ: Mapping[str, str], chains: int
) -> Account:
    """Account for one package of a lock; raises LockError where the file is none.

    Ranges, extras and markers are not in a lock, so of who brings a package in only the name is told.
    """
    name = canonicalize_name(name)
    lock = read_lock(path)
    packages = {package.name: package for package in locked_packages(lock)}
    package = packages.get(name)
    told = (lock.tool or {}).get("envfit", {})
    if package is None:
        return Account(name=name, version=None, source=str(path), absent=tuple(_absence(name, told)))
    demanders = _demanders(path, packages.values())
    found = chains_to(name, demanders, limit=chains + 1)
    bounds = tuple(_bounds(name, told))
    code = None
    target = locked_target(lock)
    if target is not None:
        query = Query(with_kept_code(base, lock, environ), target)
        code = gpu_code(query, name, package.distribution)
    return Account(
        name=name,
        version=package.version,
        source=str(path),
        chains=found[:chains],
        is_more=len(found) > chains,
        wanted=tuple(_wanted(name, demanders[name])),
        code=code,
        bounds=bounds,
        newest=max((version for bound in bounds for version in bound.versions), default=None),
        notes=tuple(_notes(lock, name)),
    )


def _demanders(path: Path, packages: Any) -> dict[str, list[Demander]]:
    """Return who brings each package in: the user first, then by name."""
    found: dict[str, list[Demander]] = {package.name: [] for package in packages}
    asked = read_files([path])
    for declared in (*asked.requirements, *asked.settings.if_supported):
        if declared.name in found:
            found[declared.name].append(
                Demander(package=None, wanted=declared.text, said=f"{declared.text} ({declared.where})")
            )
    ordered: Sequence[LockedPackage] = sorted(packages, key=lambda package: package.name)
    for package in ordered:
        for dependency in sorted(package.dependencies):
            if dependency in found:
                found[dependency].append(Demander(package=package.name, version=str(package.version or "")))
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
            yield (f"you want it where it is supported, and it is left out: {'; '.join(left.get('why', ()))}")
    if name in told.get("excluded", ()):
        yield "you exclude it"
    for provided in told.get("target", {}).get("provided", ()):
        if str(provided).partition("==")[0] == name:
            yield f"a module provides it: {provided}"


def _notes(lock: Pylock, name: str) -> Iterator[str]:
    told = (lock.tool or {}).get("envfit", {})
    for kind in ("conditions", "warnings"):
        for one in told.get(kind, ()):
            if one.get("package") == name:
                yield f"{one.get('why', '')} [{one.get('rule', '')}]"
