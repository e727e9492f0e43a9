"""One locked package as a line of a requirements file."""

from __future__ import annotations

from envfit.lock.reading import LockedPackage
from envfit.reference import DirectReference, ReferenceKind

__all__ = ["pin_line"]


def pin_line(package: LockedPackage) -> str:
    """Return the line that installs exactly this package; paths stay relative to the lock."""
    reference = package.distribution.reference
    if reference is None:
        return f"{package.name}=={package.version}"
    if reference.kind is ReferenceKind.DIRECTORY or "://" not in reference.url:
        return f"{'-e ' if reference.editable else ''}{_path(reference)}"
    return f"{package.name} @ {reference}"


def _path(reference: DirectReference) -> str:
    path = reference.url if reference.url.startswith(("/", ".")) else f"./{reference.url}"
    return f"{path}#subdirectory={reference.subdirectory}" if reference.subdirectory else path
