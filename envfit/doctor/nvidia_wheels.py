"""NVIDIA's wheels by the shared libraries that are in them.

Read in the wheels that torch 2.8.0 (CUDA 12.8) and torch 2.15.0 (CUDA 13.2) require, on 2026-11-27.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["cuda_major", "wheels_with"]

#: Libraries whose own version is the CUDA major; libcudart.so.11.0 and libnvrtc.so.11.2 are of CUDA 11.
_OF_CUDA = re.compile(r"lib(?:cudart|cublas|cublasLt|nvrtc|nvJitLink|cupti)\.so\.(\d+)(?:\.\d+)?")

#: By library: the name of its wheel, without what says the CUDA major.
_WHEELS = {
    "libcudart": "nvidia-cuda-runtime",
    "libcublas": "nvidia-cublas",
    "libcublasLt": "nvidia-cublas",
    "libnvrtc": "nvidia-cuda-nvrtc",
    "libnvJitLink": "nvidia-nvjitlink",
    "libcupti": "nvidia-cuda-cupti",
    "libcufft": "nvidia-cufft",
    "libcusolver": "nvidia-cusolver",
    "libcusparse": "nvidia-cusparse",
    "libcurand": "nvidia-curand",
    "libcufile": "nvidia-cufile",
    "libcudnn": "nvidia-cudnn",
    "libnccl": "nvidia-nccl",
    "libcusparseLt": "nvidia-cusparselt",
}
#: Libraries that are told apart by CUDA major through their own version.
_NUMBERED = {("libcufft", "11"): 12, ("libcufft", "12"): 13, ("libcusolver", "12"): 13}
#: Wheels that say the CUDA major for CUDA 13 too.
_ALWAYS_SAY = frozenset({"nvidia-cudnn", "nvidia-nccl", "nvidia-cusparselt"})
_MAJORS = (12, 13)


def cuda_major(library: str) -> int | None:
    """Return the CUDA major version that a library is of, where its name tells."""
    match = _OF_CUDA.fullmatch(library)
    return int(match[1]) if match and int(match[1]) >= 11 else None


def wheels_with(libraries: Iterable[str]) -> tuple[str, ...]:
    """Return the wheels that hold libraries, of one CUDA major; none where the names do not tell which."""
    names = list(libraries)
    stems = [name.partition(".so.")[::2] for name in names]
    majors = {cuda_major(name) for name in names} | {_NUMBERED.get(stem) for stem in stems}
    majors.discard(None)
    if len(majors) != 1 or not majors <= set(_MAJORS):
        return ()
    (major,) = majors
    wheels = {_WHEELS[stem] for stem, _ in stems if stem in _WHEELS}
    return tuple(
        sorted(f"{name}-cu{major}" if major == 12 or name in _ALWAYS_SAY else name for name in wheels)
    )
