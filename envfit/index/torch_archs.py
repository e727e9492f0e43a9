"""What GPU code a torch wheel was built for, read from the wheel in a few megabytes.

``torch/version.py`` states the CUDA toolkit of the build.  ``libtorch_python``
holds the list of architectures that the kernels were compiled for, as one
string (it is what ``torch.cuda.get_arch_list()`` shows); the library is
inflated only until that string appears.  Architectures of single kernels and of
side libraries are not in it.
"""

from __future__ import annotations

import re
import zipfile

from packaging.version import Version

from envfit.errors import SourceError
from envfit.frozen import frozen
from envfit.index.archive import RemoteFile

__all__ = ["TorchArchs", "read_torch_archs"]

_LIBRARY = "torch/lib/libtorch_python.so"
_CUDA = re.compile(rb"^cuda\s*(?::[^=]*)?=\s*(?:'([\d.]+)'|None)", re.MULTILINE)
# No NUL stands before the string in every release: the linker may put it right behind another constant.
_ARCHS = re.compile(rb"((?:sm|compute)_\d+[af]?(?: (?:sm|compute)_\d+[af]?)+)\0")
_STEP = 256 << 10  # bytes inflated at a time
_OVERLAP = 1 << 10  # bytes kept, so that a string across two steps is found


@frozen
class TorchArchs:
    """The CUDA toolkit and architectures of a build; no toolkit means no GPU code."""

    cuda: Version | None
    sass: tuple[str, ...]  # without dots, in the order of the binary
    ptx: tuple[str, ...]


def read_torch_archs(file: RemoteFile, filename: str) -> TorchArchs:
    """Read the architectures of a torch wheel.

    Raises SourceError where the wheel states no CUDA version, or states one and
    has no list of architectures.
    """
    with zipfile.ZipFile(file) as wheel:
        match = _CUDA.search(wheel.read("torch/version.py"))
        if match is None:
            raise SourceError(f"torch/version.py in {filename} does not state a CUDA version")
        if match.group(1) is None:
            return TorchArchs(cuda=None, sass=(), ptx=())
        text = _find(wheel)
    if text is None:
        raise SourceError(f"{_LIBRARY} in {filename} holds no list of architectures")
    names = text.split()
    return TorchArchs(
        cuda=Version(match.group(1).decode()),
        sass=tuple(name.removeprefix("sm_") for name in names if name.startswith("sm_")),
        ptx=tuple(name.removeprefix("compute_") for name in names if name.startswith("compute_")),
    )


def _find(wheel: zipfile.ZipFile) -> str | None:
    kept = b""
    with wheel.open(_LIBRARY) as library:
        while step := library.read(_STEP):
            match = _ARCHS.search(kept + step)
            if match is not None:
                return match.group(1).decode()
            kept = step[-_OVERLAP:]
    return None
