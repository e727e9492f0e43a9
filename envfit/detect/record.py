"""A machine as a text file: for an issue, for a test, for a lock made elsewhere.

One ``key value`` per line, ``#`` begins a comment line.  A ``gpu`` line begins a
GPU and the lines after it belong to it::

    envfit-machine 1
    platform linux-x86_64
    python 3.12.3
    nvml ok
    driver 580.159.04
    cuda 13.0
    libcuda-driver 580.159.04
    libcuda-cuda 13.0
    gpu 0
    name NVIDIA H200
    capability 9.0
    memory 150754820096
    mig off
    fact __glibc 2.39
    fact __nvcc absent

The record names no UUID, serial number, host, user or path.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from packaging.version import InvalidVersion, Version

from envfit.detect.kernel_driver import KernelDriver
from envfit.detect.libcuda import LibcudaReading
from envfit.detect.machine import Machine, conclude
from envfit.detect.nvml import DeviceFailure, NvmlGpu, NvmlReading, NvmlStatus
from envfit.detect.reading import Reading
from envfit.errors import FileError, TargetError
from envfit.target import Capability, Fact, FactState, Gpu, Platform

__all__ = ["FILE_NAME", "parse_record", "record", "replay"]

FILE_NAME = "machine.txt"
_HEADER = "envfit-machine 1"


def record(machine: Machine, directory: Path) -> Path:
    """Write what was read of a machine into a directory, and return the file.

    Raises FileError if the directory or the file cannot be written.
    """
    path = directory / FILE_NAME
    text = "".join(f"{' '.join(line.split())}\n" for line in _lines(machine.reading))
    try:
        directory.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise FileError(f"{path} cannot be written: {error.strerror}") from error
    return path


def replay(path: Path) -> Machine:
    """Return a recorded machine, as it would be detected with an empty environment.

    Raises FileError if the file cannot be read, TargetError if it is no record.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror}") from error
    return conclude(parse_record(text, source=path.name), environ={})


def _lines(reading: Reading) -> Iterator[str]:
    nvml, libcuda = reading.nvml, reading.libcuda
    yield _HEADER
    yield f"platform {reading.platform}"
    yield f"python {reading.python}"
    if reading.kernel_driver:
        yield f"kernel-driver {reading.kernel_driver.version}"
    yield f"pci-gpus {reading.pci_gpus}"
    yield f"nvml {nvml.status.value}"
    if nvml.driver:
        yield f"driver {nvml.driver}"
    if nvml.cuda:
        yield f"cuda {nvml.cuda}"
    if libcuda.driver:
        yield f"libcuda-driver {libcuda.driver}"
    if libcuda.cuda:
        yield f"libcuda-cuda {libcuda.cuda}"
    readable = {known.gpu.index or 0: list(_gpu_lines(known)) for known in nvml.gpus}
    failed = {failure.index: [f"error {failure.error} {failure.text}"] for failure in nvml.failures}
    for index, lines in sorted((readable | failed).items()):
        yield f"gpu {index}"
        yield from lines
    for fact in reading.facts:
        yield f"fact {fact.name} {fact.value if fact.state is FactState.KNOWN else fact.state.value}"


def _gpu_lines(known: NvmlGpu) -> Iterator[str]:
    gpu = known.gpu
    yield f"name {gpu.name}"
    yield f"capability {gpu.capability}"
    if gpu.memory is not None:
        yield f"memory {gpu.memory}"
    yield f"mig {'on' if known.mig_on else 'off'}"
    yield from (f"instance {profile}" for profile in gpu.mig)


@dataclass(slots=True)
class _Block:
    """The lines of the machine, or of one GPU: each key with its values in order."""

    values: dict[str, list[str]] = field(default_factory=dict)

    def add(self, key: str, value: str) -> None:
        self.values.setdefault(key, []).append(value)

    def all(self, key: str) -> list[str]:
        return self.values.get(key, [])

    def get(self, key: str) -> str | None:
        return self.all(key)[-1] if self.all(key) else None

    def need(self, key: str) -> str:
        value = self.get(key)
        if value is None:
            raise ValueError(f"no line {key!r}")
        return value


