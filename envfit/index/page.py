"""A page of files as an index states it, in either format."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from envfit.distribution import ListedFile

__all__ = ["File", "NotAPageError", "Page", "sha256_of"]


class NotAPageError(Exception):
    """A body is no project page."""


@dataclass(frozen=True, slots=True, kw_only=True)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of files, in either format."""

    files: Sequence[ListedFile]
    status: str | None = None
    status_reason: str | None = None


def sha256_of(value: object) -> str | None:
    """Return a sha256 in lower case; None for anything else."""
    if isinstance(value, str) and re.fullmatch(r"[0-9a-fA-F]{64}", value):
        return value.lower()
    return None
