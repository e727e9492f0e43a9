"""Of what was read in a wheel, the code that its package needs: library by library, never as a union.

A wheel may carry libraries of others, or several of which one is loaded.  So what was
read says something of a package only where ``packages/<name>.toml`` names its own, and when
each of them is loaded.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Mapping, Sequence

from packaging.version import Version

from envfit.frozen import frozen
from envfit.knowledge.model import CudaToolkit, DeviceCode, LibraryFacts, OwnCode, PackageKnowledge

__all__ = ["OwnPart", "own_code_of", "own_parts", "toolkit_of"]

# Architectures in fewer of a library's fat binaries are of single kernels, and no support.
_COMMON = 0.25

_RUNTIME = re.compile(r"libcudart(?:[.-][0-9a-f]+)?\.so\.(\d+)")


@frozen
class OwnPart:
    """The GPU code of one library that a package loads, always or on the condition of ``own``."""

    library: str
    sass: tuple[str, ...]
    ptx: tuple[str, ...]
    toolkit: Version | None  # the CUDA toolkit whose PTX it is; None where that is not known
    runtime: int | None  # major version of the CUDA runtime that it is linked with
    own: OwnCode | None = None  # what names it; None where the package says itself what it was built for
    value: str = ""  # of the choice that it is for, without dots

    @property
    def has_code(self) -> bool:
        """Whether it has any GPU code that a driver gets to see."""
        return bool(self.sass or self.ptx)


def own_parts(
    code: DeviceCode, package: PackageKnowledge, toolkits: Sequence[CudaToolkit]
) -> tuple[OwnPart, ...] | None:
    """Return the libraries of the package's own; None where nobody said which are.

    A library without GPU code is among them: what it links may say something.
    """
    stated = own_code_of(package, code.version)
    if not stated:
        return None
    return tuple(
        OwnPart(
            library=library.path,
            sass=_common(library.sass, library.fatbins),
            ptx=_common(library.ptx, library.fatbins),
            toolkit=toolkit_of(library, toolkits),
            runtime=_runtime(library),
            own=own,
            value=value,
        )
        for own in stated
        for library, value in _named(own, code.libraries)
    )


def own_code_of(package: PackageKnowledge, version: Version) -> tuple[OwnCode, ...]:
    """Return which libraries of a release are the package's own; extensions that it needs are."""
    stated = tuple(own for own in package.own_code if own.versions.contains(version, prereleases=True))
    return stated or tuple(
        OwnCode(
            versions=extension.versions,
            libraries=tuple(f"{module.replace('.', '/')}*.so" for module in extension.modules),
            needed_for=extension.needed_for,
            evidence=extension.evidence,
        )
        for extension in package.extensions
        if extension.versions.contains(version, prereleases=True)
    )


def _named(own: OwnCode, libraries: Sequence[LibraryFacts]) -> Iterator[tuple[LibraryFacts, str]]:
    """Yield the libraries that an entry names, with the value in their names where one is chosen by it."""
    for library in libraries:
        for pattern in own.libraries:
            if own.chosen_by is None:
                if fnmatch.fnmatchcase(library.path, pattern):
                    yield library, ""
                    break
                continue
            before, _, after = pattern.partition("{}")
            found = re.fullmatch(f"{_as_regex(before)}(\\d+){_as_regex(after)}", library.path)
            if found is not None:
                yield library, found[1]
                break


def _as_regex(pattern: str) -> str:
    return ".*".join(map(re.escape, pattern.split("*")))


def _common(counts: Mapping[str, int], fatbins: int) -> tuple[str, ...]:
    found = [architecture for architecture, count in counts.items() if count > _COMMON * fatbins]
    return tuple(sorted(found, key=lambda text: (int(text.rstrip("af")), text)))


def toolkit_of(library: LibraryFacts, toolkits: Sequence[CudaToolkit]) -> Version | None:
    """Return the oldest toolkit that writes PTX as new as a library's."""
    if library.ptx_isa is None:
        return None
    able = [
        toolkit.version
        for toolkit in toolkits
        if toolkit.ptx_isa is not None and toolkit.ptx_isa >= library.ptx_isa
    ]
    return min(able, default=None)


def _runtime(library: LibraryFacts) -> int | None:
    found = [match[1] for name in library.linked if (match := _RUNTIME.match(name))]
    return int(found[0]) if found else None
