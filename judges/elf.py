"""What a shared library says of itself: its sections, its name, and what it needs."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Library", "read_library"]

_MAGIC = b"\x7fELF\x02\x01"  # 64 bit, little endian
_DYNAMIC = 6  # SHT_DYNAMIC
_NEEDED, _SONAME = 1, 14  # DT_NEEDED, DT_SONAME


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """One ELF file."""

    sections: Mapping[str, tuple[int, int]]  # where each is in the file, and its size
    soname: str
    needed: tuple[str, ...]


def read_library(path: Path) -> Library | None:
    """Read an ELF file of 64 bits, little endian; None where it is none, or a damaged one."""
    if path.stat().st_size < 64:
        return None
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data[:6] != _MAGIC:
            return None
        try:
            return _read(data)
        except (struct.error, IndexError, ValueError, OverflowError):
            return None


def _read(data: mmap.mmap) -> Library:
    (table,) = struct.unpack_from("<Q", data, 0x28)
    size, count, names_at = struct.unpack_from("<HHH", data, 0x3A)
    # name, type, flags, address, offset, size, link
    headers = [struct.unpack_from("<IIQQQQI", data, table + number * size) for number in range(count)]
    names = headers[names_at][4]
    needed: list[str] = []
    soname = ""
    for header in headers:
        if header[1] != _DYNAMIC:
            continue
        strings = headers[header[6]][4]
        for at in range(header[4], header[4] + header[5], 16):
            tag, value = struct.unpack_from("<QQ", data, at)
            if tag == _NEEDED:
                needed.append(_text(data, strings + value))
            elif tag == _SONAME:
                soname = _text(data, strings + value)
    return Library(
        sections={_text(data, names + header[0]): (header[4], header[5]) for header in headers},
        soname=soname,
        needed=tuple(needed),
    )


def _text(data: mmap.mmap, at: int) -> str:
    return data[at : max(at, data.find(b"\0", at))].decode("utf-8", "replace")
