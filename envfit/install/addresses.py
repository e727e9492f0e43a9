"""The lock as uv is given it: the same files by the same hashes, from where they can be had.

Addresses of mirrors and credentials are in it, so it is a file for one user's eyes,
apart from the environment, and gone when uv is done.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

from packaging.pylock import Package, PackageArchive, PackageSdist, PackageWheel, Pylock

from envfit.lock.file import lock_text

__all__ = ["handed_over"]


@contextmanager
def handed_over(lock: Pylock, record: Path, addresses: Mapping[str, str]) -> Iterator[Path]:
    """Yield the path of a lock for uv: the environment's own record where no address is another.

    ``addresses`` gives, by the address in the lock, the one to fetch a file from.
    """
    if not addresses:
        yield record
        return
    moved = replace(lock, packages=[_moved(package, addresses) for package in lock.packages])
    # The directory is for this user alone (mkdtemp), and so is the file.
    with tempfile.TemporaryDirectory(prefix="envfit-") as directory:
        path = Path(directory) / record.name
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(lock_text(moved).encode())
        yield path


def _moved(package: Package, addresses: Mapping[str, str]) -> Package:
    fetched = _fetched(package, addresses)
    if fetched is not None:
        return fetched
    wheels = [_wheel(wheel, addresses) for wheel in package.wheels or ()]
    sdist = _sdist(package.sdist, addresses) if package.sdist is not None else None
    archive = _archive(package.archive, addresses) if package.archive is not None else None
    return replace(package, wheels=wheels or None, sdist=sdist, archive=archive)


def _fetched(package: Package, addresses: Mapping[str, str]) -> Package | None:
    """Return a prebuilt wheel that lies in the cache, without its place there being told to the environment.

    uv records where an archive came from, and nothing of a wheel.
    """
    archive = package.archive
    address = addresses.get(archive.url or "") if archive is not None else None
    if archive is None or address is None or package.version is None:
        return None
    if not address.startswith("file:") or not address.endswith(".whl"):
        return None
    filename = unquote(address.rpartition("/")[2])
    wheel = PackageWheel(name=filename, url=address, size=archive.size, hashes=archive.hashes)
    return replace(package, archive=None, wheels=[wheel])


def _wheel(wheel: PackageWheel, addresses: Mapping[str, str]) -> PackageWheel:
    return replace(wheel, url=addresses.get(wheel.url or "", wheel.url))


def _archive(archive: PackageArchive, addresses: Mapping[str, str]) -> PackageArchive:
    return replace(archive, url=addresses.get(archive.url or "", archive.url))


def _sdist(sdist: PackageSdist, addresses: Mapping[str, str]) -> PackageSdist:
    return replace(sdist, url=addresses.get(sdist.url or "", sdist.url))
