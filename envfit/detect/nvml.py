"""What NVML, the library of nvidia-smi, says of the driver and its GPUs.

NVML ignores CUDA_VISIBLE_DEVICES and lists GPUs in PCI order.  The surprising
part: the CUDA version that it reports is that of the libcuda it can load, so
under a cuda-compat library it is the library's and not the kernel driver's.
"""

from __future__ import annotations

import contextlib
import enum
from dataclasses import field
from typing import Any

from packaging.version import Version

from envfit.frozen import frozen
from envfit.target import Capability, Gpu

__all__ = ["DeviceFailure", "NvmlGpu", "NvmlReading", "NvmlStatus", "cuda_version", "read_nvml"]


class NvmlStatus(enum.Enum):
    """How NVML answered; the value is its name in recorded machines."""

    OK = "ok"
    NO_LIBRARY = "no-library"
    NO_DRIVER = "no-driver"
    MISMATCH = "mismatch"
    NO_DEVICE = "no-device"
    NO_PERMISSION = "no-permission"
    FAILED = "failed"

    @property
    def sentence(self) -> str:
        """What the status means, as a clause that can stand alone."""
        return _SENTENCES[self]


_SENTENCES = {
    NvmlStatus.OK: "NVML lists the GPUs",
    NvmlStatus.NO_LIBRARY: "no NVML library (libnvidia-ml.so.1)",
    NvmlStatus.NO_DRIVER: "the NVML library is there, but no NVIDIA driver is loaded",
    NvmlStatus.MISMATCH: "the NVML library and the loaded NVIDIA driver are of different versions",
    NvmlStatus.NO_DEVICE: "the NVIDIA driver is loaded, but offers no GPU",
    NvmlStatus.NO_PERMISSION: "no permission to talk to the NVIDIA driver",
    NvmlStatus.FAILED: "NVML failed",
}


@frozen
class NvmlGpu:
    """One GPU as NVML lists it."""

    gpu: Gpu
    # Identifiers serve CUDA_VISIBLE_DEVICES alone and must not reach a lock, a log or a record.
    uuid: str = field(default="", repr=False)
    mig_on: bool = False
    instance_uuids: tuple[str, ...] = field(default=(), repr=False)  # in the order of ``gpu.mig``


@frozen
class DeviceFailure:
    """A GPU that NVML counts and cannot read."""

    index: int
    error: int  # NVML's error number
    text: str  # NVML's words for it

    def __str__(self) -> str:
        return f"GPU {self.index} could not be read: {self.text} (NVML error {self.error})"


