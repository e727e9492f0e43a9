"""A lock in which compiled wheels stand where source distributions did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from packaging.pylock import Package, PackageWheel, Pylock
from packaging.version import Version

__all__ = ["with_wheels"]


def with_wheels(lock: Pylock, wheels: Mapping[str, tuple[Path, Version, str]]) -> Pylock:
    """Return a lock that installs compiled wheels: by normalized name the path, the version and the sha256.

    They are no longer builds to be made, so their marker goes.
    """
    return replace(lock, packages=[_package(package, wheels) for package in lock.packages])


def _package(package: Package, wheels: Mapping[str, tuple[Path, Version, str]]) -> Package:
    built = wheels.get(package.name)
    if built is None:
        return package
    path, version, sha256 = built
    wheel = PackageWheel(name=path.name, path=str(path), hashes={"sha256": sha256})
    return replace(
        package,
        version=version,
        marker=None,
        index=None,
        sdist=None,
        archive=None,
        directory=None,
        vcs=None,
        wheels=[wheel],
    )
