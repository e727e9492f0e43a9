"""What runs where, said from ``cuobjdump``'s listing of a library and from NVIDIA's rules alone.

Nothing here knows envfit's knowledge: it is what envfit is held to.  The rules are those of
the CUDA C++ programming guide (application compatibility) and of the CUDA compatibility guide:

- machine code sm_XY runs on capability X.Z with Z >= Y; with the suffix ``a`` on X.Y alone,
  with ``f`` on the family that shares its major version;
- PTX compute_XY runs on X.Y and newer, where the driver supports the CUDA version that made
  it; with the suffix ``a`` on X.Y alone, with ``f`` within its family;
- libraries of CUDA 13 need driver 580, those of CUDA 12 driver 525.60.13.

It is slow to accuse: one image that the GPU can run is taken for the whole library, and PTX
that fits counts, though it costs a compilation at the first start.
"""

from __future__ import annotations

import enum
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from packaging.version import Version

__all__ = [
    "OLDEST_DRIVER",
    "Code",
    "Found",
    "Machine",
    "driver_for",
    "judge_library",
    "judge_wheel",
    "parse_cuobjdump",
]

# Sonames that name their CUDA version without doubt (libcusparse.so.12 is of CUDA 12 and of 13).
_SONAME = re.compile(r"lib(?:cudart|cublas|cublasLt|nvrtc|nvJitLink)\.so\.(\d+)(?:\.|$)")
#: By CUDA major version, the oldest driver that runs its libraries.
OLDEST_DRIVER = {
    10: Version("410.48"),
    11: Version("450.80.02"),
    12: Version("525.60.13"),
    13: Version("580"),
}

# nvcc without -arch: CUDA 11 and 12 compile for sm_52, CUDA 13 for sm_75.
_NVCC_DEFAULT = {"52", "75"}

_ENTRY = re.compile(r"Fatbin (elf|ptx) code:\n=+\narch = sm_(\d+[af]?)\ncode version = \[(\d+),(\d+)\]")


class Found(enum.Enum):
    """What a library has for a GPU."""

    RUNS = "runs"
    PTX = "only PTX"  # compiled by the driver when it is first used
    NO_CODE = "no code"
    OLD_DRIVER = "driver too old"


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A GPU's compute capability and what is on the machine."""

    capability: str
    driver: str
    cuda: str  # supported by the driver


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """The images in a library by architecture: how many of machine code, and of PTX by its version."""

    sass: Mapping[str, int]
    ptx: Mapping[tuple[str, str], int]  # (architecture, PTX version)


def parse_cuobjdump(text: str) -> Code:
    """Read what plain ``cuobjdump LIBRARY`` prints; ``-lelf`` would hide the suffix ``f``."""
    sass: Counter[str] = Counter()
    ptx: Counter[tuple[str, str]] = Counter()
    for kind, architecture, major, minor in _ENTRY.findall(text):
        if kind == "elf":
            sass[architecture] += 1
        else:
            ptx[architecture, f"{major}.{minor}"] += 1
    return Code(sass=dict(sass), ptx=dict(ptx))


def judge_library(code: Code, machine: Machine) -> Found:
    """Tell whether a library has any image that runs on a machine's GPU."""
    capability = _split(machine.capability.replace(".", ""))
    if any(_machine_code_runs(architecture, capability) for architecture in code.sass):
        return Found.RUNS
    fitting = [version for architecture, version in code.ptx if _ptx_fits(architecture, capability)]
    if not fitting:
        return Found.NO_CODE
    supported = Version(machine.cuda)
    return Found.PTX if any(_toolkit_of(version) <= supported for version in fitting) else Found.OLD_DRIVER


def driver_for(sonames: Iterable[str]) -> int | None:
    """Return the newest CUDA major version that libraries of these names belong to; None where none says."""
    found = [int(match[1]) for name in sonames if (match := _SONAME.match(name))]
    # NVRTC's and the runtime's names carry the release until CUDA 11: libnvrtc.so.11.2.
    return max(found, default=None)


def judge_wheel(
    libraries: Mapping[str, tuple[Code | None, Sequence[str]]], machine: Machine
) -> dict[str, Found]:
    """Judge each library of a wheel that is about GPUs: its images, its own name and those it needs.

    A library without images is judged by its names alone, and left out where they say nothing.
    """
    verdicts: dict[str, Found] = {}
    driver = Version(machine.driver)
    for name, (code, sonames) in libraries.items():
        major = driver_for(sonames)
        oldest = OLDEST_DRIVER.get(major) if major is not None else None
        found = None
        if code is not None and (code.sass or code.ptx) and not _is_default(code):
            found = judge_library(code, machine)
        if oldest is not None and driver < oldest and found is not Found.NO_CODE:
            found = Found.OLD_DRIVER
        if found is not None:
            verdicts[name] = found
    return verdicts


def _is_default(code: Code) -> bool:
    """Tell whether a library has one image alone, for the architecture that nvcc takes where none is named.

    It says nothing of the library: libcufft and libcufftw of CUDA 12 have just that, and keep
    their kernels where ``cuobjdump`` does not look.
    """
    return (
        not code.ptx
        and len(code.sass) == 1
        and sum(code.sass.values()) == 1
        and set(code.sass) <= _NVCC_DEFAULT
    )


def _split(architecture: str) -> tuple[int, int, str]:
    """Return major, minor and suffix: ``100f`` is (10, 0, "f")."""
    number = architecture.rstrip("af")
    return int(number[:-1]), int(number[-1]), architecture[len(number) :]


def _machine_code_runs(architecture: str, capability: tuple[int, int, str]) -> bool:
    major, minor, suffix = _split(architecture)
    if suffix == "a":
        return (major, minor) == capability[:2]
    return major == capability[0] and minor <= capability[1]


def _ptx_fits(architecture: str, capability: tuple[int, int, str]) -> bool:
    major, minor, suffix = _split(architecture)
    if suffix == "a":
        return (major, minor) == capability[:2]
    if suffix == "f":
        return major == capability[0] and minor <= capability[1]
    return (major, minor) <= capability[:2]


def _toolkit_of(version: str) -> Version:
    """Return the first CUDA toolkit that writes a PTX version (PTX ISA, release notes)."""
    major, minor = map(int, version.split("."))
    if major >= 9:
        return Version(f"{major + 4}.{minor}")  # 9.0 is of CUDA 13.0
    if major == 8:
        # 8.0 to 8.5 are of CUDA 12.0 to 12.5; 8.6 came with 12.7, and 12.6 still writes 8.5
        return Version(f"12.{minor if minor <= 5 else minor + 1}")
    return Version("11.0" if major == 7 else "10.0")