def parse_record(text: str, *, source: str) -> Reading:
    """Return the reading that a record's text holds; ``source`` names it in facts and errors.

    Raises TargetError if it is no record, or a malformed one.
    """
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    if not lines or lines[0] != _HEADER:
        raise TargetError(f"{source} is no recorded machine: its first line is not {_HEADER!r}")
    machine, gpus = _Block(), list[_Block]()
    for line in lines[1:]:
        key, _, value = line.partition(" ")
        if key == "gpu":
            gpus.append(_Block())
        inside_gpu = gpus and key in _GPU_KEYS
        if not inside_gpu and key not in _MACHINE_KEYS:
            raise TargetError(f"{source} is malformed: {line!r} is not understood")
        (gpus[-1] if inside_gpu else machine).add(key, value.strip())
    try:
        return _reading(machine, gpus, source)
    except (InvalidVersion, ValueError, TargetError) as error:
        raise TargetError(f"{source} is malformed: {error}") from error


_GPU_KEYS = frozenset({"gpu", "name", "capability", "memory", "mig", "instance", "error"})
_MACHINE_KEYS = frozenset(
    {
        "platform",
        "python",
        "kernel-driver",
        "pci-gpus",
        "nvml",
        "driver",
        "cuda",
        "libcuda-driver",
        "libcuda-cuda",
        "fact",
    }
)


def _reading(machine: _Block, gpus: list[_Block], source: str) -> Reading:
    status = NvmlStatus(machine.need("nvml"))
    kernel = machine.get("kernel-driver")
    libcuda_driver, libcuda_cuda = machine.get("libcuda-driver"), _version(machine, "libcuda-cuda")
    if libcuda_driver is not None:
        Version(libcuda_driver)  # as libcuda's own reader guarantees
    sentence = f"libcuda supports CUDA {libcuda_cuda}" if libcuda_cuda else "libcuda did not answer"
    return Reading(
        platform=Platform.parse(machine.need("platform")),
        python=Version(machine.need("python")),
        nvml=NvmlReading(
            status=status,
            sentence=status.sentence,
            driver=machine.get("driver"),
            cuda=_version(machine, "cuda"),
            gpus=tuple(_gpu(block, source) for block in gpus if block.get("error") is None),
            failures=tuple(_failure(block) for block in gpus if block.get("error") is not None),
        ),
        libcuda=LibcudaReading(cuda=libcuda_cuda, driver=libcuda_driver, sentence=sentence),
        kernel_driver=KernelDriver(version=kernel, source=source) if kernel else None,
        pci_gpus=int(machine.get("pci-gpus") or 0),
        facts=tuple(_fact(text, source) for text in machine.all("fact")),
    )


def _version(block: _Block, key: str) -> Version | None:
    value = block.get(key)
    return None if value is None else Version(value)


def _gpu(block: _Block, source: str) -> NvmlGpu:
    memory = block.get("memory")
    return NvmlGpu(
        gpu=Gpu(
            name=block.need("name"),
            capability=Capability.parse(block.need("capability")),
            memory=None if memory is None else int(memory),
            index=int(block.need("gpu")),
            mig=tuple(block.all("instance")),
            source=source,
        ),
        mig_on=block.get("mig") == "on",
        instance_uuids=("",) * len(block.all("instance")),
    )


def _failure(block: _Block) -> DeviceFailure:
    number, _, text = block.need("error").partition(" ")
    return DeviceFailure(index=int(block.need("gpu")), error=int(number), text=text)


def _fact(text: str, source: str) -> Fact:
    name, _, value = text.partition(" ")
    states: Mapping[str, FactState] = {state.value: state for state in FactState}
    state = states.get(value, FactState.KNOWN)
    return Fact(name=name, state=state, value=value if state is FactState.KNOWN else "", source=source)
