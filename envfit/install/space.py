"""The room that an installation takes: what is downloaded, what it is unpacked, and what the disks have.

What uv's cache has already cannot be asked of uv without its looking files up, so all is
told as if nothing were cached, unless the cache is on the same file system and may have it.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from envfit.distribution import Wheel
from envfit.errors import InstallError, SpaceError
from envfit.frozen import frozen
from envfit.install.run_uv import find_uv
from envfit.lock.reading import LockedPackage

__all__ = ["RATIO", "Room", "Space", "require_room", "size_text", "space_for"]

#: Unpacked size of wheels to their own: 400 wheels of 686 locks for GPUs, 15.1 GB, 33.3 GB unpacked
#: (read from their directories on 2026-11-28 by ``python -m judges.unpacked``).
RATIO = 2.2
_MEASURED = 400
#: From this size on no wheel of these was smaller unpacked than packed; bytes.
_SURE_FROM = 1_000_000


@frozen
class Room:
    """What one file system must hold; bytes."""

    path: Path
    holds: str  # "the environment", "uv's cache"
    about: int  # that are needed, where nothing is cached
    at_least: int  # that are needed for sure
    free: int

    @property
    def is_too_small(self) -> bool:
        """Whether it surely does not fit."""
        return self.at_least > self.free

    @property
    def may_be_too_small(self) -> bool:
        """Whether it does not fit by the estimate."""
        return self.about > self.free

    def __str__(self) -> str:
        return (
            f"{self.holds} ({self.path}): about {size_text(self.about)} needed, {size_text(self.free)} free"
        )


@frozen
class Space:
    """What an installation downloads and takes up; bytes."""

    files: int  # to download
    unstated: int  # files of those whose size the lock does not say
    download: int  # of the others
    unpacked: int  # about
    is_cold: bool  # whether uv's cache surely has nothing of it
    rooms: tuple[Room, ...]  # one for each file system

    def sentences(self) -> Iterator[str]:
        """Yield what is to be known of it."""
        cached = "" if self.is_cold else ", where uv's cache has none of them"
        unstated = f" and {self.unstated} of unstated size" if self.unstated else ""
        yield f"to download: {_files(self.files)}, {size_text(self.download)}{unstated}{cached}"
        yield (
            f"unpacked: about {size_text(self.unpacked)} "
            f"({RATIO} times the wheels, as measured over {_MEASURED})"
        )
        yield from map(str, self.rooms)
        for room in self.rooms:
            if room.may_be_too_small and not room.is_too_small:
                yield f"warning: {room.holds} may not fit: {room}"


def space_for(packages: Sequence[LockedPackage], prefix: Path, environ: Mapping[str, str]) -> Space:
    """Estimate the room that packages take, and look at what there is; nothing is written."""
    files = [package.distribution for package in packages if not package.is_source_tree]
    sizes = [file.size for file in files if file.size is not None]
    download = sum(sizes)
    unpacked = round(download * RATIO)
    sure = sum(
        file.size for file in files if isinstance(file, Wheel) and file.size and file.size >= _SURE_FROM
    )
    cache = _cache_directory(environ)
    is_cold = cache is not None and not any(cache.glob("archive-v*/*"))
    return Space(
        files=len(files),
        unstated=len(files) - len(sizes),
        download=download,
        unpacked=unpacked,
        is_cold=is_cold,
        rooms=tuple(_rooms(prefix, cache, unpacked, sure, is_cold=is_cold, environ=environ)),
    )


def require_room(space: Space) -> None:
    """Raise SpaceError where it surely does not fit."""
    for room in space.rooms:
        if room.is_too_small:
            raise SpaceError(
                f"there is no room for {room.holds}: {size_text(room.at_least)} at least, about "
                f"{size_text(room.about)}, and {room.path} has {size_text(room.free)} free",
                hints=[
                    "make room there, or choose another --prefix"
                    if room.holds != _CACHE
                    else "make room there (uv cache prune), or name another directory in UV_CACHE_DIR"
                ],
            )


_ENVIRONMENT = "the environment"
_CACHE = "uv's cache"
_BOTH = "the environment and uv's cache"


def _rooms(
    prefix: Path, cache: Path | None, unpacked: int, sure: int, *, is_cold: bool, environ: Mapping[str, str]
) -> Iterator[Room]:
    place = _existing(prefix.parent)
    store = _existing(cache) if cache is not None else None
    if store is None:
        yield _room(place, _ENVIRONMENT, unpacked, 0)
        return
    is_one = place.stat().st_dev == store.stat().st_dev
    in_cache = sure if is_cold else 0
    if is_one and environ.get("UV_LINK_MODE", "hardlink") != "copy":
        yield _room(place, _BOTH, unpacked, in_cache)  # files of the cache are linked, not copied
    elif is_one:
        yield _room(place, _BOTH, 2 * unpacked, sure + in_cache)
    else:
        yield _room(place, _ENVIRONMENT, unpacked, sure)
        yield _room(store, _CACHE, unpacked, in_cache)


def _room(path: Path, holds: str, about: int, at_least: int) -> Room:
    found = os.statvfs(path)
    return Room(path=path, holds=holds, about=about, at_least=at_least, free=found.f_bavail * found.f_frsize)


def _existing(path: Path) -> Path:
    """Return a directory, or the nearest one above that is there."""
    return next((each for each in (path, *path.parents) if each.is_dir()), Path("/"))


def _cache_directory(environ: Mapping[str, str]) -> Path | None:
    """Return where uv's cache is, by its own settings; None where it does not say."""
    try:
        said = subprocess.run(
            [find_uv(), "cache", "dir"],
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    except (OSError, InstallError):
        return None
    return Path(said.stdout.strip()) if said.returncode == 0 and said.stdout.strip() else None


def _files(count: int) -> str:
    return f"{count} file" + ("" if count == 1 else "s")


def size_text(size: int) -> str:
    """Return a number of bytes as people read it."""
    if size >= 1e9:
        return f"{size / 1e9:.1f} GB"
    return f"{size / 1e6:.0f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"
