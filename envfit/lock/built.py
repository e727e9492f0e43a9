"""A lock in which compiled wheels stand where source distributions did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from packaging.pylock import Package, PackageWheel, Pylock
from packaging.version import Version

from envfit.frozen import frozen

__all__ = ["CompiledWheel", "with_wheels"]


@frozen
class CompiledWheel:
    """A wheel that was compiled of a locked source distribution."""

    path: Path
    version: Version
    sha256: str
    size: int  # bytes


def with_wheels(lock: Pylock, wheels: Mapping[str, CompiledWheel]) -> Pylock:
    """Return a lock that installs compiled wheels, which are given by normalized name.

    They are no longer builds to be made, so their marker goes.
    """
    return replace(lock, packages=[_package(package, wheels) for package in lock.packages])


def _package(package: Package, wheels: Mapping[str, CompiledWheel]) -> Package:
    built = wheels.get(package.name)
    if built is None:
        return package
    wheel = PackageWheel(
        name=built.path.name, path=str(built.path), hashes={"sha256": built.sha256}, size=built.size
    )
    return replace(
        package,
        version=built.version,
        marker=None,
        index=None,
        sdist=None,
        archive=None,
        directory=None,
        vcs=None,
        wheels=[wheel],
    )
