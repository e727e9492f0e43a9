"""GPU code in a stream of bytes: fat binaries as nvcc's ``fatbinary`` writes them.

A fat binary begins with a header of 16 bytes: the magic number, a version, the length of the
header, and the length of all entries.  Each entry has a header of at least 64 bytes (its length
stands in it, and some are longer) and a payload: machine code (SASS, an ELF file for a GPU) or
PTX, compressed or not.  The header is never compressed, and says everything that is asked here.
NVIDIA documents none of it.  What the fields mean was read off files made with ``ptxas`` and
``fatbinary`` for every
architecture and suffix, and is held against ``cuobjdump`` by a test.
"""

from __future__ import annotations

import enum
import struct

from envfit.frozen import frozen

__all__ = ["Code", "CodeKind", "Fatbin", "FatbinReader"]

_MAGIC = bytes.fromhex("50ed55ba")
_CONTAINER = struct.Struct("<4sHHQ")
_CONTAINER_VERSION = 1
_LARGEST = 1 << 36  # bytes of entries; more is no length

# kind, version, header, payload, compressed, options, minor, major, architecture, name and its
# length, flags, reserved, uncompressed
_ENTRY = struct.Struct("<HHIQIIHHIIIQQQ")
_SUFFIXES = ((0x100000, "a"), (0x200000, "f"))
_ARCHITECTURES = range(10, 1000)
_LARGEST_HEADER = 1 << 16

_ELF = b"\x7fELF\x02\x01"
_ELF_HEADER = 64
_MACHINE_CUDA = 190  # EM_CUDA


class CodeKind(enum.Enum):
    """What a GPU's driver makes of code."""

    PTX = 1  # compiles it
    SASS = 2  # loads it
    LTO = 8  # nothing: it is what a linker (nvlink, or nvJitLink when a program runs) optimizes and compiles


_KINDS = frozenset(kind.value for kind in CodeKind)


@frozen
class Code:
    """One entry: code for one architecture."""

    kind: CodeKind
    architecture: str  # "90a"
    ptx_isa: str | None = None  # "8.7": version of the language that PTX is written in


@frozen
class Fatbin:
    """One fat binary; what stands in one file section was compiled from one source, usually."""

    offset: int  # in the stream
    codes: tuple[Code, ...]
    damaged: bool = False  # an entry is of a form that is not known: there may be more


class FatbinReader:
    """Finds fat binaries; fed with a stream, piece after piece, of which it keeps little.

    ``fatbins`` are those that were found, in order, and ``cubins`` the offsets of machine code
    outside of any (which some libraries embed by means of their own).
    """

    def __init__(self) -> None:
        self.fatbins: list[Fatbin] = []
        self.cubins: list[int] = []
        self.position = 0  # of the stream: how much was fed
        self._kept = b""  # the last bytes that were fed and not looked at
        self._next = 0  # where to look on; what lies before it is known
        self._open: _Open | None = None

    @property
    def next_of_interest(self) -> int:
        """The place before which nothing more is looked at: inside of payloads it is far ahead."""
        return self._next

    def feed(self, data: bytes) -> None:
        """Take in the next piece of the stream."""
        self.position += len(data)
        if self._next >= self.position:
            self._kept = b""
            return
        self._kept += data
        while self._step():
            pass
        kept = self.position - self._next
        self._kept = self._kept[-kept:] if kept > 0 else b""

    def finish(self) -> None:
        """Say that the stream has ended: a fat binary that is not complete is damaged."""
        if self._open is not None:
            self._close(damaged=True)

    def _step(self) -> bool:
        return self._search() if self._open is None else self._take_entry(self._open)

    def _bytes(self, length: int) -> int | None:
        """Return where in what is kept the next bytes begin; None where they have not come yet."""
        place = self._next - (self.position - len(self._kept))
        return place if place >= 0 and place + length <= len(self._kept) else None

    def _search(self) -> bool:
        """Look for the next fat binary; tell whether there may be more to do."""
        base = self.position - len(self._kept)
        begin = max(0, self._next - base)
        found = self._kept.find(_MAGIC, begin)
        self._look_for_cubins(begin, found if found >= 0 else len(self._kept), base)
        if found < 0:
            # The magic number, or the head of a cubin, may be cut in two.
            self._next = max(self._next, self.position - _ELF_HEADER + 1)
            return False
        self._next = base + found
        place = self._bytes(_CONTAINER.size)
        if place is None:
            return False
        _, version, header, size = _CONTAINER.unpack_from(self._kept, place)
        plausible = version == _CONTAINER_VERSION and header == _CONTAINER.size
        if not plausible or not _ENTRY.size <= size < _LARGEST or size % 8:
            self._next += len(_MAGIC)  # four bytes that happen to be the same
            return True
        self._open = _Open(offset=self._next, end=self._next + header + size)
        self._next += header
        return True

    def _take_entry(self, container: _Open) -> bool:
        if self._next >= container.end:
            self._close(damaged=False)
            return True
        place = self._bytes(_ENTRY.size)
        if place is None:
            return False
        fields = _ENTRY.unpack_from(self._kept, place)
        kind, _, header, payload, _, _, minor, major, architecture, _, _, flags, _, _ = fields
        known = (
            kind in _KINDS
            and _ENTRY.size <= header <= _LARGEST_HEADER
            and header % 8 == 0
            and architecture in _ARCHITECTURES
            and self._next + header + payload <= container.end
        )
        if not known:
            self._close(damaged=True)
            return True
        suffix = "".join(letter for bit, letter in _SUFFIXES if flags & bit)
        is_ptx = kind == CodeKind.PTX.value
        container.codes.append(
            Code(
                kind=CodeKind(kind),
                architecture=f"{architecture}{suffix}",
                ptx_isa=f"{major}.{minor}" if is_ptx else None,
            )
        )
        self._next += header + payload
        return True

    def _close(self, *, damaged: bool) -> None:
        if self._open is not None and (self._open.codes or damaged):
            self.fatbins.append(
                Fatbin(offset=self._open.offset, codes=tuple(self._open.codes), damaged=damaged)
            )
        self._open = None

    def _look_for_cubins(self, begin: int, end: int, base: int) -> None:
        place = self._kept.find(_ELF, begin, end)
        while place >= 0:
            if place + _ELF_HEADER > len(self._kept):
                return  # looked at again with what comes
            (machine,) = struct.unpack_from("<H", self._kept, place + 18)
            if machine == _MACHINE_CUDA:
                self.cubins.append(base + place)
            place = self._kept.find(_ELF, place + 1, end)


class _Open:
    """A fat binary whose entries are being read."""

    __slots__ = ("codes", "end", "offset")

    def __init__(self, *, offset: int, end: int) -> None:
        self.offset = offset
        self.end = end
        self.codes: list[Code] = []
