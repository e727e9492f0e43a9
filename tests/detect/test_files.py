"""What is read from files, out of trees that look like /proc and /sys."""

from __future__ import annotations

import dataclasses
import os
import platform
from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.version import Version

from envfit.detect import host
from envfit.detect.host import read_host_facts, running_platform, running_python
from envfit.detect.kernel_driver import KernelDriver, read_kernel_driver
from envfit.detect.libcuda import LibcudaReading
from envfit.detect.machine import conclude, detect
from envfit.detect.nvml import NvmlReading, NvmlStatus
from envfit.detect.pci import count_pci_gpus
from envfit.detect.reading import Reading
from envfit.errors import TargetError
from envfit.target import FactState, Platform

OPEN_MODULE = (
    "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.159.04  Release Build  (nixbld@)\n"
    "GCC version:  gcc version 14.3.0 (GCC)\n"
)
CLOSED_MODULE = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.161.08  Sat Feb 24 22:56:40 UTC 2024\n"

NO_NVML = NvmlReading(status=NvmlStatus.NO_LIBRARY, sentence=NvmlStatus.NO_LIBRARY.sentence)
NO_LIBCUDA = LibcudaReading(sentence="no libcuda.so.1 can be loaded")


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def pci_device(address: str, vendor: str, class_: str) -> dict[str, str]:
    folder = f"sys/bus/pci/devices/{address}"
    return {f"{folder}/vendor": f"{vendor}\n", f"{folder}/class": f"{class_}\n"}


@pytest.mark.parametrize(
    ("files", "version", "source"),
    [
        ({"sys/module/nvidia/version": "580.159.04\n"}, "580.159.04", "/sys/module/nvidia/version"),
        ({"proc/driver/nvidia/version": OPEN_MODULE}, "580.159.04", "/proc/driver/nvidia/version"),
        ({"proc/driver/nvidia/version": CLOSED_MODULE}, "535.161.08", "/proc/driver/nvidia/version"),
        (
            {"sys/module/nvidia/version": "\n", "proc/driver/nvidia/version": CLOSED_MODULE},
            "535.161.08",
            "/proc/driver/nvidia/version",
        ),
    ],
)
def test_kernel_driver(files: dict[str, str], version: str, source: str, tmp_path: Path) -> None:
    assert read_kernel_driver(write(tmp_path, files)) == KernelDriver(version=version, source=source)


def test_no_kernel_driver(tmp_path: Path) -> None:
    assert read_kernel_driver(tmp_path) is None


def test_pci_gpus_are_displays_of_nvidia(tmp_path: Path) -> None:
    devices = (
        pci_device("0000:00:06.0", "0x10de", "0x030200")  # 3D controller
        | pci_device("0000:01:00.0", "0x10DE", "0x030000")  # VGA
        | pci_device("0000:01:00.1", "0x10de", "0x040300")  # its audio function
        | pci_device("0000:02:00.0", "0x1002", "0x030000")  # another vendor's GPU
        | {"sys/bus/pci/devices/0000:03:00.0/vendor": "0x10de\n"}  # class unreadable
    )
    assert count_pci_gpus(write(tmp_path, devices)) == 2
    assert count_pci_gpus(tmp_path / "missing") == 0


def test_host(tmp_path: Path) -> None:
    files = {
        "proc/sys/kernel/osrelease": "6.18.44-fc-v657-gpu\n",
        "proc/cpuinfo": "processor\t: 0\nmodel name\t: Intel(R) Xeon(R) Processor\nmodel name\t: other\n",
        "proc/meminfo": "MemTotal:       131981020 kB\nMemFree:        117609688 kB\n",
    }
    facts = {fact.name: fact for fact in read_host_facts(write(tmp_path, files))}
    assert facts["__linux"].value == "6.18.44"
    assert facts["__cpu"].value == "Intel(R) Xeon(R) Processor"
    assert facts["__memory"].value == "125.9"
    assert facts["__memory"].source == "/proc/meminfo"


def test_host_files_that_are_missing_or_silent(tmp_path: Path) -> None:
    write(tmp_path, {"proc/cpuinfo": "processor\t: 0\nCPU implementer\t: 0x41\n", "proc/meminfo": "\x00\xff"})
    facts = {fact.name: fact for fact in read_host_facts(tmp_path)}
    for name in ("__linux", "__cpu", "__memory"):
        assert facts[name].state is FactState.UNKNOWN
    assert facts["__cpu"].source == "/proc/cpuinfo does not say"


@pytest.mark.parametrize(
    ("answer", "value"), [("glibc 2.39", "2.39"), ("glibc 2.36.9000", "2.36"), ("", None), (None, None)]
)
def test_glibc(answer: str | None, value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "confstr", lambda _name: answer)
    fact = host._glibc()
    assert fact.state is (FactState.ABSENT if value is None else FactState.KNOWN)
    assert fact.value == (value or "")


