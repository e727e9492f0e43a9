"""What the dynamic loader would load for one library: the search of ld.so(8), played through without loading.

Breadth first, as the loader does.  A name is satisfied by whatever has been loaded under it,
else by the first file of the name in: DT_RPATH of the library that asks, of those that it was
loaded for and of the program (all this only where the asking one has no DT_RUNPATH);
LD_LIBRARY_PATH; its DT_RUNPATH; the loader's cache; the system's directories.
"""

from __future__ import annotations

import posixpath
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Protocol

from envfit.binary.linkage import Linkage
from envfit.frozen import frozen

__all__ = ["Files", "Link", "Loader", "Loading", "VersionGap"]


class Files(Protocol):
    """The disk, as far as the loader looks at it."""

    def linkage(self, path: str) -> Linkage | None:
        """Return what a library asks for; None where there is none."""

    def real(self, path: str) -> str:
        """Return a path without links: a file is loaded once, under whatever path it is reached."""


@frozen
class Link:
    """A library that another asks for by name, and where it is found."""

    name: str
    asked_by: str  # path
    found: str | None  # path as the loader opens it, which is where its own $ORIGIN is; None: nowhere
    hidden: str | None = None  # the file of its own search path that LD_LIBRARY_PATH comes before


@frozen
class VersionGap:
    """Versions of symbols that a library asks of another, which does not have them."""

    asked_by: str
    library: str  # path
    versions: tuple[str, ...]


@frozen
class Loading:
    """What is loaded with one library, in order."""

    path: str
    links: tuple[Link, ...]  # the first of each name
    gaps: tuple[VersionGap, ...] = ()

    @property
    def missing(self) -> tuple[Link, ...]:
        """The libraries that are found nowhere."""
        return tuple(link for link in self.links if link.found is None)

    @property
    def loaded(self) -> tuple[str, ...]:
        """The paths of everything that is loaded, itself first."""
        return tuple(dict.fromkeys([self.path, *(link.found for link in self.links if link.found)]))


class Loader:
    """The loader of one program.

    ``program_rpath`` are the directories of the program's own DT_RPATH, ``library_path``
    those of LD_LIBRARY_PATH, ``cache`` the paths that the loader's cache has for names,
    ``directories`` those that it looks in last.
    """

    def __init__(
        self,
        files: Files,
        *,
        program_rpath: Sequence[str] = (),
        library_path: Sequence[str] = (),
        cache: Sequence[tuple[str, str]] = (),
        directories: Sequence[str] = (),
    ) -> None:
        self._files = files
        self._program_rpath = tuple(program_rpath)
        self._library_path = tuple(library_path)
        self._cache: dict[str, list[str]] = {}
        for name, path in cache:
            self._cache.setdefault(name, []).append(path)
        self._directories = tuple(directories)
        # What many libraries are linked with is looked for once.
        self._found: dict[tuple[str, str, tuple[str, ...]], Link] = {}
        self._lacking: dict[tuple[str, str], tuple[str, ...]] = {}

    def load(self, path: str) -> Loading:
        """Return what is loaded with a library."""
        linkage = self._files.linkage(path)
        links: dict[str, Link] = {}
        gaps: list[VersionGap] = []
        if linkage is None:
            return Loading(path=path, links=())
        known = {posixpath.basename(path): path, linkage.soname or posixpath.basename(path): path}
        # Each with the directories of DT_RPATH that it inherits from what asked for it.
        waiting: deque[tuple[str, Linkage, tuple[str, ...]]] = deque([(path, linkage, ())])
        visited = {self._files.real(path)}
        while waiting:
            asking, wants, inherited = waiting.popleft()
            # Where there is a DT_RUNPATH, DT_RPATH of the same library is not looked at.
            own = inherited
            if wants.rpath and not wants.runpath:
                own = tuple(dict.fromkeys([*expanded(wants.rpath, asking), *inherited]))
            for name in wants.needed:
                if name in known or name in links:
                    continue
                link = links[name] = self._link(name, asking, wants, own)
                if link.found is None:
                    continue
                found = self._files.linkage(link.found)
                known[name] = link.found
                if found is None:
                    continue
                known.setdefault(found.soname or name, link.found)
                if self._files.real(link.found) not in visited:
                    visited.add(self._files.real(link.found))
                    waiting.append((link.found, found, own))
            gaps += self._gaps(asking, wants, known)
        return Loading(path=path, links=tuple(links.values()), gaps=tuple(gaps))

    def _gaps(self, asking: str, wants: Linkage, known: dict[str, str]) -> Iterator[VersionGap]:
        for need in wants.needs:
            path = known.get(need.library)
            if path is None:
                continue
            lacking = self._lacking.get((asking, path))
            if lacking is None:
                there = self._files.linkage(path)
                # A library without versions is taken as it is, with a warning.
                defines = frozenset(there.defines) if there is not None else frozenset()
                lacking = tuple(version for version in need.versions if defines and version not in defines)
                self._lacking[asking, path] = lacking
            if lacking:
                yield VersionGap(asked_by=asking, library=path, versions=lacking)

    def _link(self, name: str, asking: str, wants: Linkage, rpath: tuple[str, ...]) -> Link:
        before = () if wants.runpath else (*rpath, *self._program_rpath)
        key = (name, asking, before)
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = self._find(name, asking, wants, before)
        return found

    def _find(self, name: str, asking: str, wants: Linkage, before: Sequence[str]) -> Link:
        if "/" in name:
            return Link(name=name, asked_by=asking, found=self._usable(name, wants))
        runpath = expanded(wants.runpath, asking)
        for directory in before:
            if found := self._usable(f"{directory}/{name}", wants):
                return Link(name=name, asked_by=asking, found=found)
        for directory in self._library_path:
            if found := self._usable(f"{directory}/{name}", wants):
                behind = (self._usable(f"{item}/{name}", wants) for item in runpath)
                hidden = next((path for path in behind if path), None)
                if hidden is not None and self._files.real(hidden) == self._files.real(found):
                    hidden = None
                return Link(name=name, asked_by=asking, found=found, hidden=hidden)
        last = [
            *(f"{directory}/{name}" for directory in runpath),
            *self._cache.get(name, ()),
            *(f"{directory}/{name}" for directory in self._directories),
        ]
        return Link(
            name=name,
            asked_by=asking,
            found=next((path for item in last if (path := self._usable(item, wants))), None),
        )

    def _usable(self, path: str, wants: Linkage) -> str | None:
        """Return the path of a library where there is one for the same machine."""
        linkage = self._files.linkage(path)
        return path if linkage is not None and linkage.machine == wants.machine else None


def expanded(directories: Sequence[str], path: str) -> tuple[str, ...]:
    """Return directories with $ORIGIN, the directory of the library that names them, put in.

    What other words of ld.so(8) are in, $LIB and $PLATFORM, is left out.
    """
    origin = posixpath.dirname(path)
    found = (item.replace("${ORIGIN}", origin).replace("$ORIGIN", origin) for item in directories)
    paths = (posixpath.normpath(item) for item in found if "$" not in item and item.startswith("/"))
    return tuple(dict.fromkeys(paths))
