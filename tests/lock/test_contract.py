"""The contract: in one line, where a set of packages runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from envfit.knowledge.hardware import branch_of, named_target
from envfit.knowledge.query import Query
from envfit.lock.contract import contract_of
from envfit.target import CUDA, CUDA_DRIVER, LIBCUDA, Fact, FactState, Gpu, Target
from tests.resolve.worlds import knowledge_of, release, rule

TAG = "tag=cp311-cp311-manylinux_2_28_x86_64"
TORCH = {"gpu_builds": True}


def contract(
    directory: Path,
    lines: list[str],
    packages: dict[str, Any] | None = None,
    *,
    gpus: tuple[str, ...] = ("8.0",),
    extra: Fact | None = None,
    platform: str = "linux-x86_64",
) -> str:
    """Return the contract of files written in the notation of worlds."""
    releases = [release(line) for line in lines]
    knowledge = knowledge_of(directory, packages or {}, releases)
    target: Target = named_target(knowledge, gpus, platform=platform)
    if extra is not None:
        target = replace(target, facts=(*target.facts, extra))
    files = [(item.distribution.name, item.distribution.version, item.distribution) for item in releases]
    return str(contract_of(files, target, knowledge))


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], "linux x86_64"),
        (["lib 1.0"], "linux x86_64"),
        (["lib 1.0 tag=cp311-cp311-manylinux_2_17_x86_64"], "glibc 2.17 or newer, linux x86_64"),
        (["lib 1.0 tag=cp311-cp311-manylinux2014_x86_64"], "glibc 2.17 or newer, linux x86_64"),
        (
            ["lib 1.0 tag=cp311-cp311-manylinux_2_5_x86_64.manylinux1_x86_64"],
            "glibc 2.5 or newer, linux x86_64",
        ),
        (
            ["lib 1.0 tag=cp311-cp311-manylinux_2_17_x86_64.manylinux_2_28_x86_64"],
            "glibc 2.17 or newer, linux x86_64",
        ),
        (
            ["a 1.0 tag=py3-none-manylinux_2_9_x86_64", f"b 1.0 {TAG}", "c 1.0"],
            "glibc 2.28 or newer, linux x86_64",
        ),
        (["lib 1.0 tag=cp311-cp311-linux_x86_64"], "linux x86_64"),
        (["lib 1.0 sdist"], "linux x86_64"),
    ],
)
def test_packages_without_gpu_code(tmp_path: Path, lines: list[str], expected: str) -> None:
    assert contract(tmp_path, lines) == expected


def test_gpu_code_bounds_capability_and_driver(tmp_path: Path) -> None:
    lines = [f"torch 2.0 cuda=12.6 sass=90,120 {TAG}", "lib 1.0"]
    assert contract(tmp_path, lines, {"torch": TORCH}, gpus=("9.0",)) == (
        "no GPU or capability 9.0, 12.0, driver 525.60.13 or newer (570.26 for 12.0), glibc 2.28 or newer, linux x86_64"
    )


def test_capabilities_that_do_not_exist_on_the_platform_break_no_range(tmp_path: Path) -> None:
    """Jetson boards (5.3, 6.2, 7.2, 8.7) are no hole in what runs on x86_64."""
    lines = ["torch 2.0 cuda=12.6 sass=70,75,80,86,90"]
    assert contract(tmp_path, lines, {"torch": TORCH}) == (
        "no GPU or capability 7.0 to 9.0, driver 525.60.13 or newer, linux x86_64"
    )


def test_the_highest_driver_floor_counts(tmp_path: Path) -> None:
    lines = ["torch 2.0 cuda=12.6 sass=80", "jax 1.0 cuda=13.0 sass=80", "old 1.0 cuda=11.8 sass=80"]
    assert "driver 580.65.06 or newer" in contract(tmp_path, lines)


def test_code_for_every_package_is_needed(tmp_path: Path) -> None:
    lines = ["torch 2.0 cuda=12.6 sass=80,90", "ext 1.0 cuda=12.6 sass=90"]
    assert contract(tmp_path, lines, gpus=("9.0",)).startswith("no GPU or capability 9.0, driver")


def test_a_rule_bounds_capability_and_driver(tmp_path: Path) -> None:
    packages = {
        "cublas": {
            "rule": [rule("cublas/cuda-13", constrains=["__capability>=12.0", "__cuda_driver>=590.1"])]
        }
    }
    assert contract(tmp_path, ["cublas 13.0"], packages, gpus=("12.0",)) == (
        "no GPU or capability 12.0, driver 590.1 or newer, linux x86_64"
    )


def test_a_package_that_needs_a_gpu_does_not_run_without_one(tmp_path: Path) -> None:
    packages = {"cupy": {"rule": [rule("cupy/gpu", requires=["__capability>=12.0"])]}}
    assert contract(tmp_path, ["cupy 13.0"], packages, gpus=("12.0",)) == "capability 12.0, linux x86_64"


def test_what_it_claims_of_ptx_runs_with_the_driver_that_it_names(tmp_path: Path) -> None:
    """PTX of CUDA 12.6 needs a driver that supports CUDA 12.6, more than CUDA 12's libraries do."""
    item = release("torch 2.0 cuda=12.6 sass=80 ptx=90")
    knowledge = knowledge_of(tmp_path, {"torch": TORCH}, [item])
    target = named_target(knowledge, ["9.0"])
    claimed = contract_of([("torch", item.distribution.version, item.distribution)], target, knowledge)
    assert claimed.capabilities
    assert claimed.driver is not None
    for capability in claimed.capabilities:
        gpu = Gpu(name="one", capability=capability)
        branch = branch_of(knowledge, claimed.driver)
        facts = (
            Fact(name=CUDA_DRIVER, state=FactState.KNOWN, value=claimed.driver),
            Fact(name=CUDA, state=FactState.KNOWN, value=str(branch.cuda)),
        )
        query = Query(knowledge, replace(target, gpus=(gpu,), facts=facts))
        assert not query.judge("torch", item.distribution.version, item.distribution).impossible, capability


def test_without_a_gpu_the_contract_is_about_the_files(tmp_path: Path) -> None:
    assert contract(tmp_path, [f"lib 1.0 {TAG}"], gpus=()) == "glibc 2.28 or newer, linux x86_64"


def test_a_build_without_gpu_code_runs_on_no_gpu(tmp_path: Path) -> None:
    assert contract(tmp_path, ["torch 2.0 cuda=none"], {"torch": TORCH}, gpus=()) == "no GPU, linux x86_64"


def test_another_platform(tmp_path: Path) -> None:
    lines = ["lib 1.0 tag=cp311-cp311-manylinux_2_28_aarch64"]
    assert contract(tmp_path, lines, platform="linux-aarch64") == "glibc 2.28 or newer, linux aarch64"


def test_a_loaded_libcuda_hides_no_driver_floor(tmp_path: Path) -> None:
    library = Fact(name=LIBCUDA, state=FactState.KNOWN, value="580.95.05")
    text = contract(tmp_path, ["torch 2.0 cuda=13.0 sass=80"], {"torch": TORCH}, extra=library)
    assert "driver 580.65.06 or newer" in text


def test_a_provided_package_counts_by_its_rules(tmp_path: Path) -> None:
    knowledge = knowledge_of(
        tmp_path, {"torch": {"rule": [rule("torch/driver", constrains=["__cuda_driver>=570.1"])]}}
    )
    target = named_target(knowledge, ["8.0"])
    assert str(contract_of([("torch", Version("2.0"), None)], target, knowledge)) == (
        "driver 570.1 or newer (570.26 for 10.0 to 12.0), linux x86_64"
    )
