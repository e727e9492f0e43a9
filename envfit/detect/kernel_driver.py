"""The loaded NVIDIA kernel driver, read from files, for where NVML does not answer."""

from __future__ import annotations

import re
from pathlib import Path

from envfit.frozen import frozen

__all__ = ["KernelDriver", "read_kernel_driver"]

# The open module says "... Open Kernel Module for x86_64  580.159.04 ...", the closed one
# "... x86_64 Kernel Module  535.161.08 ...": only the driver version has a dot in it.
_VERSION = re.compile(r"\d+\.\d+(?:\.\d+)?")
_FILES = ("sys/module/nvidia/version", "proc/driver/nvidia/version")


@frozen
class KernelDriver:
    """The version of the loaded kernel driver, and the file that says so."""

    version: str
    source: str


def read_kernel_driver(root: Path) -> KernelDriver | None:
    """Return the loaded kernel driver, or None where no file tells of one."""
    for name in _FILES:
        try:
            text = (root / name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        if match := _VERSION.search(text):
            return KernelDriver(version=match.group(), source=f"/{name}")
    return None
