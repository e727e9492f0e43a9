"""Of what was read in a wheel, the code that its package needs: library by library, never as a union.

A wheel may carry libraries of others, or several of which one is loaded.  So what was
read says something of a package only where ``packages/<name>.toml`` names its own.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping, Sequence

from packaging.version import Version

from envfit.frozen import frozen
from envfit.knowledge.model import CudaToolkit, DeviceCode, LibraryFacts, PackageKnowledge

__all__ = ["OwnPart", "own_parts"]

# Architectures in fewer of a library's fat binaries are of single kernels, and no support.
_COMMON = 0.25

_RUNTIME = re.compile(r"libcudart(?:[.-][0-9a-f]+)?\.so\.(\d+)")


@frozen
class OwnPart:
    """The GPU code of one library that a package loads."""

    library: str
    sass: tuple[str, ...]
    ptx: tuple[str, ...]
    toolkit: Version | None  # the CUDA toolkit whose PTX it is; None where that is not known
    runtime: int | None  # major version of the CUDA runtime that it is linked with


def own_parts(
    code: DeviceCode, package: PackageKnowledge, toolkits: Sequence[CudaToolkit]
) -> tuple[OwnPart, ...] | None:
    """Return the code of each library of the package's own that has any; None where nobody said which are."""
    patterns = [
        pattern
        for own in package.own_code
        if own.versions.contains(code.version, prereleases=True)
        for pattern in own.libraries
    ]
    if not patterns:
        return None
    return tuple(
        OwnPart(
            library=library.path,
            sass=_common(library.sass, library.fatbins),
            ptx=_common(library.ptx, library.fatbins),
            toolkit=_toolkit(library, toolkits),
            runtime=_runtime(library),
        )
        for library in code.libraries
        if library.fatbins and any(fnmatch.fnmatchcase(library.path, pattern) for pattern in patterns)
    )


def _common(counts: Mapping[str, int], fatbins: int) -> tuple[str, ...]:
    found = [architecture for architecture, count in counts.items() if count > _COMMON * fatbins]
    return tuple(sorted(found, key=lambda text: (int(text.rstrip("af")), text)))


def _toolkit(library: LibraryFacts, toolkits: Sequence[CudaToolkit]) -> Version | None:
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
