"""Which GPU code runs where: NVIDIA's rules, and what was measured."""

from __future__ import annotations

import pytest
from packaging.version import Version

from envfit.knowledge.device_code import runs_on
from envfit.target import Capability


def runs(
    sass: str, capability: str, *, ptx: str = "", built: str | None = "13.0", driver: str | None = "13.0"
) -> bool:
    """Ask with codes separated by blanks."""
    return runs_on(
        sass.split(),
        ptx.split(),
        Capability.parse(capability),
        built_with=Version(built) if built else None,
        supported_cuda=Version(driver) if driver else None,
    )


# Measured: programs compiled by nvcc 13.0 on an H200 (capability 9.0) whose driver supports CUDA 13.0.
# "no" is cudaErrorNoKernelImageForDevice at launch, with lazy and with eager loading.
@pytest.mark.parametrize(
    ("sass", "ptx", "ran"),
    [
        ("90", "", True),
        ("90a", "", True),
        ("80 90", "", True),
        ("", "80", True),
        ("75", "75", True),  # nvcc's default: the PTX of capability 7.5 beside its machine code
        ("75", "", False),
        ("80", "", False),
        ("86", "", False),
        ("100", "", False),
        ("120", "", False),
        ("", "100", False),
    ],
)
def test_agrees_with_what_ran_on_an_h200(sass: str, ptx: str, ran: bool) -> None:
    assert runs(sass, "9.0", ptx=ptx) is ran


@pytest.mark.parametrize(
    ("sass", "capability", "expected"),
    [
        # Machine code runs on its own capability and on later ones of the same major.
        ("70", "7.0", True),
        ("70", "7.5", True),
        ("75", "7.0", False),
        ("80", "8.6", True),
        ("80", "8.9", True),
        ("86", "8.0", False),
        ("89", "8.6", False),
        ("60", "6.1", True),
        ("100", "10.3", True),
        ("120", "12.1", True),
        ("121", "12.0", False),
        # Never on another major.
        ("60", "7.0", False),
        ("80", "9.0", False),
        ("90", "10.0", False),
        ("100", "12.0", False),
        # One that fits is enough.
        ("50 60 70", "7.0", True),
        ("", "7.0", False),
        # Integrated GPUs of Jetson boards run only what was compiled for them, and theirs runs nowhere else.
        ("80", "8.7", False),
        ("86", "8.7", False),
        ("87", "8.7", True),
        ("87", "8.9", False),
        ("70", "7.2", False),
        ("72", "7.2", True),
        ("72", "7.5", False),
        ("60", "6.2", False),
        ("50", "5.3", False),
        ("53", "5.3", True),
        # Suffix a: exactly that capability.
        ("90a", "9.0", True),
        ("100a", "10.0", True),
        ("100a", "10.3", False),
        ("120a", "12.1", False),
        # Suffix f: its family, from that capability on.
        ("100f", "10.0", True),
        ("100f", "10.3", True),
        ("103f", "10.0", False),
        ("100f", "12.0", False),
        ("120f", "12.1", True),
        # 10.1 became 11.0 with CUDA 13.
        ("101", "11.0", True),
        ("101a", "11.0", True),
        ("110", "11.0", True),
        ("100", "11.0", False),
        ("101", "10.3", False),
    ],
)
def test_machine_code(sass: str, capability: str, expected: bool) -> None:
    assert runs(sass, capability) is expected


@pytest.mark.parametrize(
    ("ptx", "capability", "expected"),
    [
        ("70", "7.0", True),
        ("70", "12.0", True),
        ("75", "7.0", False),
        ("80", "8.7", True),  # compiled by the driver: the exceptions of Jetson boards do not apply
        ("101", "11.0", True),
        ("90a", "9.0", True),
        ("90a", "10.0", False),
        ("100f", "10.3", True),
        ("100f", "12.0", False),
        ("103f", "10.0", False),
    ],
)
def test_ptx(ptx: str, capability: str, expected: bool) -> None:
    assert runs("", capability, ptx=ptx) is expected


@pytest.mark.parametrize(
    ("built", "driver", "expected"),
    [
        ("12.4", "12.4", True),
        ("12.4", "13.0", True),
        ("12.4", "12.2", False),  # minor-version compatibility does not extend to PTX
        ("13.0", "12.8", False),
        (None, "13.0", False),
        ("12.4", None, False),
    ],
)
def test_ptx_counts_only_where_the_driver_knows_its_toolkit(
    built: str | None, driver: str | None, expected: bool
) -> None:
    assert runs("", "9.0", ptx="80", built=built, driver=driver) is expected


@pytest.mark.parametrize(("built", "driver"), [("13.0", "12.2"), (None, None), ("12.4", None)])
def test_machine_code_does_not_ask_for_the_drivers_cuda(built: str | None, driver: str | None) -> None:
    assert runs("80", "8.6", built=built, driver=driver)


@pytest.mark.parametrize("code", ["", "7", "7.0", "sm_70", "90b", "1000"])
def test_what_is_no_architecture_is_refused(code: str) -> None:
    with pytest.raises(ValueError, match="is no architecture"):
        runs_on([code], [], Capability(7, 0), built_with=None, supported_cuda=None)


# torch 2.15.0, torch/cuda/__init__.py: which devices machine code for a capability runs on, where torch was built
# with CUDA before 13.2, and from there on ("+").
TORCH_SAYS = {
    "50": "5.0 5.2",
    "52": "5.2",
    "53": "5.3",
    "60": "6.0 6.1",
    "61": "6.1",
    "62": "6.2",
    "70": "7.0 7.5 +7.2",
    "72": "7.2",
    "75": "7.5",
    "80": "8.0 8.6 8.9 +8.7",
    "86": "8.6 8.9 +8.7",
    "87": "8.7",
    "89": "8.9",
    "90": "9.0",
    "100": "10.0 10.3",
    "101": "11.0",
    "103": "10.3",
    "110": "11.0",
    "120": "12.0 12.1",
    "121": "12.1",
}
DEVICES = sorted({device.removeprefix("+") for devices in TORCH_SAYS.values() for device in devices.split()})


@pytest.mark.parametrize("code", TORCH_SAYS)
def test_agrees_with_the_table_of_torch(code: str) -> None:
    before = [device for device in TORCH_SAYS[code].split() if not device.startswith("+")]
    unified = {device.removeprefix("+") for device in TORCH_SAYS[code].split()}
    assert [device for device in DEVICES if runs(code, device)] == before
    assert {device for device in DEVICES if runs(code, device, built="13.2", driver="13.2")} == unified


@pytest.mark.parametrize(
    ("built", "driver"),
    [("13.2", "13.0"), ("13.0", "13.2"), ("13.2", None), (None, "13.2"), ("12.6", "12.6")],
)
def test_code_for_others_runs_on_a_jetson_board_only_where_both_sides_are_new(
    built: str | None, driver: str | None
) -> None:
    assert not runs("80 86", "8.7", built=built, driver=driver)


def test_code_for_a_jetson_board_runs_nowhere_else_even_so() -> None:
    assert not runs("87", "8.9", built="13.2", driver="13.2")
