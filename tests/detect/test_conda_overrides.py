"""Conda's override variables, as CEP 30 and CEP 46 have them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from envfit.detect.machine import conclude
from envfit.detect.reading import Reading
from envfit.errors import TargetError
from envfit.target import FactState

Recorded = Callable[[str], Reading]


def test_cuda(recorded: Recorded) -> None:
    machine = conclude(recorded("h200"), {"CONDA_OVERRIDE_CUDA": "12.4"})
    fact = machine.target.fact("__cuda")
    assert (fact.value, fact.source) == ("12.4", "CONDA_OVERRIDE_CUDA")
    assert machine.target.fact("__cuda_driver").value == "580.159.04"
    assert machine.target.fact("__cuda_arch").value == "9.0"
    assert "still this machine's" in machine.notes[0]


def test_empty_cuda_is_no_cuda(recorded: Recorded) -> None:
    target = conclude(recorded("h200"), {"CONDA_OVERRIDE_CUDA": ""}).target
    assert target.gpus == ()
    assert target.fact("__cuda").state is FactState.ABSENT
    assert target.fact("__cuda_arch").state is FactState.ABSENT
    assert target.fact("__cuda").source == "CONDA_OVERRIDE_CUDA is empty"


def test_cuda_stated_on_a_machine_without_a_gpu(recorded: Recorded) -> None:
    target = conclude(recorded("no-driver"), {"CONDA_OVERRIDE_CUDA": "12.8"}).target
    assert target.fact("__cuda").value == "12.8"
    assert target.fact("__cuda_driver").state is FactState.UNKNOWN
    assert target.fact("__cuda_arch").state is FactState.UNKNOWN


@pytest.mark.parametrize("value", ["8.6", "8.6=0", " 8.6 "])
def test_arch_replaces_the_gpus(value: str, recorded: Recorded) -> None:
    target = conclude(recorded("v100-a100"), {"CONDA_OVERRIDE_CUDA_ARCH": value}).target
    assert [gpu.name for gpu in target.gpus] == ["capability 8.6"]
    assert target.gpus[0].source == "CONDA_OVERRIDE_CUDA_ARCH"
    assert target.fact("__cuda_arch").value == "8.6"


def test_both_describe_a_gpu_machine_from_one_without(recorded: Recorded) -> None:
    environ = {"CONDA_OVERRIDE_CUDA": "12.8", "CONDA_OVERRIDE_CUDA_ARCH": "12.0"}
    target = conclude(recorded("no-device"), environ).target
    assert [str(capability) for capability in target.capabilities] == ["12.0"]
    assert target.fact("__cuda").value == "12.8"


def test_empty_arch_is_no_gpu(recorded: Recorded) -> None:
    target = conclude(recorded("h200"), {"CONDA_OVERRIDE_CUDA_ARCH": ""}).target
    assert target.gpus == ()
    assert target.fact("__cuda_arch").state is FactState.ABSENT


def test_arch_without_cuda_has_no_effect(recorded: Recorded) -> None:
    machine = conclude(recorded("no-device"), {"CONDA_OVERRIDE_CUDA_ARCH": "8.6"})
    assert machine.target.gpus == ()
    assert machine.target.fact("__cuda_arch").state is FactState.ABSENT
    assert "no effect" in machine.notes[0]


@pytest.mark.parametrize(
    ("variable", "value", "name"),
    [
        ("CONDA_OVERRIDE_GLIBC", "2.17", "__glibc"),
        ("CONDA_OVERRIDE_LINUX", "5.14.0", "__linux"),
        ("CONDA_OVERRIDE_ARCHSPEC", "zen4", "__archspec"),
    ],
)
def test_facts_of_the_host(variable: str, value: str, name: str, recorded: Recorded) -> None:
    fact = conclude(recorded("h200"), {variable: value}).target.fact(name)
    assert (fact.value, fact.source) == (value, variable)
    assert conclude(recorded("h200"), {variable: ""}).target.fact(name).state is FactState.ABSENT


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CONDA_OVERRIDE_CUDA", "twelve"),
        ("CONDA_OVERRIDE_CUDA", "12."),
        ("CONDA_OVERRIDE_CUDA_ARCH", "86"),
        ("CONDA_OVERRIDE_CUDA_ARCH", "9.0a"),
        ("CONDA_OVERRIDE_GLIBC", "2"),
        ("CONDA_OVERRIDE_LINUX", "linux"),
    ],
)
def test_a_malformed_override_names_the_variable(variable: str, value: str, recorded: Recorded) -> None:
    with pytest.raises(TargetError, match=f"^{variable} is "):
        conclude(recorded("h200"), {variable: value})
