"""From what the machine says to the target that it is.

Absent means that there is no GPU to use.  Where a GPU is there, or may be, and
something stands between it and the reader (a missing library, a permission, a
driver that was updated under a running kernel), its facts are unknown.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from packaging.version import Version

from envfit.detect.conda_overrides import conda_overrides
from envfit.detect.nvml import NvmlReading, NvmlStatus
from envfit.detect.reading import Reading, read_machine
from envfit.detect.visible_devices import visible_gpus
from envfit.frozen import frozen
from envfit.target import CUDA, CUDA_ARCH, CUDA_DRIVER, LIBCUDA, Capability, Fact, FactState, Gpu, Target

__all__ = ["Machine", "conclude", "detect"]

_NO_SOFTWARE = (NvmlStatus.NO_LIBRARY, NvmlStatus.NO_DRIVER)


@frozen
class Machine:
    """A machine: the target that it is, and what was read to know it."""

    target: Target  # with the GPUs in use
    reading: Reading
    all_gpus: tuple[Gpu, ...]  # in PCI order, before CUDA_VISIBLE_DEVICES and overrides
    notes: tuple[str, ...] = ()

    @property
    def nvml(self) -> NvmlReading:
        """What NVML said."""
        return self.reading.nvml


def detect(*, root: Path = Path("/"), environ: Mapping[str, str] | None = None) -> Machine:
    """Detect this machine, with an environment that defaults to the process's.

    Raises TargetError if an override variable is malformed, or if envfit does not
    know the platform.  Whatever else goes wrong is a fact or a note.
    """
    environ = os.environ if environ is None else environ
    conda_overrides(environ)  # a malformed one is the user's to mend before anything is read
    return conclude(read_machine(root, environ), environ)


def conclude(reading: Reading, environ: Mapping[str, str]) -> Machine:
    """Draw the target from a reading and an environment, without touching the machine.

    Raises TargetError if an override variable is malformed.
    """
    overrides = conda_overrides(environ)
    driver = _driver(reading, overrides.get(CUDA))
    use = _gpus_in_use(reading, driver, overrides, environ)
    host = {fact.name: fact for fact in reading.facts}
    host |= {name: fact for name, fact in overrides.items() if name not in {CUDA, CUDA_ARCH}}
    facts = (use.cuda, driver, use.arch, *_libcuda(reading, driver), *host.values())
    target = Target(platform=reading.platform, python=reading.python, gpus=use.gpus, facts=facts)
    return Machine(
        target=target,
        reading=reading,
        all_gpus=tuple(known.gpu for known in reading.nvml.gpus),
        notes=(*reading.nvml.notes, *use.notes, *_driver_notes(reading, driver, use.cuda)),
    )


@frozen
class _Use:
    """The GPUs in use and the facts that go with them."""

    cuda: Fact
    arch: Fact
    gpus: tuple[Gpu, ...] = ()
    notes: tuple[str, ...] = ()


def _gpus_in_use(
    reading: Reading, driver: Fact, overrides: Mapping[str, Fact], environ: Mapping[str, str]
) -> _Use:
    stated_cuda, stated_arch = overrides.get(CUDA), overrides.get(CUDA_ARCH)
    cuda = stated_cuda or _cuda(reading, driver)
    if cuda.state is FactState.ABSENT:
        # CEP 46: without __cuda there is no __cuda_arch, whatever its override says.
        no_effect = f"{stated_arch.source}: no effect, because there is no CUDA" if stated_arch else ""
        arch = Fact(name=CUDA_ARCH, state=FactState.ABSENT, source=cuda.source)
        return _Use(cuda=cuda, arch=arch, notes=(no_effect,) if no_effect else ())
    if stated_arch is not None:
        return _Use(cuda=cuda, arch=stated_arch, gpus=tuple(_stated_gpus(stated_arch)))

    visible = visible_gpus(reading.nvml, environ)
    if visible.gpus:
        lowest = min(gpu.capability for gpu in visible.gpus)
        arch = Fact(name=CUDA_ARCH, state=FactState.KNOWN, value=str(lowest), source=visible.source)
    elif visible.excluded:
        reason = f"{visible.source} leaves no GPU"
        arch = Fact(name=CUDA_ARCH, state=FactState.ABSENT, source=reason)
        cuda = stated_cuda or Fact(name=CUDA, state=FactState.ABSENT, source=reason)
    else:
        reason = "; ".join(map(str, reading.nvml.failures)) or _reason(reading)
        arch = Fact(name=CUDA_ARCH, state=FactState.UNKNOWN, source=reason)
    return _Use(cuda=cuda, arch=arch, gpus=visible.gpus, notes=visible.notes)


def _stated_gpus(arch: Fact) -> Iterator[Gpu]:
    if arch.state is FactState.KNOWN:
        capability = Capability.parse(arch.value)
        yield Gpu(name=f"capability {capability}", capability=capability, source=arch.source)


def _state_without_reading(reading: Reading) -> FactState:
    """Tell what is not read from a driver: absent, or unknown because a GPU is or may be there."""
    if reading.nvml.status in _NO_SOFTWARE:
        trace = reading.kernel_driver is not None or reading.pci_gpus > 0
        return FactState.UNKNOWN if trace else FactState.ABSENT
    return FactState.ABSENT if reading.nvml.status is NvmlStatus.NO_DEVICE else FactState.UNKNOWN


def _reason(reading: Reading) -> str:
    """Return the sentence of a status that gave no answer, with the GPU that is there all the same."""
    there = reading.pci_gpus > 0 and reading.nvml.status in _NO_SOFTWARE
    return f"an NVIDIA GPU is there, but {reading.nvml.sentence}" if there else reading.nvml.sentence


def _cuda(reading: Reading, driver: Fact) -> Fact:
    nvml, libcuda = reading.nvml, reading.libcuda
    # Containers that are given "compute" and not "utility" have libcuda without NVML.
    compute_only = nvml.status is NvmlStatus.NO_LIBRARY and driver.state is FactState.KNOWN
    if libcuda.cuda is not None and (nvml.status is NvmlStatus.OK or compute_only):
        compat = _compat(reading, driver)
        source = f"libcuda, {compat}" if compat else "libcuda"
        return Fact(name=CUDA, state=FactState.KNOWN, value=str(libcuda.cuda), source=source)
    if nvml.status is not NvmlStatus.OK:
        return Fact(name=CUDA, state=_state_without_reading(reading), source=_reason(reading))
    if nvml.cuda is None:
        return Fact(name=CUDA, state=FactState.UNKNOWN, source=libcuda.sentence)
    return Fact(name=CUDA, state=FactState.KNOWN, value=str(nvml.cuda), source="NVML")


def _driver(reading: Reading, stated_cuda: Fact | None) -> Fact:
    nvml, kernel = reading.nvml, reading.kernel_driver
    if nvml.driver is not None:
        return Fact(name=CUDA_DRIVER, state=FactState.KNOWN, value=nvml.driver, source="NVML")
    if kernel is not None:
        return Fact(name=CUDA_DRIVER, state=FactState.KNOWN, value=kernel.version, source=kernel.source)
    if stated_cuda is not None:
        # A stated CUDA version stands for another machine, whose driver nobody named.
        known = stated_cuda.state is FactState.KNOWN
        state = FactState.UNKNOWN if known else FactState.ABSENT
        source = f"{stated_cuda.source} names no driver" if known else stated_cuda.source
        return Fact(name=CUDA_DRIVER, state=state, source=source)
    return Fact(name=CUDA_DRIVER, state=_state_without_reading(reading), source=_reason(reading))


def _libcuda(reading: Reading, driver: Fact) -> Iterator[Fact]:
    compat = _compat(reading, driver)
    if compat and reading.libcuda.driver is not None:
        yield Fact(name=LIBCUDA, state=FactState.KNOWN, value=reading.libcuda.driver, source=compat)


def _compat(reading: Reading, driver: Fact) -> str:
    """Return what the loaded libcuda is if it is not the driver's own, and the empty string if it is.

    After an update of the driver under a running kernel the library is the driver's
    own and newer than what is loaded: NVML then says mismatch.
    """
    text, kernel = reading.libcuda.driver, driver.version
    if text is None or kernel is None or reading.nvml.status is NvmlStatus.MISMATCH:
        return ""
    library = Version(text)
    if library == kernel:
        return ""
    age = "newer" if library > kernel else "older"
    return f"cuda-compat {text}, {age} than the driver {driver.value}"


def _driver_notes(reading: Reading, driver: Fact, cuda: Fact) -> Iterator[str]:
    nvml, libcuda = reading.nvml, reading.libcuda
    known_driver = driver.state is FactState.KNOWN
    if compat := _compat(reading, driver):
        where = f" ({libcuda.path})" if libcuda.path else ""
        yield f"programs load {compat}{where}; they see CUDA {libcuda.cuda}"
    if nvml.status is NvmlStatus.OK and libcuda.cuda is None:
        yield f"{libcuda.sentence}, so that programs cannot use the GPU"
    measured = libcuda.cuda or nvml.cuda
    if known_driver and None not in {measured, cuda.version} and measured != cuda.version:
        # Only an override can make the two differ.
        yield f"{cuda.source} states CUDA {cuda.value}; the driver {driver.value} is still this machine's"
    if reading.pci_gpus > 0:
        if nvml.status in _NO_SOFTWARE and not known_driver:
            yield "an NVIDIA GPU is there, but no driver"
        elif nvml.status is NvmlStatus.NO_LIBRARY:
            yield "an NVIDIA GPU and its driver are there, but not the driver's NVML library"
        elif nvml.status is NvmlStatus.NO_DEVICE:
            yield "an NVIDIA GPU is there, but the driver does not offer it here"
