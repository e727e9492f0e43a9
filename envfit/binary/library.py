"""One compiled library, read as a stream: GPU code by section, linked libraries, the glibc that it needs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import IO

from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection
from elftools.elf.sections import Section
from packaging.version import InvalidVersion, Version

from envfit.binary.fatbin import CodeKind, Fatbin, FatbinReader
from envfit.frozen import frozen

__all__ = ["LibraryCode", "LibraryReader", "SectionCode"]

#: What the device linker reads: it is not there for the driver, and nothing in it can run.
_RELOCATABLE = "__nv_relfatbin"
_NOWHERE = "?"
_GLIBC = "GLIBC_"
_MACHINES = {"EM_X86_64": "x86_64", "EM_AARCH64": "aarch64"}
_CUDA_LIBRARIES = ("libcu", "libnv", "libnccl")


@frozen
class SectionCode:
    """The fat binaries in one section of a library.

    ``sass`` and ``ptx`` say for each architecture how many of the fat binaries have code
    for it, ``ptx_isa`` the newest version that PTX is written in.
    """

    name: str  # "?" where the file names none
    fatbins: int
    sass: Mapping[str, int]
    ptx: Mapping[str, int]
    ptx_isa: str | None = None

    @property
    def is_loadable(self) -> bool:
        """Whether a driver gets to see it."""
        return self.name != _RELOCATABLE


@frozen
class LibraryCode:
    """What a library says of itself."""

    size: int  # bytes
    sections: tuple[SectionCode, ...] = ()  # those with GPU code, by name
    cubins: int = 0  # machine code for GPUs outside of fat binaries
    damaged: int = 0  # fat binaries of a form that is not known
    needed: tuple[str, ...] = ()  # libraries that it is linked with, as it names them
    glibc: Version | None = None  # the newest symbols of it that are asked for
    machine: str | None = None  # that it is compiled for, as platforms are named; None where another

    @property
    def has_gpu_code(self) -> bool:
        """Whether there is any, loadable or not."""
        return bool(self.sections or self.cubins)

    @property
    def cuda_libraries(self) -> tuple[str, ...]:
        """The libraries of CUDA that it is linked with."""
        return tuple(name for name in self.needed if name.startswith(_CUDA_LIBRARIES))


class LibraryReader:
    """Reads a library piece after piece.

    What is no GPU code goes to ``spool``, a file with holes, because sections and
    symbols are told of at the end and stand anywhere.  Little is held in memory.
    """

    def __init__(self, spool: IO[bytes]) -> None:
        self._spool = spool
        self._reader = FatbinReader()

    def feed(self, data: bytes) -> None:
        """Take in the next piece."""
        ignored = self._reader.next_of_interest
        self._reader.feed(data)
        if ignored >= self._reader.position:
            self._spool.seek(self._reader.position)
        else:
            self._spool.write(data)

    def finish(self) -> LibraryCode:
        """Return what was read; a file that is no ELF library has code and nothing else."""
        self._reader.finish()
        self._spool.truncate(self._reader.position)
        fatbins = self._reader.fatbins
        found = LibraryCode(
            size=self._reader.position,
            sections=tuple(_by_section(fatbins, ())),
            cubins=len(self._reader.cubins),
            damaged=sum(fatbin.damaged for fatbin in fatbins),
        )
        try:
            self._spool.seek(0)
            elf = ELFFile(self._spool)
            sections = [(section.name, section["sh_offset"], section["sh_size"]) for section in _stored(elf)]
            return LibraryCode(
                size=found.size,
                sections=tuple(_by_section(fatbins, sections)),
                cubins=found.cubins,
                damaged=found.damaged,
                needed=tuple(_needed(elf)),
                glibc=max(_glibc(elf), default=None),
                machine=_MACHINES.get(elf["e_machine"]),
            )
        # A file that was made to mislead raises what it likes in a parser.
        except (ELFError, ValueError, KeyError, AttributeError, TypeError, OSError, UnicodeError):
            return found


def _stored(elf: ELFFile) -> Iterator[Section]:
    for section in elf.iter_sections():
        if section["sh_type"] not in ("SHT_NULL", "SHT_NOBITS"):
            yield section


def _by_section(fatbins: Iterable[Fatbin], sections: Sequence[tuple[str, int, int]]) -> Iterator[SectionCode]:
    """Yield the code of each section that has any."""
    there: dict[str, list[Fatbin]] = defaultdict(list)
    for fatbin in fatbins:
        if not fatbin.damaged and all(code.kind is CodeKind.LTO for code in fatbin.codes):
            continue  # nothing in it ever runs as it is
        name = next(
            (name for name, offset, size in sections if offset <= fatbin.offset < offset + size), _NOWHERE
        )
        there[name].append(fatbin)
    for name, its in sorted(there.items()):
        sass: Counter[str] = Counter()
        ptx: Counter[str] = Counter()
        versions = set()
        for fatbin in its:
            codes = {(code.kind, code.architecture) for code in fatbin.codes}
            sass.update(architecture for kind, architecture in codes if kind is CodeKind.SASS)
            ptx.update(architecture for kind, architecture in codes if kind is CodeKind.PTX)
            versions |= {code.ptx_isa for code in fatbin.codes if code.ptx_isa is not None}
        yield SectionCode(
            name=name,
            fatbins=len(its),
            sass=_sorted(sass),
            ptx=_sorted(ptx),
            ptx_isa=max(versions, key=Version, default=None),
        )


def _sorted(counts: Mapping[str, int]) -> Mapping[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (int(item[0].rstrip("af")), item[0])))


def _needed(elf: ELFFile) -> Iterator[str]:
    for section in elf.iter_sections():
        if isinstance(section, DynamicSection):
            for tag in section.iter_tags("DT_NEEDED"):
                yield str(getattr(tag, "needed"))  # noqa: B009 - named by the kind of the tag


def _glibc(elf: ELFFile) -> Iterator[Version]:
    """Yield the versions of glibc's symbols that are asked for."""
    for section in elf.iter_sections():
        if isinstance(section, GNUVerNeedSection):
            for _, wanted in section.iter_versions():
                for symbol in wanted:
                    if symbol.name.startswith(_GLIBC):
                        try:
                            yield Version(symbol.name.removeprefix(_GLIBC))
                        except InvalidVersion:
                            continue  # GLIBC_PRIVATE
