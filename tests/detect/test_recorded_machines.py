"""What is concluded from each recorded machine, and that NVML's own binding reads it the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from envfit.detect.machine import conclude
from envfit.detect.nvml import NvmlStatus
from envfit.detect.reading import Reading
from envfit.detect.record import replay
from envfit.target import FactState

if TYPE_CHECKING:
    from conftest import StandIn

MACHINES = Path(__file__).parents[1] / "machines"

# name: __cuda, __cuda_driver, __cuda_arch, GPUs in use, words that the notes must hold
EXPECTED = {
    "v100": ("12.2", "535.161.08", "7.0", 2, []),
    "t4": ("12.4", "550.54.15", "7.5", 1, []),
    "a100-mig": ("12.4", "550.54.15", "8.0", 2, ["GPU 1 has MIG on and no instance"]),
    "h200": ("13.0", "580.159.04", "9.0", 1, []),
    "rtx5090": ("12.9", "575.57.08", "12.0", 1, []),
    "v100-a100": ("12.2", "535.161.08", "7.0", 2, []),
    "compat-newer": ("12.9", "535.161.08", "8.0", 1, ["575.57.08, newer than the driver 535.161.08"]),
    "compat-older": ("13.0", "580.159.04", "8.0", 1, ["580.95.05, older than the driver 580.159.04"]),
    "gpu-lost": ("12.4", "550.54.15", "8.0", 1, ["GPU 1 could not be read: GPU is lost"]),
    "no-driver": ("unknown", "unknown", "unknown", 0, ["an NVIDIA GPU is there, but no driver"]),
    "mismatch": ("unknown", "570.124.06", "unknown", 0, []),
    "no-device": ("absent", "580.95.05", "absent", 0, []),
    "no-permission": ("unknown", "unknown", "unknown", 0, []),
}


def test_every_recorded_machine_has_an_expectation() -> None:
    assert sorted(path.stem for path in MACHINES.glob("*.txt")) == sorted(EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_facts(name: str) -> None:
    cuda, driver, arch, gpus, words = EXPECTED[name]
    machine = replay(MACHINES / f"{name}.txt")
    facts = {
        fact.name: fact.value if fact.state is FactState.KNOWN else fact.state.value
        for fact in machine.target.facts
    }
    assert (facts["__cuda"], facts["__cuda_driver"], facts["__cuda_arch"]) == (cuda, driver, arch)
    assert len(machine.target.gpus) == gpus
    assert len(machine.notes) == len(words)
    for note, word in zip(machine.notes, words, strict=True):
        assert word in note
    assert all(fact.source for fact in machine.target.facts)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_the_real_binding_reads_the_same(
    name: str, recorded: Callable[[str], Reading], stand_in: StandIn, tmp_path: Path
) -> None:
    wanted = recorded(name)
    stand_in.install_nvml(MACHINES / f"{name}.txt")
    assert wanted.libcuda.driver is not None
    assert wanted.libcuda.cuda is not None
    number = wanted.libcuda.cuda.major * 1000 + wanted.libcuda.cuda.minor * 10
    stand_in.install_libcuda(wanted.libcuda.driver, f"CUDA_NUMBER={number}")
    read = stand_in.detect(tmp_path)
    assert read.nvml == wanted.nvml
    assert read.libcuda == wanted.libcuda
    log = stand_in.log.read_text(encoding="utf-8").split() if stand_in.log.exists() else []
    answers = wanted.nvml.status in {NvmlStatus.OK, NvmlStatus.NO_DEVICE}
    assert log == (["init", "shutdown"] if answers else []), "a successful nvmlInit needs one nvmlShutdown"


@pytest.mark.parametrize("name", ["compat-newer", "compat-older"])
def test_compat_is_a_fact_of_its_own(name: str, recorded: Callable[[str], Reading]) -> None:
    target = conclude(recorded(name), {}).target
    assert target.fact("__libcuda").value == recorded(name).libcuda.driver
    assert name.partition("-")[2] in target.fact("__libcuda").source
    assert "cuda-compat" in target.fact("__cuda").source


def test_the_drivers_own_libcuda_is_no_compat(recorded: Callable[[str], Reading]) -> None:
    facts = {fact.name for fact in conclude(recorded("h200"), {}).target.facts}
    assert "__libcuda" not in facts


def test_a_library_newer_than_a_running_driver_is_no_compat_but_a_mismatch(
    recorded: Callable[[str], Reading],
) -> None:
    machine = conclude(recorded("mismatch"), {})
    assert machine.target.fact("__cuda").source == machine.nvml.sentence
    assert machine.target.fact("__libcuda").source == "not stated"


def test_mig_profiles_are_kept(recorded: Callable[[str], Reading]) -> None:
    machine = conclude(recorded("a100-mig"), {})
    assert machine.all_gpus[0].mig == ("3g.20gb", "2g.10gb", "1g.5gb")


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        (None, "[('3g.20gb', '2g.10gb', '1g.5gb'), ()]"),
        ("GPU-00000001", "[()]"),
        ("MIG-00000000-0000-0000-0000-000000000001", "[('2g.10gb',)]"),
        (
            ",".join(f"MIG-00000000-0000-0000-0000-00000000000{i}" for i in (1, 2)),
            "[('2g.10gb',), ('1g.5gb',)]",
        ),
    ],
)
def test_uuids_select_through_the_real_binding(
    value: str | None, seen: str, stand_in: StandIn, tmp_path: Path
) -> None:
    stand_in.install_nvml(MACHINES / "a100-mig.txt")
    stand_in.install_libcuda("550.54.15", "CUDA_NUMBER=12040")
    program = (
        "import pathlib, sys; from envfit.detect import detect; "
        "print([gpu.mig for gpu in detect(root=pathlib.Path(sys.argv[1])).target.gpus])"
    )
    environ = {} if value is None else {"CUDA_VISIBLE_DEVICES": value}
    assert stand_in.run(program, str(tmp_path), **environ).strip() == seen
