"""The device code of a wheel that was just built, read back from its libraries, and held to what was asked.

That a build ends without an error says little: flash-attn leaves out architectures whose words it
does not know, others fall back to a wheel without any extension.
"""

from __future__ import annotations

import fnmatch
import re
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from envfit.binary.library import LibraryCode, LibraryReader
from envfit.errors import CrippledBuildError
from envfit.frozen import frozen

__all__ = ["BuiltLibrary", "check_wheel", "faults", "read_back"]

_PIECE = 1 << 20  # bytes
_RUNTIME = re.compile(r"libcudart\.so\.(\d+)")


@frozen
class BuiltLibrary:
    """The GPU code of one library in a wheel."""

    path: str  # in the wheel
    sass: Mapping[str, int]  # how many of its fat binaries have machine code for each architecture
    ptx: tuple[str, ...]  # architectures of its PTX
    fatbins: int
    cudart: int | None  # the major of the CUDA runtime that it is linked with; None where with none
    size: int  # bytes
    whole: bool = True  # False: there may be code that is not understood

    @property
    def has_gpu_code(self) -> bool:
        """Whether there is any."""
        return bool(self.sass or self.ptx)

    def __str__(self) -> str:
        code = [f"sm_{name}" for name in self.sass] + [f"PTX {name}" for name in self.ptx]
        linked = f", linked with libcudart.so.{self.cudart}" if self.cudart is not None else ""
        return f"{self.path}: {', '.join(code) or 'no GPU code'}{linked}"


def read_back(wheel: Path) -> tuple[BuiltLibrary, ...]:
    """Return the libraries of a wheel, by path; raises CrippledBuildError where it is no wheel."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            names = sorted(name for name in archive.namelist() if _is_library(name))
            return tuple(_library(archive, name) for name in names)
    except (zipfile.BadZipFile, OSError) as error:
        raise CrippledBuildError(f"{wheel.name} cannot be read: {error}") from error


def check_wheel(
    wheel: Path,
    libraries: Sequence[BuiltLibrary],
    *,
    patterns: Sequence[str],
    codes: Sequence[str],
    ptx: Sequence[str] = (),
    cuda: int | None = None,
    log: Path | None = None,
) -> None:
    """Raise CrippledBuildError, with every fault, where a wheel is not what was asked for; see ``faults``."""
    found = tuple(faults(libraries, patterns=patterns, codes=codes, ptx=ptx, cuda=cuda))
    if found:
        raise CrippledBuildError(
            f"{wheel.name} was built, and is not what was asked for: {'; '.join(found)}",
            details={"log": str(log)} if log is not None else {},
            hints=[f"all that the build said is in {log}"] if log is not None else [],
        )


def faults(
    libraries: Sequence[BuiltLibrary],
    *,
    patterns: Sequence[str],
    codes: Sequence[str],
    ptx: Sequence[str] = (),
    cuda: int | None = None,
) -> Iterator[str]:
    """Yield what is wrong with the libraries of a wheel, as clauses.

    Each of the ``patterns`` must be there, each library that one fits must have machine code for
    each of ``codes`` (without patterns, some library must), and no library may have other code.
    ``cuda`` is the major of the CUDA runtime that they may be linked with.
    """
    expected = []
    for pattern in patterns:
        fitting = [item for item in libraries if _fits(item.path, pattern)]
        expected += fitting
        if not fitting:
            yield f"there is no {pattern} in it"
    if not patterns and codes:
        expected = [item for item in libraries if item.has_gpu_code]
        if not expected:
            yield "no library in it has GPU code"
    for item in libraries:
        for fault in _faults_of(item, codes if item in expected else (), allowed=codes, ptx=ptx, cuda=cuda):
            yield f"{item.path} {fault}"


def _faults_of(
    item: BuiltLibrary,
    codes: Sequence[str],
    *,
    allowed: Sequence[str],
    ptx: Sequence[str],
    cuda: int | None,
) -> Iterator[str]:
    """Yield what is wrong with one library that must have some code and may have no other."""
    lacking = [f"sm_{code}" for code in codes if code not in item.sass]
    if lacking:
        yield f"has no code for {', '.join(lacking)}"
    other = [f"sm_{code}" for code in item.sass if code not in allowed]
    other += [f"PTX of compute_{code}" for code in item.ptx if code not in ptx]
    if other:
        yield f"has code that nobody asked for: {', '.join(other)}"
    if not item.whole:
        yield "has GPU code of a form that is not known"
    if cuda is not None and item.cudart not in {None, cuda}:
        yield f"is linked with libcudart.so.{item.cudart}, and torch has CUDA {cuda}"


def _fits(path: str, pattern: str) -> bool:
    return fnmatch.fnmatch(path if "/" in pattern else PurePosixPath(path).name, pattern)


def _is_library(name: str) -> bool:
    return re.search(r"\.so(\.\d+)*$", name) is not None


def _library(archive: zipfile.ZipFile, name: str) -> BuiltLibrary:
    with archive.open(name) as source, tempfile.TemporaryFile() as spool:
        reader = LibraryReader(spool)
        while piece := source.read(_PIECE):
            reader.feed(piece)
        return _built(name, reader.finish())


def _built(name: str, code: LibraryCode) -> BuiltLibrary:
    sass: dict[str, int] = {}
    ptx: dict[str, None] = {}
    fatbins = 0
    for section in code.sections:
        if not section.is_loadable:
            continue
        fatbins += section.fatbins
        for architecture, count in section.sass.items():
            sass[architecture] = sass.get(architecture, 0) + count
        ptx |= dict.fromkeys(section.ptx)
    runtimes = [int(found[1]) for needed in code.needed if (found := _RUNTIME.fullmatch(needed))]
    return BuiltLibrary(
        path=name,
        sass=sass,
        ptx=tuple(ptx),
        fatbins=fatbins,
        cudart=runtimes[0] if runtimes else None,
        size=code.size,
        whole=not code.damaged,
    )
