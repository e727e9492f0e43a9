"""A page of files as an index states it, in either format."""

from __future__ import annotations

import re
from collections.abc import Sequence

from envfit.distribution import ListedFile
from envfit.frozen import frozen

__all__ = ["File", "NotAPageError", "Page", "sha256_of"]

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


class NotAPageError(Exception):
    """A body is no project page."""


@frozen
class File:
    """One file as a page states it, in either format."""

    filename: str
    url: str  # possibly relative to the page
    sha256: str | None = None
    size: int | None = None
    upload_time: str | None = None
    requires_python: str | None = None
    yanked: str | None = None
    metadata_sha256: str | None = None


@frozen
class Page:
    """A page of files, in either format."""

    files: Sequence[ListedFile]
    status: str | None = None
    status_reason: str | None = None


def sha256_of(value: object) -> str | None:
    """Return a sha256 in lower case; None for anything else."""
    return value.lower() if isinstance(value, str) and _SHA256.fullmatch(value) else None
