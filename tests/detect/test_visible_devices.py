"""CUDA_VISIBLE_DEVICES, as CUDA itself was seen to read it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from envfit.detect.machine import conclude
from envfit.detect.nvml import DeviceFailure, NvmlGpu, NvmlReading, NvmlStatus
from envfit.detect.reading import Reading
from envfit.detect.visible_devices import visible_gpus
from envfit.target import Capability, FactState, Gpu

UUIDS = ("GPU-00000000-1111-2222-3333-444444444444", "GPU-00000000-9999-2222-3333-444444444444")
MIG_UUIDS = ("MIG-aaaaaaaa-1111-2222-3333-444444444444", "MIG-bbbbbbbb-1111-2222-3333-444444444444")


def gpu(index: int, name: str = "NVIDIA H200", *, mig: bool = False) -> NvmlGpu:
    return NvmlGpu(
        gpu=Gpu(
            name=name,
            capability=Capability(9, 0),
            index=index,
            mig=("3g.71gb", "3g.71gb") if mig else (),
            source="NVML",
        ),
        uuid=UUIDS[index],
        mig_on=mig,
        instance_uuids=MIG_UUIDS if mig else (),
    )


def nvml(*gpus: NvmlGpu, failures: tuple[DeviceFailure, ...] = ()) -> NvmlReading:
    return NvmlReading(status=NvmlStatus.OK, sentence="", gpus=gpus, failures=failures)


def indices(reading: NvmlReading, value: str | None) -> list[int | None]:
    environ = {} if value is None else {"CUDA_VISIBLE_DEVICES": value}
    return [known.index for known in visible_gpus(reading, environ).gpus]


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        # Measured on an H200: which values leave it visible.
        (None, [0]),
        ("0", [0]),
        (UUIDS[0], [0]),
        ("GPU-00000000", [0]),
        ("", []),
        ("-1", []),
        ("1", []),
        ("1,0", []),
        ("0,0", []),
        ("junk", []),
        ("NoDevFiles", []),
    ],
)
def test_one_gpu(value: str | None, seen: list[int]) -> None:
    assert indices(nvml(gpu(0)), value) == seen


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        ("1,0", [1, 0]),
        (" 1 , 0 ", [1, 0]),
        ("1", [1]),
        ("0,7,1", [0]),
        ("0,-1,1", [0]),
        ("0,,1", [0]),
        ("1,0,1", []),
        ("GPU-00000000", []),  # a prefix of both
        ("GPU-00000000-9", [1]),
        (UUIDS[1].upper(), [1]),
        (f"0,{UUIDS[0]}", []),  # one GPU, named in two ways
        ("0x1", []),
        ("99999999999999999999", []),
        ("\u0661", []),  # a digit, but no ASCII one
    ],
)
def test_two_gpus(value: str, seen: list[int]) -> None:
    assert indices(nvml(gpu(0), gpu(1)), value) == seen


def test_mig_instances() -> None:
    reading = nvml(gpu(0, mig=True), gpu(1))
    assert indices(reading, ",".join(MIG_UUIDS)) == [0, 0]
    assert indices(reading, f"{MIG_UUIDS[0]},{MIG_UUIDS[0]}") == []
    (chosen,) = visible_gpus(reading, {"CUDA_VISIBLE_DEVICES": MIG_UUIDS[1]}).gpus
    assert chosen.mig == ("3g.71gb",)


def test_the_source_names_the_variable_but_no_device() -> None:
    visible = visible_gpus(nvml(gpu(0), gpu(1)), {"CUDA_VISIBLE_DEVICES": f"1,{UUIDS[0]}"})
    assert visible.source == "CUDA_VISIBLE_DEVICES=1,GPU-..."
    assert visible.gpus[0].source == "NVML, CUDA_VISIBLE_DEVICES=1,GPU-..."
    missing = visible_gpus(nvml(gpu(0)), {"CUDA_VISIBLE_DEVICES": UUIDS[1]})
    assert "9999" not in "".join(missing.notes)


@pytest.mark.parametrize(
    ("names", "environ", "ambiguous"),
    [
        (("A", "B"), {"CUDA_VISIBLE_DEVICES": "0"}, True),
        (("A", "B"), {"CUDA_VISIBLE_DEVICES": "0", "CUDA_DEVICE_ORDER": "FASTEST_FIRST"}, True),
        (("A", "B"), {"CUDA_VISIBLE_DEVICES": "0", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}, False),
        (("A", "B"), {"CUDA_VISIBLE_DEVICES": UUIDS[0]}, False),
        (("A", "B"), {}, False),
        (("A", "A"), {"CUDA_VISIBLE_DEVICES": "0"}, False),
    ],
)
def test_order_is_ambiguous_among_different_gpus(
    names: tuple[str, str], environ: dict[str, str], *, ambiguous: bool
) -> None:
    visible = visible_gpus(nvml(gpu(0, names[0]), gpu(1, names[1])), environ)
    assert any("PCI_BUS_ID" in note for note in visible.notes) is ambiguous


def test_a_gpu_that_cannot_be_read_is_unknown_and_not_absent(recorded: Callable[[str], Reading]) -> None:
    target = conclude(recorded("gpu-lost"), {"CUDA_VISIBLE_DEVICES": "1"}).target
    assert target.gpus == ()
    assert target.fact("__cuda_arch").state is FactState.UNKNOWN
    assert target.fact("__cuda").value == "12.4"


@pytest.mark.parametrize("value", ["", "-1", "5"])
def test_no_gpu_left_is_no_cuda(value: str, recorded: Callable[[str], Reading]) -> None:
    machine = conclude(recorded("h200"), {"CUDA_VISIBLE_DEVICES": value})
    target = machine.target
    assert target.gpus == ()
    assert [known.name for known in machine.all_gpus] == ["NVIDIA H200"]
    for name in ("__cuda", "__cuda_arch"):
        assert target.fact(name).state is FactState.ABSENT
        assert "CUDA_VISIBLE_DEVICES" in target.fact(name).source
    assert target.fact("__cuda_driver").value == "580.159.04", "the kernel driver is loaded all the same"


@pytest.mark.parametrize(("value", "state"), [("", FactState.ABSENT), ("0", FactState.UNKNOWN)])
def test_where_nvml_does_not_answer(value: str, state: FactState, recorded: Callable[[str], Reading]) -> None:
    machine = conclude(recorded("mismatch"), {"CUDA_VISIBLE_DEVICES": value})
    assert machine.target.fact("__cuda_arch").state is state
    assert machine.notes == ()
