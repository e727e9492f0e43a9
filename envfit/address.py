"""Addresses (URLs) of indexes and files, and what of them may be shown or recorded."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit

__all__ = [
    "address_of",
    "credentials",
    "is_local",
    "local_path",
    "origin",
    "public_address",
    "with_credentials",
    "without_credentials",
]


def public_address(url: str) -> str:
    """Return the address without user name, password and fragment."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, parts.query, ""))


def credentials(url: str) -> tuple[str, str] | None:
    """Return the user name and password in an address, decoded, or None."""
    userinfo, separator, _ = urlsplit(url).netloc.rpartition("@")
    if not separator:
        return None
    user, _, password = userinfo.partition(":")
    return unquote(user), unquote(password)


def with_credentials(url: str, user: str, password: str) -> str:
    """Return a public address with a user name and a password in it."""
    parts = urlsplit(url)
    netloc = f"{quote(user, safe='')}:{quote(password, safe='')}@{parts.netloc}"
    return urlunsplit((parts.scheme, netloc, parts.path, parts.query, parts.fragment))


def without_credentials(text: str, *, instead: str = "***@") -> str:
    """Replace user name and password of every address in a text, by asterisks unless told otherwise.

    The user of ssh is no secret where it has no password: it stays.
    """
    return re.sub(r"(?<!ssh)://[^/\s]*@|://[^/\s@:]*:[^/\s]*@", f"://{instead}", text)


def origin(url: str) -> tuple[str, str]:
    """Return scheme and host with port, in lower case: what credentials belong to."""
    parts = urlsplit(url)
    return parts.scheme.lower(), parts.netloc.rpartition("@")[2].lower()


def address_of(text: str, base: Path) -> str:
    """Return an address as it is, and a path, relative to ``base``, as a ``file:`` address."""
    text = text.strip()
    if len(urlsplit(text).scheme) > 1:
        return text
    path = (base / text).absolute()
    # Links on pages are resolved by the text of addresses, where ".." would pass over symbolic links.
    return (path.resolve() if ".." in path.parts else path).as_uri()


def is_local(url: str) -> bool:
    """Tell whether the address is a file of this machine."""
    return url.lower().startswith("file:")


def local_path(url: str) -> Path:
    """Return the path behind a ``file:`` address."""
    return Path(unquote(urlsplit(url).path))
