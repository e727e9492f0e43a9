"""How an answer of NVML's is told from a missing one."""

from __future__ import annotations

import pynvml
import pytest

from envfit.detect.nvml import NvmlGpu, NvmlStatus, cuda_version, read_nvml
from envfit.target import Capability, Gpu


@pytest.mark.parametrize(("number", "version"), [(13000, "13.0"), (12080, "12.8"), (11040, "11.4")])
def test_cuda_version(number: int, version: str) -> None:
    assert str(cuda_version(number)) == version


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, NvmlStatus.NO_LIBRARY),
        (pynvml.NVML_ERROR_DRIVER_NOT_LOADED, NvmlStatus.NO_DRIVER),
        (pynvml.NVML_ERROR_UNINITIALIZED, NvmlStatus.NO_DRIVER),
        (pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH, NvmlStatus.MISMATCH),
        (pynvml.NVML_ERROR_NO_PERMISSION, NvmlStatus.NO_PERMISSION),
        (pynvml.NVML_ERROR_TIMEOUT, NvmlStatus.FAILED),
        (pynvml.NVML_ERROR_UNKNOWN, NvmlStatus.FAILED),
    ],
)
def test_each_failure_of_the_first_call_has_its_status(
    error: int, status: NvmlStatus, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise pynvml.NVMLError(error)

    monkeypatch.setattr(pynvml, "nvmlInit", fail)
    reading = read_nvml()
    assert reading.status is status
    assert reading.sentence
    assert reading.gpus == ()


def test_shutdown_follows_a_failure_after_init(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def fail() -> str:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_UNKNOWN)

    monkeypatch.setattr(pynvml, "nvmlInit", lambda: calls.append("init"))
    monkeypatch.setattr(pynvml, "nvmlShutdown", lambda: calls.append("shutdown"))
    monkeypatch.setattr(pynvml, "nvmlSystemGetDriverVersion", fail)
    assert read_nvml().status is NvmlStatus.FAILED
    assert calls == ["init", "shutdown"]


def test_identifiers_are_not_printed() -> None:

    gpu = NvmlGpu(gpu=Gpu(name="A", capability=Capability(8, 0)), uuid="GPU-1234")
    assert "1234" not in repr(gpu)
