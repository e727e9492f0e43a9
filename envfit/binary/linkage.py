"""What a library asks of the dynamic loader: the libraries that it is linked with, where they are looked for.

Only the dynamic segment is read, as the loader does: an environment has thousands of
libraries, some of a gigabyte, and their section tables (which may be stripped) say nothing more.
The form is that of the System V ABI, chapter 5, and of the Linux Standard Base, "Symbol Versioning".
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterator
from typing import IO

from envfit.frozen import frozen

__all__ = ["Linkage", "VersionNeed", "read_linkage"]

_MACHINES = {62: "x86_64", 183: "aarch64"}
_LOAD, _DYNAMIC = 1, 2  # kinds of segment
_NEEDED, _STRTAB, _SONAME, _RPATH, _RUNPATH = 1, 5, 14, 15, 29
_VERDEF, _VERDEFNUM, _VERNEED, _VERNEEDNUM = 0x6FFFFFFC, 0x6FFFFFFD, 0x6FFFFFFE, 0x6FFFFFFF
_WEAK = 2  # a version that is only asked for where it is there
_SHORT = 256  # bytes, which most strings are shorter than
_LARGEST = 1 << 20  # bytes of anything that is read at once; a DT_RUNPATH of 20000 has been seen
_MOST = 10000  # entries of a list


@frozen
class VersionNeed:
    """Versions of symbols that one linked library must have."""

    library: str
    versions: tuple[str, ...]


@frozen
class Linkage:
    """The dynamic segment of one library."""

    machine: str  # "x86_64", "aarch64"
    soname: str | None = None
    needed: tuple[str, ...] = ()  # in the order in which they are loaded
    rpath: tuple[str, ...] = ()  # directories as written, with $ORIGIN
    runpath: tuple[str, ...] = ()
    needs: tuple[VersionNeed, ...] = ()
    defines: tuple[str, ...] = ()  # versions of its own symbols; none where they have none


def read_linkage(file: IO[bytes]) -> Linkage | None:
    """Read the dynamic segment of a 64-bit library; None where the file is none or is damaged."""
    try:
        return _Reader(file).linkage()
    except (struct.error, ValueError, KeyError, OverflowError, OSError):
        return None


class _Reader:
    """Reads a file by the addresses that it is loaded at."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        head = self._at(0, 64)
        # 64 bits, little-endian
        if head[:6] != b"\x7fELF\x02\x01":
            raise ValueError("not a library that is read here")
        machine, table = struct.unpack_from("<18xH12xQ", head)
        size, count = struct.unpack_from("<HH", head, 54)
        self._machine = _MACHINES[machine]
        self._segments = [
            struct.unpack_from("<IIQQQQ", self._at(table + number * size, 56))
            for number in range(min(count, _MOST))
        ]

    def linkage(self) -> Linkage | None:
        tags: dict[int, list[int]] = defaultdict(list)
        for kind, _, offset, _, _, length in self._segments:
            if kind == _DYNAMIC:
                content = self._at(offset, length)
                for tag, value in struct.iter_unpack("<QQ", content[: len(content) // 16 * 16]):
                    if tag == 0:
                        break
                    tags[tag].append(value)
        if not tags[_STRTAB]:
            return None
        self._strings = self._offset(tags[_STRTAB][0])
        return Linkage(
            machine=self._machine,
            soname=next((self._string(place) for place in tags[_SONAME]), None),
            needed=tuple(self._string(place) for place in tags[_NEEDED]),
            rpath=tuple(self._directories(tags[_RPATH])),
            runpath=tuple(self._directories(tags[_RUNPATH])),
            needs=tuple(self._needs(tags[_VERNEED], tags[_VERNEEDNUM])),
            defines=tuple(self._defines(tags[_VERDEF], tags[_VERDEFNUM])),
        )

    def _at(self, offset: int, size: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(min(size, _LARGEST))

    def _offset(self, address: int) -> int:
        """Return where in the file an address is."""
        for kind, _, offset, start, _, length in self._segments:
            if kind == _LOAD and start <= address < start + length:
                return int(offset + address - start)
        raise ValueError("an address that is nowhere in the file")

    def _string(self, place: int) -> str:
        # The table of a large library has a hundred megabytes of symbols, and a few names are asked for.
        text = self._at(self._strings + place, _SHORT)
        if b"\0" not in text:
            text = self._at(self._strings + place, _LARGEST)
        return text[: text.index(b"\0")].decode("utf-8", "surrogateescape")

    def _directories(self, places: list[int]) -> Iterator[str]:
        for place in places:
            yield from (item for item in self._string(place).split(":") if item)

    def _needs(self, places: list[int], counts: list[int]) -> Iterator[VersionNeed]:
        place = self._offset(places[0]) if places else 0
        for _ in range(min(counts[0], _MOST) if places and counts else 0):
            _, count, library, first, following = struct.unpack("<HHIII", self._at(place, 16))
            versions, entry = [], place + first
            for _ in range(min(count, _MOST)):
                _, flags, _, name, step = struct.unpack("<IHHII", self._at(entry, 16))
                if not flags & _WEAK:
                    versions.append(self._string(name))
                entry += step
            yield VersionNeed(library=self._string(library), versions=tuple(versions))
            place += following

    def _defines(self, places: list[int], counts: list[int]) -> Iterator[str]:
        place = self._offset(places[0]) if places else 0
        for _ in range(min(counts[0], _MOST) if places and counts else 0):
            _, _, _, _, _, first, following = struct.unpack("<HHHHIII", self._at(place, 20))
            yield self._string(struct.unpack("<I", self._at(place + first, 4))[0])
            place += following
