"""Which GPU code runs on which GPU.

From NVIDIA's CUDA C++ programming guide (binary compatibility, PTX
compatibility, family-specific targets) and the CUDA compatibility guide, and
held against a measured table in the tests:

- machine code for X.Y runs on X.Z with Z >= Y, except between the integrated
  GPUs of Jetson boards and the others of their generation; from CUDA 13.2 on the
  code for the others runs on those boards too, whose software is then the same;
- a suffix ``a`` binds machine code to exactly X.Y, ``f`` to the family of X;
- PTX for X.Y runs on X.Y and newer, through the driver's compiler, which must
  know the PTX: the CUDA version supported by the driver must be at least that
  of the toolkit that wrote it; with a suffix ``a`` it never runs elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from packaging.version import Version

from envfit.target import Capability

__all__ = ["runs_on"]

_CODE = re.compile(r"(\d{1,2})(\d)([af]?)")

# Integrated GPUs run only code compiled for them, and their code runs nowhere else.
_INTEGRATED = frozenset({Capability(5, 3), Capability(6, 2), Capability(7, 2), Capability(8, 7)})

# Arm servers and Jetson boards share one CUDA from here on: what is built for the servers runs on both, if
# the driver is of that CUDA too.  So says torch's own table, in torch/cuda/__init__.py of 2.15.0, named
# DEVICE_REQUIREMENT_POST_JETSON_SBSA_UNIFICATION (github.com/pytorch/pytorch, pull request 186285).
_UNIFIED = Version("13.2")
_UNIFIED_BOARDS = frozenset({Capability(7, 2), Capability(8, 7)})

# One chip, two numbers: 10.1 became 11.0 with CUDA 13.
_RENAMED = {Capability(10, 1): Capability(11, 0)}


def runs_on(
    sass: Iterable[str],
    ptx: Iterable[str],
    capability: Capability,
    *,
    built_with: Version | None,
    supported_cuda: Version | None,
) -> bool:
    """Tell whether a library with that code can launch kernels on that capability.

    ``sass`` and ``ptx`` are written as in the binary, without dots ("90a").
    ``built_with`` is the CUDA toolkit of the build and ``supported_cuda`` the
    CUDA version supported by the driver; PTX, and machine code for others on a
    Jetson board, count only where both are known.
    """
    unified = (
        built_with is not None and supported_cuda is not None and min(built_with, supported_cuda) >= _UNIFIED
    )
    if any(_machine_code_runs(code, capability, unified=unified) for code in sass):
        return True
    if built_with is None or supported_cuda is None or supported_cuda < built_with:
        return False
    return any(_ptx_runs(code, capability) for code in ptx)


def _parse(code: str) -> tuple[Capability, str]:
    match = _CODE.fullmatch(code)
    if match is None:
        raise ValueError(f"{code!r} is no architecture such as 70 or 90a")
    capability = Capability(int(match.group(1)), int(match.group(2)))
    return _RENAMED.get(capability, capability), match.group(3)


def _machine_code_runs(code: str, capability: Capability, *, unified: bool) -> bool:
    compiled, suffix = _parse(code)
    if suffix == "a":
        return capability == compiled
    if capability.major != compiled.major or capability.minor < compiled.minor:
        return False
    if compiled in _INTEGRATED or (
        capability in _INTEGRATED and not (unified and capability in _UNIFIED_BOARDS)
    ):
        return capability == compiled
    return True


def _ptx_runs(code: str, capability: Capability) -> bool:
    compiled, suffix = _parse(code)
    if suffix == "a":
        return capability == compiled
    if suffix == "f":
        return capability.major == compiled.major and capability.minor >= compiled.minor
    return capability >= compiled
