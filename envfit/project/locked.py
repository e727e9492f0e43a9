"""What a file locks, whichever tool wrote it: packages, their files, and what chooses among them.

Nothing is chosen here: which of it is installed depends on a target, on extras and on groups.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from packaging.markers import Marker
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envfit.distribution import Distribution
from envfit.frozen import frozen
from envfit.project.settings import Settings
from envfit.reference import DirectReference

__all__ = ["PYLOCK", "REQUIREMENTS", "LockedEntry", "LockedFile", "LockedNeed"]

#: The form of a requirements file, which says nothing of what its packages need.
REQUIREMENTS = "requirements file"
#: The form of PEP 751, which envfit writes too.
PYLOCK = "pylock.toml"


@frozen
class LockedNeed:
    """That a package, or whoever installs the file, needs another."""

    name: str
    version: Version | None = None  # where the file has several versions of the name
    source: str = ""  # where it has several of one version
    specifier: SpecifierSet = field(default_factory=SpecifierSet)
    extras: frozenset[str] = frozenset()
    marker: Marker | None = None


@frozen
class LockedEntry:
    """One package in one version, as a file locks it."""

    name: str  # normalized
    version: Version | None  # None where the file leaves it open, as for a source tree
    where: str  # "uv.lock", "requirements.txt line 3"
    files: tuple[Distribution, ...] = ()  # that may be installed; empty where the file names none
    hashes: frozenset[str] = frozenset()  # sha256 of files that are not named
    reference: DirectReference | None = None  # where it comes from, instead of an index
    source: str = ""  # what tells it from another of the same name and version
    forks: tuple[Marker, ...] = ()  # where it is the one of several versions that is meant; empty: anywhere
    marker: Marker | None = None  # where it is installed; None: wherever it is needed
    groups: frozenset[str] = frozenset()  # that bring it in; empty: all
    requires_python: SpecifierSet | None = None
    extras: frozenset[str] = frozenset()  # that it is wanted with, where nothing else says so
    is_listed: bool = True  # whether an index has it, where one was asked
    needs: tuple[LockedNeed, ...] = ()  # what it requires, where the file or an index says so
    needs_of_extras: Mapping[str, tuple[LockedNeed, ...]] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.name} {self.version}" if self.version is not None else self.name


@frozen
class LockedFile:
    """A file that locks packages."""

    path: str  # as it was named
    form: str  # "uv.lock", "pylock.toml", "requirements file"
    entries: tuple[LockedEntry, ...]
    requires_python: SpecifierSet | None = None
    environments: tuple[Marker, ...] = ()  # that it is for; empty: any
    roots: tuple[LockedNeed, ...] | None = None  # where packages are reached from; None: all are taken
    #: What an extra or a group adds: to the roots, where there are any; else the names alone are known.
    extras: Mapping[str, tuple[LockedNeed, ...]] = field(default_factory=dict)
    groups: Mapping[str, tuple[LockedNeed, ...]] = field(default_factory=dict)
    default_groups: frozenset[str] = frozenset()
    project: str | None = None  # whose extras and groups these are, where markers name it
    unpinned: tuple[str, ...] = ()  # what it asks for without saying which version: "torch>=2 (line 3)"
    is_whole: bool = True  # whether nothing is installed besides what is in it
    is_closed: bool = True  # whether an installer refuses what is not in it
    relock: tuple[str, ...] = ()  # words that name to envfit lock what this was locked from; empty: unknown
    settings: Settings = field(default_factory=Settings)  # what the file says of indexes
    notes: tuple[str, ...] = ()
