"""Packages whose wheels hold several libraries, on five capabilities: what is judged, and what is true.

What is true stands here as read by ``cuobjdump`` and as the maker loads it; not one of these answers
follows from the union of what is in the wheel.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.version import Version

from envfit.knowledge.hardware import named_target
from envfit.knowledge.load import load
from envfit.knowledge.objections import object_to
from envfit.knowledge.query import Query

BASE = load(Path(__file__).parents[2] / "constraints")
CAPABILITIES = ("7.0", "7.5", "8.9", "10.0", "12.0")
DRIVER = "580.95.05"


def verdict(package: str, capability: str, beside: dict[str, str]) -> str:
    """Return what is said of a package's own code: runs, warns or refused."""
    installed = {name: Version(version) for name, _, version in [package.partition("==")]} | {
        name: Version(version) for name, version in beside.items()
    }
    name = package.partition("==")[0]
    query = Query(BASE, named_target(BASE, [capability], driver=DRIVER))
    found = [
        item
        for item in object_to(query, installed)
        if item.origin.package == name
        and item.origin.rule in (f"{name}/device-code", "nvidia-cudnn-cu12/turing-or-newer")
    ]
    return "refused" if any(item.blocks for item in found) else "warns" if found else "runs"


@pytest.mark.parametrize(
    ("package", "beside", "expected"),
    [
        # The library of torch's CUDA version is loaded: 12.8 has 7.0 to 12.0, 13.2 begins with 7.5, 12.6 ends with 9.0.
        ("bitsandbytes==0.50.2", {"torch": "2.10.0"}, "runs runs runs runs runs"),
        ("bitsandbytes==0.50.2", {"torch": "2.15.0"}, "refused runs runs runs runs"),
        ("bitsandbytes==0.50.2", {"torch": "2.7.1"}, "runs runs runs refused refused"),
        # 1.31.1 has machine code for 7.5 to 9.0 and 12.0 and no PTX; PTX 9.0 of 1.23.2 serves Blackwell.
        ("onnxruntime-gpu==1.31.1", {}, "refused runs runs refused runs"),
        ("onnxruntime-gpu==1.23.2", {}, "runs runs runs runs runs"),
        # libcudnn_ops decides: engines_precompiled of 9.28 still holds leftovers for 5.0 to 7.0.
        ("nvidia-cudnn-cu12==9.10.2.21", {}, "runs runs runs runs runs"),
        ("nvidia-cudnn-cu12==9.28.0.42", {}, "refused runs runs runs runs"),
        # _C decides: the libraries of FlashAttention 3 and FlashMLA are for single architectures.
        ("vllm==0.33.0", {"torch": "2.14.0"}, "refused runs runs runs runs"),
        # libtorch_cuda_linalg of 2.11 to 2.14 begins with 8.0; up to 2.10 its code for 7.0 served 7.5.
        ("torch==2.10.0", {}, "runs runs runs runs runs"),
        ("torch==2.14.1", {}, "refused warns runs runs runs"),
    ],
)
def test_the_code_that_is_loaded_decides(package: str, beside: dict[str, str], expected: str) -> None:
    found = {capability: verdict(package, capability, beside) for capability in CAPABILITIES}
    assert found == dict(zip(CAPABILITIES, expected.split(), strict=True))
