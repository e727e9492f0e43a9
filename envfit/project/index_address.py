"""Addresses of indexes, and of pages and directories of distributions (``--find-links``)."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

from envfit.errors import InputError

__all__ = ["find_links_address", "is_address"]


def is_address(text: str) -> bool:
    """Tell whether a text is an address that an index can have."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return (parts.scheme in ("http", "https") and bool(parts.hostname)) or parts.scheme == "file"


def find_links_address(text: str, *folders: Path) -> str:
    """Return the absolute address of a page or directory of distributions.

    A path is relative to the first of ``folders`` that has it, as pip has it.
    Raises InputError where none has it.
    """
    if is_address(text):
        return text
    if "://" in text:
        # The text is not repeated: it may hold a password.
        raise InputError("this is not an address that begins with https://, http:// or file://")
    for folder in folders:
        # Lexically, so that a link stays how the user names the place.
        path = Path(os.path.normpath(folder.absolute() / text))
        if path.exists():
            return path.as_uri()
    raise InputError(f"{text!r} is a path at which there is nothing")
