"""The shared libraries of an environment, whose they are, and what the dynamic loader would load with each.

Nothing is loaded.  What the loader looks at beside the environment is given:
LD_LIBRARY_PATH, the loader's cache and the system's directories are those of this machine.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from envfit.binary.linkage import Linkage, read_linkage
from envfit.binary.loader import Loader, Loading, expanded
from envfit.frozen import frozen
from envfit.installed.loader_cache import SYSTEM_DIRECTORIES, read_loader_cache
from envfit.installed.model import InstalledEnvironment, PrefixKind
from envfit.installed.owners import read_owners

__all__ = ["Libraries", "SharedLibrary", "read_libraries"]


@frozen
class SharedLibrary:
    """One library of an environment."""

    path: str
    owner: str | None  # normalized name of its distribution, or of its conda package; None: nobody's
    place: str  # relative to its site directory, or to the prefix
    size: int  # bytes
    linkage: Linkage
    loading: Loading

    @property
    def name(self) -> str:
        """Its file name."""
        return self.path.rpartition("/")[2]

    @property
    def answers_to(self) -> frozenset[str]:
        """The names under which it satisfies others once it is loaded."""
        return frozenset({self.name, self.linkage.soname or self.name})


@frozen
class Libraries:
    """The shared libraries of an environment, by path."""

    libraries: tuple[SharedLibrary, ...]
    sizes: tuple[tuple[str, int], ...]  # bytes of each file that is loaded with them from elsewhere, by path


def read_libraries(
    environment: InstalledEnvironment,
    *,
    library_path: Sequence[str] = (),
    root: Path = Path("/"),
) -> Libraries:
    """Read every library in the site directories, and in ``lib`` of a conda prefix.

    ``library_path`` are the directories of LD_LIBRARY_PATH; ``root`` is the system's,
    for its loader's cache.
    """
    disk = _Disk()
    loader = Loader(
        disk,
        program_rpath=_program_rpath(environment),
        library_path=[os.path.normpath(item) for item in library_path if item.startswith("/")],
        cache=read_loader_cache(root / "etc/ld.so.cache"),
        directories=SYSTEM_DIRECTORIES,
    )
    owners = read_owners(environment, libraries_only=True)
    found: dict[str, SharedLibrary] = {}
    for base, path in _files(environment):
        linkage = disk.linkage(path)
        if linkage is None or path in found:
            continue
        found[path] = SharedLibrary(
            path=path,
            owner=owners.of(path),
            place=os.path.relpath(path, base),
            size=Path(path).stat().st_size,
            linkage=linkage,
            loading=loader.load(path),
        )
    elsewhere = {path for item in found.values() for path in item.loading.loaded} - found.keys()
    return Libraries(
        libraries=tuple(found[path] for path in sorted(found)),
        sizes=tuple((path, Path(path).stat().st_size) for path in sorted(elsewhere)),
    )


class _Disk:
    """Libraries of the disk, each read once."""

    @functools.cache  # noqa: B019 - lives as long as one reading
    def linkage(self, path: str) -> Linkage | None:
        try:
            with Path(path).open("rb") as file:
                return read_linkage(file)
        except (OSError, ValueError):
            return None

    @functools.cache  # noqa: B019
    def real(self, path: str) -> str:
        return os.path.realpath(path)


def _program_rpath(environment: InstalledEnvironment) -> tuple[str, ...]:
    if environment.python is None:
        return ()
    program = os.path.realpath(environment.python)
    linkage = _Disk().linkage(program)
    return () if linkage is None or linkage.runpath else expanded(linkage.rpath, program)


def _files(environment: InstalledEnvironment) -> Iterator[tuple[str, str]]:
    """Yield the files that may be libraries, each after the directory that its place is relative to."""
    for directory in environment.site_directories:
        for path in _walk(directory):
            yield str(directory), path
    if environment.kind is PrefixKind.CONDA and (environment.prefix / "lib").is_dir():
        for file in sorted((environment.prefix / "lib").iterdir()):
            if ".so" in file.name and file.is_file() and not file.is_symlink():
                yield str(environment.prefix), str(file)


def _walk(directory: Path) -> Iterator[str]:
    for parent, directories, names in os.walk(directory):
        directories.sort()
        for name in sorted(names):
            if name.endswith(".so") or ".so." in name:
                yield f"{parent}/{name}"
