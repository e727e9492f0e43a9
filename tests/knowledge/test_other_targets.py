"""Targets that differ in one fact, and the GPU code that serves each GPU."""

from __future__ import annotations

import pytest
from packaging.version import Version

from envfit import api
from envfit.distribution import Wheel
from envfit.errors import TargetError
from envfit.knowledge.gpu_code import gpu_code
from envfit.knowledge.hardware import named_target
from envfit.knowledge.ignored_gpus import ignoring, ignoring_models
from envfit.knowledge.model import CAPABILITY, KnowledgeBase
from envfit.knowledge.other_targets import facts_read, newer_drivers, with_newer_gpu, without_gpus
from envfit.knowledge.query import Query
from envfit.target import CUDA_ARCH, CUDA_DRIVER, Capability


@pytest.fixture(scope="module")
def base() -> KnowledgeBase:
    return api.knowledge()


def test_what_a_rule_reads(base: KnowledgeBase) -> None:
    assert facts_read("cuda-13-runtime/capability", base) == {CAPABILITY}
    assert facts_read("cuda-13-runtime/driver", base) == {CUDA_DRIVER}
    assert facts_read("torch/device-code", base) == {CAPABILITY}
    assert facts_read("cuda/13-driver", base) == {CUDA_DRIVER}
    assert facts_read("torch/cuda-runtime", base) == frozenset()


def test_fewer_gpus(base: KnowledgeBase) -> None:
    target = named_target(base, ["V100", "A100"])
    left = without_gpus(target, [gpu for gpu in target.gpus if gpu.name == "V100"])
    assert [gpu.name for gpu in left.gpus] == ["A100"]
    assert (target.fact(CUDA_ARCH).value, left.fact(CUDA_ARCH).value) == ("7.0", "8.0")


def test_drivers_that_the_rule_accepts_and_that_drive_the_gpu(base: KnowledgeBase) -> None:
    old = named_target(base, ["A100"], driver="535.161.08")
    drivers = [Version(driver) for driver, _ in newer_drivers(old, base, rule="cuda/13-driver")]
    assert drivers == sorted(drivers)
    assert drivers[0].major == 580
    volta = named_target(base, ["V100"], driver="535.161.08")
    assert {Version(driver).major for driver, _ in newer_drivers(volta, base, rule="cuda/13-driver")} == {580}


def test_newer_gpus_are_of_the_platform(base: KnowledgeBase) -> None:
    found = [capability for capability, _ in with_newer_gpu(named_target(base, ["V100"]), base)]
    assert found[0] == Capability(7, 5)
    assert Capability(7, 2) not in found  # Jetson
    assert found == sorted(found)


def wheel(name: str, version: str) -> Wheel:
    filename = f"{name}-{version}-cp311-cp311-manylinux_2_28_x86_64.whl"
    return Wheel(name=name, version=Version(version), filename=filename, url="", index="")


def test_the_code_that_serves(base: KnowledgeBase) -> None:
    query = Query(base, named_target(base, ["A100", "V100", "RTX 3090"]))
    code = gpu_code(query, "torch", wheel("torch", "2.10.0"))
    assert code is not None
    assert [(one.gpu.name, one.code) for one in code.served] == [
        ("V100", "sm_70"),
        ("A100", "sm_80"),
        ("RTX 3090", "sm_86"),
    ]
    old = Query(base, named_target(base, ["GTX 1080 Ti"]))
    unserved = gpu_code(old, "torch", wheel("torch", "2.10.0"))
    assert unserved is not None
    assert unserved.served[0].code is None
    assert gpu_code(query, "numpy", wheel("numpy", "2.0")) is None


def test_ignored_gpus(base: KnowledgeBase) -> None:
    target = named_target(base, ["V100", "A100"])
    for text in ("V100", "v100", "Tesla V100-SXM2-16GB", "7.0"):
        left = ignoring(target, [text], base)
        assert [gpu.name for gpu in left.gpus] == ["A100"]
        assert [gpu.name for gpu in left.ignored_gpus] == ["V100"]
    assert ignoring(target, [], base) is target
    with pytest.raises(TargetError, match="no such GPU"):
        ignoring(target, ["0"], base)  # named GPUs have no index
    models = ignoring(target, ["V100"], base).ignored_gpus
    assert ignoring_models(target, models).gpus == ignoring(target, ["V100"], base).gpus
    alone = named_target(base, ["V100"])
    assert ignoring_models(alone, models) == alone  # somewhere must it run
