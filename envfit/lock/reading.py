"""A PEP 751 document as the distributions that it names, and as the target that it was made for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from packaging.markers import Marker
from packaging.pylock import Package, PackageSdist, PackageWheel, Pylock, PylockValidationError
from packaging.utils import parse_wheel_filename
from packaging.version import Version

from envfit.distribution import Distribution, Sdist, Wheel
from envfit.errors import LockError, TargetError
from envfit.frozen import frozen
from envfit.lock.document import BUILDS_MARKER
from envfit.lock.provided import provided_of
from envfit.project.pylock_reference import reference_of
from envfit.reference import ReferenceKind
from envfit.target import Capability, Fact, FactState, Gpu, Platform, Target

__all__ = ["LockedPackage", "locked_packages", "locked_target", "parse_lock", "rebased"]

# The version of a source tree, which PEP 751 leaves out of a lock.
_UNSTATED = Version("0")


@frozen
class LockedPackage:
    """One package of a lock, read back."""

    name: str
    version: Version | None  # None for a source tree, whose version PEP 751 leaves out
    distribution: Distribution
    dependencies: tuple[str, ...]
    build: bool  # compiled for a GPU on the machine that installs

    @property
    def is_source_tree(self) -> bool:
        """Whether it is a directory or a repository, of which no hash is known."""
        reference = self.distribution.reference
        return reference is not None and reference.kind is not ReferenceKind.ARCHIVE

    def __str__(self) -> str:
        return f"{self.name} {self.version}" if self.version is not None else self.name


def locked_packages(lock: Pylock) -> tuple[LockedPackage, ...]:
    """Return the packages of a lock that names one file or source tree for each, as envfit writes them.

    Raises LockError on an entry that leaves the choice between several wheels open.
    """
    return tuple(_locked(package) for package in lock.packages)


def rebased(lock: Pylock, folder: Path) -> Pylock:
    """Return a lock whose paths, relative to a folder, are absolute: fit to be read in another place."""
    return replace(lock, packages=[_rebased(package, folder) for package in lock.packages])


def _rebased(package: Package, folder: Path) -> Package:
    if package.directory is not None:
        path = os.path.normpath(folder / package.directory.path)
        return replace(package, directory=replace(package.directory, path=path))
    if package.archive is not None and package.archive.path is not None:
        path = os.path.normpath(folder / package.archive.path)
        return replace(package, archive=replace(package.archive, path=path))
    wheels = [
        replace(wheel, path=os.path.normpath(folder / wheel.path)) if wheel.path is not None else wheel
        for wheel in package.wheels or ()
    ]
    sdist = package.sdist
    if sdist is not None and sdist.path is not None:
        sdist = replace(sdist, path=os.path.normpath(folder / sdist.path))
    return replace(package, wheels=wheels or None, sdist=sdist)


def _locked(package: Package) -> LockedPackage:
    direct = _locked_directly(package)
    if direct is not None:
        return _locked_as(package, direct)
    wheels = list(package.wheels or ())
    files: list[PackageWheel | PackageSdist] = [*wheels]
    if not wheels and package.sdist is not None:
        files = [package.sdist]
    if len(files) != 1 or package.version is None:
        raise LockError(
            f"{package.name} is not locked to one file",
            hints=["envfit installs locks that envfit wrote; lock again with envfit lock"],
        )
    file = files[0]
    url = file.path or file.url or ""  # as uv does
    if isinstance(file, PackageWheel):
        name, version, build_tag, tags = parse_wheel_filename(file.filename)
        distribution: Distribution = Wheel(
            name=name,
            version=version,
            filename=file.filename,
            url=url,
            index=package.index or "",
            build_tag=build_tag,
            tags=tags,
            sha256=file.hashes.get("sha256"),
            size=file.size,
            upload_time=file.upload_time,
            requires_python=package.requires_python,
        )
    else:
        distribution = Sdist(
            name=package.name,
            version=package.version,
            filename=file.filename,
            url=url,
            index=package.index or "",
            sha256=file.hashes.get("sha256"),
            size=file.size,
            upload_time=file.upload_time,
            requires_python=package.requires_python,
        )
    return _locked_as(package, distribution)


def _locked_as(package: Package, distribution: Distribution) -> LockedPackage:
    return LockedPackage(
        name=package.name,
        version=package.version,
        distribution=distribution,
        dependencies=tuple(item["name"] for item in package.dependencies or ()),
        build=package.marker is not None and str(package.marker) == str(Marker(BUILDS_MARKER)),
    )


def _locked_directly(package: Package) -> Distribution | None:
    """Return what a direct reference in a lock names, or None where the entry is a file of an index."""
    reference = reference_of(package)
    if reference is None:
        return None
    filename = str(reference)
    if package.archive is not None:
        # An address writes "+" of a local version as %2B, and may have a query.
        path = unquote(urlsplit(package.archive.url).path) if package.archive.url else reference.url
        filename = path.rpartition("/")[2]
    stated: dict[str, Any] = {
        "filename": filename,
        "url": reference.url,
        "index": "",
        "sha256": reference.sha256,
        "size": package.archive.size if package.archive is not None else None,
        "requires_python": package.requires_python,
        "reference": reference,
    }
    if filename.endswith(".whl"):
        name, version, build_tag, tags = parse_wheel_filename(filename)
        return Wheel(name=name, version=version, build_tag=build_tag, tags=tags, **stated)
    return Sdist(name=package.name, version=package.version or _UNSTATED, **stated)


def locked_target(lock: Pylock) -> Target | None:
    """Return the target that a lock says it was made for, or None where it says none.

    This informs a later ``lock`` of the same file and decides nothing at
    installation.  Raises LockError on a malformed table.
    """
    tool = (lock.tool or {}).get("envfit")
    table = tool.get("target") if isinstance(tool, Mapping) else None
    if not isinstance(table, Mapping):
        return None
    try:
        return Target(
            platform=Platform.parse(table["platform"]),
            python=Version(table["python"]),
            gpus=tuple(_gpu(item) for item in table["gpus"]),
            facts=tuple(_fact(item) for item in table["facts"]),
            provided=provided_of(table),
            name=table.get("name"),
            assumed=frozenset(table.get("assumed", ())),
            ignored_gpus=tuple(_gpu(item) for item in table.get("ignored-gpus", ())),
        )
    except (AttributeError, KeyError, TypeError, ValueError, TargetError) as error:
        raise LockError(f"the lock's [tool.envfit.target] is malformed: {error!r}") from error


def _gpu(table: Mapping[str, Any]) -> Gpu:
    return Gpu(
        name=table["name"], capability=Capability.parse(table["capability"]), source=table.get("source", "")
    )


def _fact(table: Mapping[str, Any]) -> Fact:
    return Fact(
        name=table["name"],
        state=FactState(table["state"]),
        value=table.get("value", ""),
        source=table.get("source", ""),
        assumed=table.get("assumed", False),
    )


def parse_lock(data: Mapping[str, Any], where: str) -> Pylock:
    """Return a validated lock; raises LockError that names the place in the document."""
    try:
        return Pylock.from_dict(data)
    except PylockValidationError as error:
        raise LockError(f"{where} is not a valid lock: {error}") from error
