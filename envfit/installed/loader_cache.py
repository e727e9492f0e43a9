"""/etc/ld.so.cache, as ldconfig(8) writes it: which file the dynamic loader takes for a name."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

__all__ = ["SYSTEM_DIRECTORIES", "read_loader_cache"]

#: Where the loaders of Debian's and Red Hat's families look last.
SYSTEM_DIRECTORIES = (
    "/lib/x86_64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu",
    "/lib/aarch64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/lib64",
    "/usr/lib64",
    "/lib",
    "/usr/lib",
)

_MAGIC = b"glibc-ld.so.cache1.1"
_HEAD = 48  # bytes: magic, number of entries, size of the strings, reserved
_ENTRY = struct.Struct("<iIIIQ")
_MOST = 1_000_000


def read_loader_cache(path: Path) -> tuple[tuple[str, str], ...]:
    """Return names and paths in the order of the cache; none where it cannot be read."""
    try:
        content = path.read_bytes()
        return tuple(_entries(content[content.index(_MAGIC) :]))
    except (OSError, ValueError, struct.error):
        return ()


def _entries(content: bytes) -> Iterator[tuple[str, str]]:
    (count,) = struct.unpack_from("<I", content, len(_MAGIC))
    for number in range(min(count, _MOST)):
        _, name, path, _, _ = _ENTRY.unpack_from(content, _HEAD + number * _ENTRY.size)
        yield _string(content, name), _string(content, path)


def _string(content: bytes, place: int) -> str:
    return content[place : content.index(b"\0", place)].decode("utf-8", "surrogateescape")
