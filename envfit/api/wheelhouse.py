"""A directory with every file of a lock, and the lock beside them that names them there."""

from __future__ import annotations

import contextlib
import enum
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.pylock import Package, Pylock

from envfit.address import is_local, local_path
from envfit.api.indexes import Downloads, IndexRequest, open_downloads
from envfit.api.targets import Notify
from envfit.distribution import Distribution, Sdist
from envfit.errors import FileError, LockError
from envfit.frozen import frozen
from envfit.index.fetching import fetch_files
from envfit.index.file_hash import hash_of_file
from envfit.index.progress import Progress
from envfit.install.find_links import found_in
from envfit.lock.file import placed_lock, write_lock
from envfit.lock.reading import LockedPackage, locked_packages
from envfit.project import mirrors_of

if TYPE_CHECKING:
    from envfit.install.make import Watch

__all__ = ["HouseFile", "Origin", "Wheelhouse", "WheelhouseRequest", "wheelhouse"]


class Origin(enum.Enum):
    """How a file came into a wheelhouse."""

    THERE = "there"  # it was in it
    LINKED = "linked"  # from a directory of this machine
    COPIED = "copied"  # likewise, where the disk is another
    DOWNLOADED = "downloaded"


@frozen
class WheelhouseRequest:
    """What ``wheelhouse`` is asked for."""

    directory: Path
    lock: Path | None = None  # None: pylock.toml
    mirrors: tuple[str, ...] = ()  # CANONICAL=MIRROR
    find_links: tuple[Path, ...] = ()  # directories to take files from instead of downloading


@frozen
class HouseFile:
    """One file of a wheelhouse."""

    package: LockedPackage
    size: int  # bytes
    origin: Origin

    @property
    def is_source(self) -> bool:
        """Whether it is built where it is installed."""
        return isinstance(self.package.distribution, Sdist)


@frozen
class Wheelhouse:
    """What lies in a wheelhouse, and how it came there."""

    directory: Path
    lock: Path
    files: tuple[HouseFile, ...]
    received: int  # bytes that came over the network
    left_out: tuple[str, ...] = field(default=())  # source trees, which are no files


def wheelhouse(
    request: WheelhouseRequest,
    environ: Mapping[str, str],
    *,
    notify: Notify = lambda _: None,
    watch: Watch | None = None,
) -> Wheelhouse:
    """Bring every file of a lock into a directory, and write the lock that names them by their paths.

    Files that are there and right are kept, wrong ones are replaced, and what broke off
    goes on where it did.  Raises LockError, SourceError that names every file that did
    not come, and FileError.
    """
    path = request.lock or Path("pylock.toml")
    lock = placed_lock(path)
    packages = locked_packages(lock)
    wanted = [package for package in packages if not package.is_source_tree]
    _require_names(wanted)
    directory = request.directory
    _make(directory)
    indexes = IndexRequest(
        directory=path.parent,
        mirrors=request.mirrors,
        project_mirrors=mirrors_of(path.parent / "pyproject.toml"),
    )
    with open_downloads(indexes, environ, notify) as downloads:
        origins = _there(wanted, directory, notify)
        rest = [package.distribution for package in wanted if package.name not in origins]
        places = downloads.places(rest)
        sources = _on_this_machine(rest, places, request.find_links, downloads)
        for package in wanted:
            source = sources.get(package.distribution.url)
            if source is not None and package.name not in origins:
                origins[package.name] = _brought(source, directory / package.distribution.filename)
        rest = [package.distribution for package in wanted if package.name not in origins]
        received = _fetched(rest, directory, downloads, places, notify=notify, watch=watch)
    written = directory / path.name
    write_lock(_named_there(lock, wanted), written)
    return Wheelhouse(
        directory=directory,
        lock=written,
        files=tuple(
            HouseFile(
                package=package,
                size=(directory / package.distribution.filename).stat().st_size,
                origin=origins.get(package.name, Origin.DOWNLOADED),
            )
            for package in wanted
        ),
        received=received,
        left_out=tuple(str(package.distribution) for package in packages if package.is_source_tree),
    )


def _require_names(packages: Iterable[LockedPackage]) -> None:
    """Raise LockError where a file would lie outside of the directory, or two have one name."""
    seen: set[str] = set()
    for package in packages:
        name = package.distribution.filename
        if not name or name != Path(name).name or name.startswith("."):
            raise LockError(f"{package} is locked with a file name that is none: {name!r}")
        if name in seen:
            raise LockError(f"two packages of the lock have a file of one name, {name}")
        seen.add(name)


