"""Everything that detection reads, before any conclusion and any override."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from packaging.version import Version

from envfit.detect.host import read_host_facts, running_platform, running_python
from envfit.detect.kernel_driver import KernelDriver, read_kernel_driver
from envfit.detect.libcuda import LibcudaReading, read_libcuda
from envfit.detect.meanwhile import Meanwhile
from envfit.detect.nvml import NvmlReading, read_nvml
from envfit.detect.pci import count_pci_gpus
from envfit.detect.toolchain import read_toolchain_facts
from envfit.frozen import frozen
from envfit.target import Fact, Platform

__all__ = ["Reading", "read_machine"]


@frozen
class Reading:
    """What the machine said; a recorded machine is one of these."""

    platform: Platform
    python: Version
    nvml: NvmlReading
    libcuda: LibcudaReading
    kernel_driver: KernelDriver | None = None
    pci_gpus: int = 0  # GPUs of NVIDIA's that the PCI bus shows
    facts: tuple[Fact, ...] = ()  # of the host and its toolchain


def read_machine(root: Path, environ: Mapping[str, str]) -> Reading:
    """Read this machine: files below ``root``, NVML, libcuda and the tools that ``environ`` leads to.

    Raises TargetError where envfit does not know the platform.
    """
    libcuda = Meanwhile(partial(read_libcuda, environ))
    toolchain = Meanwhile(partial(read_toolchain_facts, root, environ))
    return Reading(
        platform=running_platform(),
        python=running_python(),
        nvml=read_nvml(),
        libcuda=libcuda.result(),
        kernel_driver=read_kernel_driver(root),
        pci_gpus=count_pci_gpus(root),
        facts=(*read_host_facts(root), *toolchain.result()),
    )
