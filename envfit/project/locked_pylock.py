"""``pylock.toml`` of any tool, with several wheels for a package, environments, extras and groups.

Source: PEP 751.
"""

from __future__ import annotations

from pathlib import Path

from packaging.pylock import (
    Package,
    PackageSdist,
    PackageWheel,
    Pylock,
    PylockUnsupportedVersionError,
    PylockValidationError,
)

from envfit.distribution import Distribution
from envfit.errors import LockError
from envfit.project.locked import PYLOCK, LockedEntry, LockedFile
from envfit.project.locked_files import locked_distribution, referred_distribution
from envfit.project.pylock_reference import reference_of
from envfit.project.toml_file import read_toml

__all__ = ["read_locked_pylock"]

# The group of what envfit leaves to be compiled.
_BUILDS = "builds"


def read_locked_pylock(path: Path) -> LockedFile:
    """Read a lock; raises LockError where it is none or malformed, FileError where it cannot be read."""
    data = read_toml(path)
    details = {"file": str(path)}
    if "lock-version" not in data:
        raise LockError(f"{path} is not a lock: it has no lock-version", details=details)
    try:
        lock = Pylock.from_dict(data)
    except PylockUnsupportedVersionError as error:
        raise LockError(f"{path}: {error}", details=details) from None
    except PylockValidationError as error:
        raise LockError(f"{path} is not a valid lock: {error}", details=details) from None
    groups = frozenset(map(str, lock.dependency_groups or ()))
    return LockedFile(
        path=str(path),
        form=PYLOCK,
        entries=tuple(_entry(package, path) for package in lock.packages),
        requires_python=lock.requires_python,
        environments=tuple(lock.environments or ()),
        extras={str(name): () for name in lock.extras or ()},
        groups=dict.fromkeys(groups, ()),
        # What envfit leaves to be compiled belongs to what it locked.
        default_groups=frozenset(map(str, lock.default_groups or ())) | (groups & {_BUILDS}),
        relock=("-r", str(path)),
    )


def _entry(package: Package, path: Path) -> LockedEntry:
    direct = reference_of(package)
    files = (
        _files(package, path)
        if direct is None
        else (
            referred_distribution(
                direct,
                path=path,
                name=package.name,
                version=package.version,
                requires_python=package.requires_python,
            ),
        )
    )
    return LockedEntry(
        name=package.name,
        version=package.version,
        where=str(path),
        files=files,
        reference=direct,
        marker=package.marker,
        requires_python=package.requires_python,
    )


def _files(package: Package, path: Path) -> tuple[Distribution, ...]:
    files: list[PackageWheel | PackageSdist] = [*(package.wheels or ())]
    if package.sdist is not None:
        files.append(package.sdist)
    return tuple(
        locked_distribution(
            file.filename,
            path=path,
            name=package.name,
            version=package.version,
            url=file.url or file.path or "",
            index=package.index or "",
            sha256=file.hashes.get("sha256"),
            size=file.size,
            upload_time=file.upload_time,
            requires_python=package.requires_python,
        )
        for file in files
    )
