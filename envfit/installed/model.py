"""An environment as it lies on the disk: its kind, its Python, its distributions."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from packaging.version import Version

from envfit.frozen import frozen

__all__ = ["DeadPath", "InstalledDistribution", "InstalledEnvironment", "InstalledFile", "PrefixKind"]


class PrefixKind(enum.Enum):
    """Who made a prefix, and so who may change it."""

    ENVFIT = "envfit"
    VENV = "venv"
    CONDA = "conda"
    SYSTEM = "system"


class InstalledFile(NamedTuple):  # a hundred thousand of them are made at a time
    """One file as RECORD states it."""

    path: str  # relative to the site directory, with forward slashes
    sha256: str | None = None  # urlsafe base64 without padding, as RECORD has it; None where none is stated
    size: int | None = None


@frozen
class InstalledDistribution:
    """One distribution by its metadata directory."""

    name: str  # normalized
    version: Version | None  # None where it has none, or one that is not of PEP 440
    says: str  # its version as written
    directory: Path  # the site directory
    metadata: str  # name of the directory with its metadata, such as "torch-2.8.0.dist-info"
    requires: tuple[str, ...] = ()  # Requires-Dist as written
    requires_python: str | None = None
    tags: tuple[str, ...] = ()  # Tag of its WHEEL file, such as "py3-none-any"
    installer: str = ""  # pip, uv, conda
    editable: str | None = None  # address of the project that it is an editable installation of
    has_metadata: bool = True  # False: its METADATA is gone, and the name of the directory speaks
    has_record: bool = True

    def __str__(self) -> str:
        return f"{self.name} {self.says}".rstrip()

    @property
    def place(self) -> Path:
        """Its metadata directory, or file where it is an old .egg-info."""
        return self.directory / self.metadata


@frozen
class DeadPath:
    """A line of a .pth file that names a directory that is not there."""

    file: Path
    path: Path
    alone: bool = False  # whether the file says nothing else


@frozen
class InstalledEnvironment:
    """A prefix, its interpreter and what is installed there, sorted by name."""

    prefix: Path
    kind: PrefixKind
    python: Path | None  # its interpreter; None where there is none
    python_version: Version | None  # as far as its files tell
    site_directories: tuple[Path, ...]  # in the order of the search path
    distributions: tuple[InstalledDistribution, ...]  # those of one name in the order of the search path
    own_directories: tuple[Path, ...] = ()  # those of the site directories that are the prefix's
    half_removed: tuple[Path, ...] = ()  # what an interrupted pip leaves behind: ~orch
    dead_paths: tuple[DeadPath, ...] = ()
    conda_revision: int | None = None  # the last in conda's history of the prefix
    made_anew: bool = False  # whether it is a version of envfit's that another program made anew
    managed_outside: str = ""  # the file that says that a system's package manager owns it (PEP 668)

    def is_kept_outside(self, distribution: InstalledDistribution) -> bool:
        """Tell whether a system's package manager brought it, which patches files and keeps a record."""
        return bool(self.managed_outside) and "local" not in distribution.directory.parts

    def is_own(self, distribution: InstalledDistribution) -> bool:
        """Tell whether it lies in the prefix and was put there by an installer of Python packages."""
        return distribution.directory in self.own_directories and not self.is_kept_outside(distribution)

    def seen(self) -> Mapping[str, InstalledDistribution]:
        """Return by name what an import sees: the first on the search path."""
        found: dict[str, InstalledDistribution] = {}
        for distribution in self.distributions:
            found.setdefault(distribution.name, distribution)
        return found
