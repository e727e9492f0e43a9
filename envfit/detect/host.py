"""The machine around the GPUs: platform, Python, glibc, kernel, CPU, main memory."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

from packaging.version import Version

from envfit.target import CPU, GLIBC, LINUX, MEMORY, Fact, FactState, Platform

__all__ = ["as_platform", "read_host_facts", "running_platform", "running_python"]

_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}  # other names of the same architectures


def running_platform() -> Platform:
    """Return the platform of this process.

    Raises TargetError where envfit knows no such platform.
    """
    return as_platform(platform.system(), platform.machine())


def as_platform(system: str, machine: str) -> Platform:
    """Return the platform that a Python's ``platform`` module names so; raises as above."""
    machine = machine.lower()
    return Platform.parse(f"{system.lower()}-{_MACHINES.get(machine, machine)}")


def running_python() -> Version:
    """Return the full version of the running Python."""
    # Builds from a source checkout call themselves "3.14.0+", which is no PEP 440 version.
    return Version(platform.python_version().rstrip("+"))


def read_host_facts(root: Path) -> tuple[Fact, ...]:
    """Return what is known of glibc, the kernel, the CPU and main memory (GiB)."""
    return (_glibc(), _linux(root), _cpu(root), _memory(root))


def _glibc() -> Fact:
    source = "confstr(CS_GNU_LIBC_VERSION)"
    try:
        answer = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (AttributeError, OSError, ValueError):  # musl does not know the name
        answer = ""
    match = re.fullmatch(r"glibc (\d+\.\d+).*", answer)
    if match is None:
        return Fact(name=GLIBC, state=FactState.ABSENT, source=f"{source} names no glibc (musl?)")
    return Fact(name=GLIBC, state=FactState.KNOWN, value=match.group(1), source=source)


def _linux(root: Path) -> Fact:
    return _from_file(LINUX, root, "proc/sys/kernel/osrelease", r"^(\d+(?:\.\d+)+)")


def _cpu(root: Path) -> Fact:
    return _from_file(CPU, root, "proc/cpuinfo", r"^model name[ \t]*:[ \t]*(\S.*?)[ \t]*$")


def _memory(root: Path) -> Fact:
    fact = _from_file(MEMORY, root, "proc/meminfo", r"^MemTotal:[ \t]*(\d+) kB")
    if fact.state is not FactState.KNOWN:
        return fact
    gib = int(fact.value) / 2**20  # the kernel's kB are KiB
    return Fact(name=MEMORY, state=FactState.KNOWN, value=f"{gib:.1f}", source=fact.source)


def _from_file(name: str, root: Path, file: str, pattern: str) -> Fact:
    try:
        text = (root / file).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        reason = f"/{file} cannot be read ({error.strerror})"
        return Fact(name=name, state=FactState.UNKNOWN, source=reason)
    match = re.search(pattern, text, re.MULTILINE)
    if match is None:
        return Fact(name=name, state=FactState.UNKNOWN, source=f"/{file} does not say")
    return Fact(name=name, state=FactState.KNOWN, value=match.group(1), source=f"/{file}")
