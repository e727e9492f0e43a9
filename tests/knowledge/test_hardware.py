"""GPU models and axes: facts that hold across files, read as plain TOML."""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CONSTRAINTS = Path(__file__).parents[2] / "constraints"


def read(file: str) -> dict[str, Any]:
    return tomllib.loads((CONSTRAINTS / file).read_text(encoding="utf-8"))


def squeezed(name: str) -> str:
    """Return a name as it is compared: no case, spaces, dashes, underscores, no leading NVIDIA."""
    return re.sub(r"[\s_-]+", "", name.lower()).removeprefix("nvidia")


def release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


MODELS: list[dict[str, Any]] = [
    model
    for path in sorted((CONSTRAINTS / "hardware").glob("*.toml"))
    for model in tomllib.loads(path.read_text(encoding="utf-8"))["gpu"]
]
NAMES = [(squeezed(name), model) for model in MODELS for name in (model["name"], *model.get("aliases", ()))]
CAPABILITIES = {entry["version"]: entry for entry in read("axes/capabilities.toml")["capability"]}
BRANCHES = {entry["branch"]: entry for entry in read("axes/drivers.toml")["branch"]}


def capability_of(text: str) -> str | None:
    return next((model["capability"] for name, model in NAMES if name == squeezed(text)), None)


def test_no_name_means_two_models() -> None:
    assert [name for name, count in Counter(name for name, _ in NAMES).items() if count > 1] == []


def test_no_name_looks_like_a_capability() -> None:
    assert [name for name, _ in NAMES if re.fullmatch(r"\d{1,2}\.\d|(sm|compute)\d{2,3}", name)] == []


def test_every_capability_exists() -> None:
    assert {model["capability"] for model in MODELS} <= CAPABILITIES.keys()


def test_only_gpus_on_arm_boards_imply_a_platform() -> None:
    assert {model["platform"] for model in MODELS if "platform" in model} == {"linux-aarch64"}


@pytest.mark.parametrize(
    ("text", "capability"),
    [
        ("Tesla K80", "3.7"),
        ("Quadro P620", "6.1"),
        ("1080ti", "6.1"),
        ("NVIDIA GeForce GTX 1080 Ti", "6.1"),
        ("Tesla P100-PCIE-16GB", "6.0"),
        ("Tesla V100-SXM2-16GB", "7.0"),
        ("v100", "7.0"),
        ("Tesla T4", "7.5"),
        ("Quadro RTX 6000", "7.5"),
        ("NVIDIA A100-SXM4-80GB", "8.0"),
        ("NVIDIA A100 80GB PCIe", "8.0"),
        ("nvidia_a100_80gb_pcie", "8.0"),
        ("NVIDIA RTX A6000", "8.6"),
        ("rtx3090", "8.6"),
        ("Jetson AGX Orin", "8.7"),
        ("NVIDIA RTX 6000 Ada Generation", "8.9"),
        ("NVIDIA H100 80GB HBM3", "9.0"),
        ("NVIDIA H200", "9.0"),
        ("NVIDIA GH200 480GB", "9.0"),
        ("NVIDIA B200", "10.0"),
        ("NVIDIA B300 SXM6 AC", "10.3"),
        ("Thor", "11.0"),
        ("NVIDIA GeForce RTX 5090", "12.0"),
        ("NVIDIA RTX PRO 6000 Blackwell Max-Q Workstation Edition", "12.0"),
        ("DGX Spark", "12.1"),
    ],
)
def test_model_is_found(text: str, capability: str) -> None:
    assert capability_of(text) == capability


@pytest.mark.parametrize("text", ["RTX 6000", "RTX 5000", "RTX 4000", "TITAN X", "GTX 860M", "GT 730"])
def test_name_of_several_models_is_none(text: str) -> None:
    assert capability_of(text) is None


def test_axes_are_in_order() -> None:
    cuda = read("axes/cuda.toml")
    for values in (
        [release(entry["version"]) for entry in cuda["toolkit"]],
        [release(entry["driver"]) for entry in cuda["toolkit"]],
        [(entry["major"],) for entry in cuda["runtime"]],
        [(number,) for number in BRANCHES],
        [release(entry["cuda"]) for entry in BRANCHES.values()],
        [release(version) for version in CAPABILITIES],
        [release(entry["minor"]) for entry in read("axes/pythons.toml")["python"]],
    ):
        assert values == sorted(set(values))


def test_axes_agree() -> None:
    for number, branch in BRANCHES.items():
        assert release(branch["first"])[0] == number
        assert branch["oldest"] in CAPABILITIES
    for toolkit in read("axes/cuda.toml")["toolkit"]:
        branch = BRANCHES.get(release(toolkit["driver"])[0])
        assert branch is None or branch["cuda"] == toolkit["version"]
    pythons = read("axes/pythons.toml")
    assert pythons["default"] in {entry["minor"] for entry in pythons["python"]}
    for entry in pythons["python"]:
        assert entry["newest"].startswith(entry["minor"] + ".")
    torch_cuda = next(
        entry for entry in read("axes/choices.toml")["choice"] if entry["name"] == "__torch_cuda"
    )
    labels = [label for index in read("axes/indexes.toml")["index"] for label in index["label"]]
    assert {label["cuda"] for label in labels if "cuda" in label} <= set(torch_cuda["values"])


def test_blackwell_needs_a_driver_that_knows_it() -> None:
    first = release(CAPABILITIES["12.0"]["first_driver"])
    assert release("560.35.03") < first <= release("570.86.10")


def test_580_is_the_last_branch_for_volta_and_older() -> None:
    drives_volta = [number for number, branch in BRANCHES.items() if release(branch["oldest"]) <= (7, 0)]
    assert max(drives_volta) == 580
    assert BRANCHES[580]["supported"]
    assert not BRANCHES[535]["supported"]
    assert not BRANCHES[570]["supported"]
