"""A target: everything that a solution may depend on.

A target is detected on this machine, named (``--gpu V100 --driver 535``), or
read back from a lock.  It never looks at the machine that envfit runs on: tags
and marker environment are those of the target, so that the same command gives
the same lock everywhere.

The surprising part: a fact has three states.  *Absent* means that the machine
has no such thing (no GPU, no nvcc) and fails whatever requires it; *unknown*
means that nobody said, passes, and is kept as a condition still to be proved.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import total_ordering
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from envfit.errors import TargetError
from envfit.frozen import frozen

if TYPE_CHECKING:
    from packaging.requirements import Requirement as DeclaredRequirement
    from packaging.tags import Tag

__all__ = [
    "ARCHSPEC",
    "CORES",
    "CPU",
    "CUDA",
    "CUDA_ARCH",
    "CUDA_DRIVER",
    "CUDA_HEADERS",
    "DISK_FREE",
    "GLIBC",
    "GXX",
    "LIBCUDA",
    "LINUX",
    "MEMORY",
    "MEMORY_FREE",
    "NVCC",
    "PYTHON_HEADERS",
    "Capability",
    "Fact",
    "FactState",
    "Gpu",
    "Platform",
    "Provided",
    "Target",
]

# Names of facts.  Those that conda has carry conda's names (CEP 30, CEP 46).
CUDA = "__cuda"  # newest CUDA version that the driver supports
CUDA_DRIVER = "__cuda_driver"  # version of the kernel driver
CUDA_ARCH = "__cuda_arch"  # lowest compute capability in use
LIBCUDA = "__libcuda"  # driver version of the loaded libcuda, where it differs (cuda-compat)
GLIBC = "__glibc"
LINUX = "__linux"  # kernel version
ARCHSPEC = "__archspec"  # CPU microarchitecture in conda's words; known only where it is said
CPU = "__cpu"  # CPU, by the name it gives itself
NVCC = "__nvcc"  # CUDA toolkit (nvcc)
GXX = "__gxx"  # host compiler
MEMORY = "__memory"  # main memory in GiB

# What a build may use; read only where something is compiled, and part of no lock.
CORES = "__cores"  # processors that this process may use
MEMORY_FREE = "__memory_free"  # GiB that this process may still take
DISK_FREE = "__disk_free"  # GiB where the build is made
CUDA_HEADERS = "__cuda_headers"  # directory of the headers of CUDA's libraries
PYTHON_HEADERS = "__python_headers"  # directory of Python.h


@total_ordering
@dataclass(frozen=True, slots=True)
class Capability:
    """A compute capability, such as 7.0."""

    major: int
    minor: int

    @classmethod
    def parse(cls, text: str) -> Capability:
        """Parse ``7.0``, ``sm_70``, ``sm_100`` or ``compute_70``.

        Raises TargetError on anything else.
        """
        match = re.fullmatch(r"(?:(\d{1,2})\.(\d))|(?:(?:sm_|compute_)(\d{1,2})(\d))", text.strip().lower())
        if match is None:
            raise TargetError(f"{text!r} is not a compute capability such as 7.0 or sm_70")
        major, minor = match.group(1, 2) if match.group(1) else match.group(3, 4)
        return cls(int(major), int(minor))

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, Capability):
            return NotImplemented
        return (self.major, self.minor) < (other.major, other.minor)

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


@frozen
class Gpu:
    """One GPU in use, or one model of GPU that a lock must serve."""

    name: str
    capability: Capability
    memory: int | None = None  # bytes
    index: int | None = None  # NVML's index, where detected
    mig: tuple[str, ...] = ()  # profiles of its MIG instances, where MIG is on
    source: str = ""


class FactState(enum.Enum):
    """Whether a fact is known, known not to be there, or unsaid."""

    KNOWN = "known"
    ABSENT = "absent"
    UNKNOWN = "unknown"


@frozen
class Fact:
    """One named value of the machine, with where it comes from."""

    name: str
    state: FactState
    value: str = ""  # only where known
    source: str = ""
    assumed: bool = False

    @property
    def version(self) -> Version | None:
        """The value as a version, or None where it is not known or is no version."""
        if self.state is not FactState.KNOWN:
            return None
        try:
            return Version(self.value)
        except InvalidVersion:
            return None

    def __str__(self) -> str:
        value = self.value if self.state is FactState.KNOWN else self.state.value
        note = " (assumed)" if self.assumed else ""
        return f"{self.name} {value}{note}"


@frozen
class Platform:
    """An operating system and a processor architecture."""

    system: str = "linux"
    machine: str = "x86_64"

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Parse ``linux-x86_64`` or ``linux-aarch64``.

        Raises TargetError on any other platform.
        """
        names = {"linux-x86_64": cls(machine="x86_64"), "linux-aarch64": cls(machine="aarch64")}
        try:
            return names[text.strip().lower()]
        except KeyError:
            raise TargetError(
                f"unknown platform {text!r}", hints=[f"platforms: {', '.join(sorted(names))}"]
            ) from None

    def __str__(self) -> str:
        return f"{self.system}-{self.machine}"


