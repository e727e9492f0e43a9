"""A resolution as a PEP 751 document.

The chosen files carry every decision: ``[tool.envfit]`` informs a reader and
may be deleted.  Packages that are compiled for a GPU on the machine that
installs stand under the dependency group ``builds``, so that pip and uv install
all the rest unaided.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from packaging.markers import Marker
from packaging.pylock import (
    Package,
    PackageArchive,
    PackageDirectory,
    PackageSdist,
    PackageVcs,
    PackageWheel,
    Pylock,
)
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from envfit.distribution import Distribution, Wheel
from envfit.errors import LockError
from envfit.lock.contract import Contract
from envfit.lock.table import table_of
from envfit.lock.told import relative_path, told_of
from envfit.reference import DirectReference, ReferenceKind
from envfit.resolve.resolution import Pin, Resolution
from envfit.target import Target

__all__ = ["BUILDS", "BUILDS_MARKER", "to_pylock"]

BUILDS = "builds"
BUILDS_MARKER = f"'{BUILDS}' in dependency_groups"


def to_pylock(
    resolution: Resolution,
    contract: Contract,
    *,
    folder: Path = Path("/"),
    carried: Mapping[str, Any] | None = None,
) -> Pylock:
    """Return the lock of a resolution; packages that a module provides are not in it.

    ``folder`` is the absolute path of the directory that the lock lies in: paths in it
    are relative to that.  ``carried`` is the conda half of an environment file, which
    the lock keeps for an export.
    """
    target = resolution.target
    told = told_of(resolution, contract, folder)
    if carried:
        told["conda"] = dict(carried)
    lock = Pylock(
        lock_version=Version("1.0"),
        environments=[_environment(target)],
        requires_python=SpecifierSet(f"=={target.python_minor}.*"),
        dependency_groups=[BUILDS] if any(pin.build for pin in resolution.pins) else None,
        default_groups=[] if any(pin.build for pin in resolution.pins) else None,
        created_by="envfit",
        packages=[
            _package(pin, pin.candidate.distribution, resolution, folder)
            for pin in resolution.pins
            if pin.candidate.distribution is not None
        ],
        tool={"envfit": told},
    )
    Pylock.from_dict(table_of(lock))  # as validate() does, without copying everything
    return lock


def _environment(target: Target) -> Marker:
    return Marker(
        "implementation_name == 'cpython' and "
        f"platform_machine == '{target.platform.machine}' and sys_platform == 'linux'"
    )


def _package(pin: Pin, distribution: Distribution, resolution: Resolution, folder: Path) -> Package:
    # A module's packages are not in the lock, so no entry may point at them.
    dependencies = [
        {"name": other.name, "version": str(other.version)}
        for other in resolution.pins
        if other.name in pin.dependencies and other.candidate.distribution is not None
    ]
    requires_python = distribution.requires_python
    if pin.metadata is not None and pin.metadata.requires_python is not None:
        requires_python = pin.metadata.requires_python
    package = Package(
        name=canonicalize_name(pin.name),
        marker=Marker(BUILDS_MARKER) if pin.build else None,
        requires_python=requires_python,
        dependencies=dependencies or None,
    )
    if distribution.reference is not None:
        return _direct(package, distribution, distribution.reference, folder)
    if not distribution.sha256:
        place = distribution.index or "its release page"
        raise LockError(f"{distribution.filename} has no sha256 on {place}, so it cannot be locked")
    hashes = {"sha256": distribution.sha256}
    if not distribution.index:
        # A prebuilt wheel of a release page: at an address, as if the user had named it (PEP 751).  pip takes
        # it under "wheels" no more than any other whose metadata lacks the label of its name.
        archive = PackageArchive(url=distribution.url, size=distribution.size, hashes=hashes)
        return replace(package, version=pin.version, archive=archive)
    wheel = sdist = None
    if isinstance(distribution, Wheel):
        wheel = PackageWheel(
            name=distribution.filename,
            url=distribution.url,
            upload_time=distribution.upload_time,
            size=distribution.size,
            hashes=hashes,
        )
    else:
        sdist = PackageSdist(
            name=distribution.filename,
            url=distribution.url,
            upload_time=distribution.upload_time,
            size=distribution.size,
            hashes=hashes,
        )
    return replace(
        package,
        version=pin.version,
        index=distribution.index,
        wheels=[wheel] if wheel is not None else None,
        sdist=sdist,
    )


def _direct(
    package: Package, distribution: Distribution, reference: DirectReference, folder: Path
) -> Package:
    """Return the entry of a package that a direct reference names; a source tree has no version there."""
    local = reference.url.startswith("file:") and reference.kind is not ReferenceKind.GIT
    path = relative_path(reference.url, folder) if local else None
    if reference.kind is ReferenceKind.DIRECTORY:
        directory = PackageDirectory(
            path=path or "", editable=reference.editable or None, subdirectory=reference.subdirectory
        )
        return replace(package, directory=directory)
    if reference.kind is ReferenceKind.GIT:
        repository = PackageVcs(
            type="git",
            url=reference.url,
            requested_revision=reference.revision,
            commit_id=reference.commit or "",
            subdirectory=reference.subdirectory,
        )
        return replace(package, vcs=repository)
    archive = PackageArchive(
        url=None if local else reference.url,
        path=path,
        size=distribution.size,
        hashes={"sha256": distribution.sha256 or ""},
        subdirectory=reference.subdirectory,
    )
    return replace(package, archive=archive, version=distribution.version)