@frozen
class NvmlReading:
    """Everything that NVML said."""

    status: NvmlStatus
    sentence: str
    driver: str | None = None  # version of the kernel driver
    cuda: Version | None = None  # CUDA version supported by the driver, see the module's docstring
    gpus: tuple[NvmlGpu, ...] = ()  # in PCI order, those that could be read
    failures: tuple[DeviceFailure, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know besides the status, one sentence each."""
        empty = tuple(
            f"GPU {entry.gpu.index} has MIG on and no instance: no program can use it"
            for entry in self.gpus
            if entry.mig_on and not entry.gpu.mig
        )
        return (*(str(failure) for failure in self.failures), *empty)


def cuda_version(number: int) -> Version:
    """Return the CUDA version behind the driver API's number, such as 12.8 for 12080."""
    return Version(f"{number // 1000}.{number % 1000 // 10}")


def read_nvml() -> NvmlReading:
    """Ask NVML once, and shut it down again.

    Raises nothing: what went wrong is the reading's status, or a failure of one GPU.
    """
    # Imported here: it costs some 50 ms, and only detection needs it.
    import pynvml  # type: ignore[import-untyped]

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return _failed(pynvml, error)
    try:
        return _read(pynvml)
    except (pynvml.NVMLError, UnicodeDecodeError) as error:
        return _failed(pynvml, error)
    finally:
        with contextlib.suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()


def _failed(nvml: Any, error: Exception) -> NvmlReading:
    statuses = {
        nvml.NVML_ERROR_LIBRARY_NOT_FOUND: NvmlStatus.NO_LIBRARY,
        nvml.NVML_ERROR_DRIVER_NOT_LOADED: NvmlStatus.NO_DRIVER,
        nvml.NVML_ERROR_UNINITIALIZED: NvmlStatus.NO_DRIVER,
        nvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH: NvmlStatus.MISMATCH,
        nvml.NVML_ERROR_NO_PERMISSION: NvmlStatus.NO_PERMISSION,
    }
    status = statuses.get(getattr(error, "value", None), NvmlStatus.FAILED)
    reason = f": {error}" if status is NvmlStatus.FAILED else ""
    return NvmlReading(status=status, sentence=f"{status.sentence}{reason}")


def _read(nvml: Any) -> NvmlReading:
    driver = str(nvml.nvmlSystemGetDriverVersion())
    cuda: Version | None = None
    with contextlib.suppress(nvml.NVMLError):  # it needs libcuda, which utility-only containers lack
        cuda = cuda_version(nvml.nvmlSystemGetCudaDriverVersion_v2())

    gpus: list[NvmlGpu] = []
    failures: list[DeviceFailure] = []
    count = nvml.nvmlDeviceGetCount()
    for index in range(count):
        try:
            gpus.append(_read_gpu(nvml, index))
        except nvml.NVMLError as error:
            failures.append(DeviceFailure(index=index, error=error.value, text=str(error)))
        except UnicodeDecodeError:
            failures.append(DeviceFailure(index=index, error=0, text="its name is not text"))
    status = NvmlStatus.OK if count else NvmlStatus.NO_DEVICE
    return NvmlReading(
        status=status,
        sentence=status.sentence,
        driver=driver,
        cuda=cuda,
        gpus=tuple(gpus),
        failures=tuple(failures),
    )


def _read_gpu(nvml: Any, index: int) -> NvmlGpu:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    name = nvml.nvmlDeviceGetName(handle)
    capability = Capability(*nvml.nvmlDeviceGetCudaComputeCapability(handle))
    uuid = ""
    memory: int | None = None
    with contextlib.suppress(nvml.NVMLError):
        uuid = nvml.nvmlDeviceGetUUID(handle)
    with contextlib.suppress(nvml.NVMLError):  # not supported where memory is shared with the CPU
        memory = nvml.nvmlDeviceGetMemoryInfo(handle).total
    mig_on = _mig_is_on(nvml, handle)
    instances = _read_instances(nvml, handle) if mig_on else ()
    return NvmlGpu(
        gpu=Gpu(
            name=name,
            capability=capability,
            memory=memory,
            index=index,
            mig=tuple(profile for profile, _ in instances),
            source="NVML",
        ),
        uuid=uuid,
        mig_on=mig_on,
        instance_uuids=tuple(instance_uuid for _, instance_uuid in instances),
    )


def _mig_is_on(nvml: Any, handle: Any) -> bool:
    try:
        current, _pending = nvml.nvmlDeviceGetMigMode(handle)
    except nvml.NVMLError:  # not supported before Ampere
        return False
    return bool(current == nvml.NVML_DEVICE_MIG_ENABLE)


def _read_instances(nvml: Any, handle: Any) -> tuple[tuple[str, str], ...]:
    """Return the profile and the UUID of each MIG device, in NVML's order."""
    instances: list[tuple[str, str]] = []
    for index in range(nvml.nvmlDeviceGetMaxMigDeviceCount(handle)):
        try:
            device = nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, index)
            name = nvml.nvmlDeviceGetName(device)
            uuid = nvml.nvmlDeviceGetUUID(device)
        except nvml.NVMLError:  # an index without a device: slots need not be filled in order
            continue
        instances.append((name.rpartition("MIG ")[2], uuid))
    return tuple(instances)