def _make(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"cannot make {directory}: {error.strerror or error}") from error


def _there(packages: Sequence[LockedPackage], directory: Path, notify: Notify) -> dict[str, Origin]:
    """Return the packages whose files are in the directory as the lock has them."""
    found = {}
    for package in packages:
        path = directory / package.distribution.filename
        if not path.is_file():
            continue
        if _is_right(package.distribution, path):
            found[package.name] = Origin.THERE
        else:
            notify(f"{path.name} is not the file of the lock, and is replaced")
    return found


def _is_right(file: Distribution, path: Path) -> bool:
    if file.size is not None and path.stat().st_size != file.size:
        return False
    return file.sha256 is None or hash_of_file(path)[0] == file.sha256


def _on_this_machine(
    files: Sequence[Distribution], places: Mapping[str, str], links: Sequence[Path], downloads: Downloads
) -> Mapping[str, Path]:
    """Return the files that lie on this machine, by their addresses in the lock."""
    found = dict(found_in(links, files))
    for file in files:
        address = downloads.session.address(places.get(file.url, file.url))
        if file.url in found or ("://" in address and not is_local(address)):
            continue
        path = local_path(address) if is_local(address) else Path(address)
        if not path.is_file():
            raise FileError(f"{file.filename} is locked as {path}, and there is nothing")
        if not _is_right(file, path):
            raise FileError(f"{path} is not the file of the lock, {file.filename}: its sha256 is another")
        found[file.url] = path
    return found


def _brought(source: Path, place: Path) -> Origin:
    """Link a file, or copy it, in one step: nobody sees half of it."""
    beside = place.with_name(f".{place.name}.new")
    try:
        beside.unlink(missing_ok=True)
        try:
            os.link(source.resolve(), beside)
            origin = Origin.LINKED
        except OSError:
            shutil.copyfile(source, beside)
            origin = Origin.COPIED
        beside.replace(place)
    except OSError as error:
        raise FileError(f"cannot write {place}: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)  # where it and the file are one already, a rename does nothing
    return origin


def _fetched(
    files: Sequence[Distribution],
    directory: Path,
    downloads: Downloads,
    places: Mapping[str, str],
    *,
    notify: Notify,
    watch: Watch | None,
) -> int:
    if not files:
        return 0
    size = sum(file.size or 0 for file in files)
    _require_room(directory, files, size)
    more = "" if all(file.size for file in files) else ", and more whose size is not stated"
    notify(f"downloading {len(files)} files, {size / 1e6:.1f} MB{more}")
    progress = Progress(
        {file.filename: file.size for file in files if file.size}, noun="files", whole=float(size)
    )
    if watch is not None:
        watch(progress.status)
    return fetch_files(
        files, directory, session=downloads.session, addresses=places, progress=progress, notify=notify
    )


def _require_room(directory: Path, files: Sequence[Distribution], size: int) -> None:
    """Raise FileError where the disk has not the room that is still needed."""
    had = sum(
        part.stat().st_size
        for part in (directory / f".{file.filename}.part" for file in files)
        if part.is_file()
    )
    free = shutil.disk_usage(directory).free
    if size - had > free:
        raise FileError(
            f"{directory} has {free / 1e6:.0f} MB free, and {(size - had) / 1e6:.0f} MB are to be downloaded"
        )


def _named_there(lock: Pylock, packages: Sequence[LockedPackage]) -> Pylock:
    """Return a lock that names files by paths beside it."""
    names = {package.name: package.distribution.filename for package in packages}
    return replace(
        lock,
        packages=[
            _beside(package, names[package.name]) if package.name in names else package
            for package in lock.packages
        ],
    )


def _beside(package: Package, filename: str) -> Package:
    if package.archive is not None:
        return replace(package, archive=replace(package.archive, url=None, path=filename))
    if package.wheels:
        wheels = [replace(wheel, name=filename, url=None, path=filename) for wheel in package.wheels]
        return replace(package, wheels=wheels, sdist=None)
    if package.sdist is not None:
        sdist = replace(package.sdist, name=filename, url=None, path=filename)
        return replace(package, sdist=sdist)
    return package
