"""An environment as it lies on the disk: its kind, its Python, its distributions."""

from __future__ import annotations

import enum
from pathlib import Path

from packaging.version import Version

from envfit.frozen import frozen

__all__ = ["InstalledDistribution", "InstalledEnvironment", "InstalledFile", "PrefixKind"]


class PrefixKind(enum.Enum):
    """Who made a prefix, and so who may change it."""

    ENVFIT = "envfit"
    VENV = "venv"
    CONDA = "conda"
    SYSTEM = "system"


@frozen
class InstalledFile:
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


@frozen
class InstalledEnvironment:
    """A prefix, its interpreter and what is installed there, sorted by name."""

    prefix: Path
    kind: PrefixKind
    python: Path | None  # its interpreter; None where there is none
    python_version: Version | None  # as far as its files tell
    site_directories: tuple[Path, ...]  # in the order of the search path
    distributions: tuple[InstalledDistribution, ...]