def test_musl_knows_no_such_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown_name(_name: str) -> str:
        raise ValueError("unrecognized configuration name")

    monkeypatch.setattr(os, "confstr", unknown_name)
    assert host._glibc().state is FactState.ABSENT


@pytest.mark.parametrize(
    ("machine", "name"),
    [("x86_64", "x86_64"), ("AMD64", "x86_64"), ("aarch64", "aarch64"), ("arm64", "aarch64")],
)
def test_platform(machine: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert running_platform() == Platform(machine=name)


def test_another_platform_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "ppc64le")
    with pytest.raises(TargetError, match="ppc64le"):
        running_platform()


@pytest.mark.parametrize(("text", "version"), [("3.12.3", "3.12.3"), ("3.15.0a1+", "3.15.0a1")])
def test_python(text: str, version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "python_version", lambda: text)
    assert running_python() == Version(version)


# --- what the files mean where NVML does not answer


def reading(**changes: object) -> Reading:
    base = Reading(platform=Platform(), python=Version("3.12.3"), nvml=NO_NVML, libcuda=NO_LIBCUDA)
    return dataclasses.replace(base, **changes)  # type: ignore[arg-type]


def test_nothing_at_all_is_no_gpu() -> None:
    machine = conclude(reading(), {})
    for name in ("__cuda", "__cuda_driver", "__cuda_arch"):
        assert machine.target.fact(name).state is FactState.ABSENT
        assert machine.target.fact(name).source == NO_NVML.sentence
    assert machine.notes == ()


def test_libcuda_alone_is_no_gpu() -> None:
    libcuda = LibcudaReading(cuda=Version("13.0"), driver="580.95.05", sentence="libcuda")
    assert conclude(reading(libcuda=libcuda), {}).target.fact("__cuda").state is FactState.ABSENT


def test_a_gpu_without_a_driver_is_unknown() -> None:
    machine = conclude(reading(pci_gpus=1), {})
    for name in ("__cuda", "__cuda_driver", "__cuda_arch"):
        assert machine.target.fact(name).state is FactState.UNKNOWN
        assert machine.target.fact(name).source.startswith("an NVIDIA GPU is there, but ")
    assert machine.notes == ("an NVIDIA GPU is there, but no driver",)


def test_a_container_without_the_libraries() -> None:
    kernel = KernelDriver(version="580.159.04", source="/sys/module/nvidia/version")
    machine = conclude(reading(pci_gpus=1, kernel_driver=kernel), {})
    driver = machine.target.fact("__cuda_driver")
    assert (driver.value, driver.source) == ("580.159.04", "/sys/module/nvidia/version")
    assert machine.target.fact("__cuda").state is FactState.UNKNOWN
    assert "not the driver's NVML library" in machine.notes[0]


def test_a_container_with_libcuda_but_without_nvml() -> None:
    kernel = KernelDriver(version="535.161.08", source="/sys/module/nvidia/version")
    libcuda = LibcudaReading(cuda=Version("12.2"), driver="535.161.08", sentence="libcuda")
    target = conclude(reading(kernel_driver=kernel, libcuda=libcuda), {}).target
    assert target.fact("__cuda").value == "12.2"
    assert target.fact("__cuda_arch").state is FactState.UNKNOWN


def test_nvml_without_libcuda(recorded: Callable[[str], Reading]) -> None:
    full = recorded("h200")
    bare = dataclasses.replace(full, libcuda=NO_LIBCUDA, nvml=dataclasses.replace(full.nvml, cuda=None))
    machine = conclude(bare, {})
    assert machine.target.fact("__cuda").state is FactState.UNKNOWN
    assert machine.target.fact("__cuda_arch").value == "9.0"
    assert "programs cannot use the GPU" in machine.notes[0]


def test_a_driver_that_is_no_version_does_no_harm(recorded: Callable[[str], Reading]) -> None:
    full = recorded("h200")
    odd = dataclasses.replace(full, nvml=dataclasses.replace(full.nvml, driver="N/A"))
    assert conclude(odd, {}).target.fact("__libcuda").state is FactState.UNKNOWN


def test_an_empty_machine_is_detected(tmp_path: Path) -> None:
    """An empty root, an empty environment: nothing to read, and nothing raised."""
    target = detect(root=tmp_path, environ={}).target
    assert target.fact("__nvcc").state is FactState.ABSENT
    assert target.fact("__gxx").state is FactState.ABSENT
    assert target.fact("__linux").state is FactState.UNKNOWN


def test_a_malformed_override_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="CONDA_OVERRIDE_CUDA"):
        detect(root=tmp_path, environ={"CONDA_OVERRIDE_CUDA": "x"})
