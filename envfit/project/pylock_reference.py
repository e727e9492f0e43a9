"""What a package of a pylock.toml names directly, instead of files of an index (PEP 751)."""

from __future__ import annotations

from packaging.pylock import Package

from envfit.reference import DirectReference, ReferenceKind

__all__ = ["reference_of"]


def reference_of(package: Package) -> DirectReference | None:
    """Return the archive, repository or directory that a locked package is; None for files of an index."""
    if package.archive is not None:
        return DirectReference(
            kind=ReferenceKind.ARCHIVE,
            url=package.archive.url or package.archive.path or "",
            subdirectory=package.archive.subdirectory,
            sha256=package.archive.hashes.get("sha256"),
        )
    if package.vcs is not None:
        return DirectReference(
            kind=ReferenceKind.GIT,
            url=package.vcs.url or package.vcs.path or "",
            revision=package.vcs.requested_revision,
            commit=package.vcs.commit_id,
            subdirectory=package.vcs.subdirectory,
        )
    if package.directory is not None:
        return DirectReference(
            kind=ReferenceKind.DIRECTORY,
            url=package.directory.path,
            subdirectory=package.directory.subdirectory,
            editable=package.directory.editable or False,
        )
    return None