@frozen
class Provided:
    """A package that a loaded module already supplies, at one version.

    Only its name and version are known where it was stated; the rest is read from
    the module's interpreter.
    """

    name: str  # normalized
    version: Version
    source: str = ""
    requires: tuple[DeclaredRequirement, ...] | None = None  # its metadata's; None where it was only stated
    extras: frozenset[str] | None = None  # those that ``requires`` tells of; None: all that there are
    cuda: Version | None = None  # torch's CUDA runtime, 0 where it was built without; None where not known
    cxx11_abi: bool | None = None  # whether torch was built with the C++11 ABI; None where not known


# PEP 600's legacy aliases, and the glibc below which no wheel was ever tagged.
_LEGACY_MANYLINUX = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
_OLDEST_GLIBC_MINOR = {"x86_64": 5, "aarch64": 17}


@frozen
class Target:
    """Everything that a solution may depend on."""

    platform: Platform
    python: Version  # full, such as 3.11.14
    gpus: tuple[Gpu, ...] = ()
    facts: tuple[Fact, ...] = ()
    provided: tuple[Provided, ...] = ()
    name: str | None = None
    assumed: frozenset[str] = field(default_factory=frozenset)  # "python", "platform" where not said
    ignored_gpus: tuple[Gpu, ...] = ()  # that are there, and that the user wants left out

    def fact(self, name: str) -> Fact:
        """Return the fact of that name; one that nobody stated is unknown."""
        for fact in self.facts:
            if fact.name == name:
                return fact
        return Fact(name=name, state=FactState.UNKNOWN, source="not stated")

    @property
    def capabilities(self) -> tuple[Capability, ...]:
        """The distinct compute capabilities in use, lowest first."""
        return tuple(sorted({gpu.capability for gpu in self.gpus}))

    @property
    def python_minor(self) -> str:
        """The Python as ``3.11``."""
        return f"{self.python.major}.{self.python.minor}"

    def tags(self) -> tuple[Tag, ...]:
        """Return the wheel tags that run on the target, best first (PEP 425, 600).

        CPython only.  Tags of a glibc newer than the target's are left out.
        """
        from packaging.tags import compatible_tags, cpython_tags

        minor = (self.python.major, self.python.minor)
        platforms = list(self._platform_tags())
        interpreter = f"cp{minor[0]}{minor[1]}"
        return (
            *cpython_tags(minor, [interpreter], platforms),
            *compatible_tags(minor, interpreter, platforms),
        )

    def _platform_tags(self) -> Iterator[str]:
        machine = self.platform.machine
        glibc = self.fact(GLIBC).version
        if glibc is not None and glibc.major == 2:
            for minor in range(glibc.minor, _OLDEST_GLIBC_MINOR[machine] - 1, -1):
                yield f"manylinux_2_{minor}_{machine}"
                if minor in _LEGACY_MANYLINUX:
                    yield f"{_LEGACY_MANYLINUX[minor]}_{machine}"
        yield f"linux_{machine}"

    def marker_environment(self) -> dict[str, str]:
        """Return the values of PEP 508's marker variables on the target, without ``extra``.

        ``platform_release`` and ``platform_version`` are empty: nothing sound can
        depend on the kernel that a lock does not know.
        """
        return {
            "implementation_name": "cpython",
            "implementation_version": str(self.python),
            "os_name": "posix",
            "platform_machine": self.platform.machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": str(self.python),
            "python_version": self.python_minor,
            "sys_platform": "linux",
        }
