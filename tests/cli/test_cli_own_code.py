"""Releases are judged by the code that was read in their real wheels; those here have only their names."""

from __future__ import annotations

import pytest

from tests.cli.conftest import CommandLine
from tests.loopback import Index, make_wheel

_TAGS = "cp311-cp311-manylinux_2_28_x86_64"


@pytest.fixture
def runtimes(index: Index) -> Index:
    for version in ("1.23.2", "1.31.1"):
        make_wheel(index.directory, "onnxruntime-gpu", version, tags=_TAGS)
    return index


@pytest.mark.parametrize(
    ("gpu", "driver", "version"),
    [
        ("V100", "580.95.05", "1.23.2"),  # 1.31.1 has code for 7.5 and newer only
        ("A100", "580.95.05", "1.31.1"),
        ("A100", "550.90.07", "1.23.2"),  # 1.31.1 is built with CUDA 13
    ],
)
def test_the_newest_release_whose_code_runs(
    envfit: CommandLine, runtimes: Index, gpu: str, driver: str, version: str
) -> None:
    answer = envfit("lock", "onnxruntime-gpu", "--gpu", gpu, "--driver", driver)
    assert f"onnxruntime-gpu {version}" in answer.out
    if version == "1.23.2":
        assert "why not newer: onnxruntime-gpu 1.31.1" in answer.err


def test_a_release_that_no_gpu_of_the_target_can_run_is_refused_with_the_library(
    envfit: CommandLine, runtimes: Index
) -> None:
    answer = envfit("lock", "onnxruntime-gpu==1.31.1", "--gpu", "V100", "--driver", "580.95.05", code=1)
    assert (
        "The GPU code of its onnxruntime/capi/libonnxruntime_providers_cuda.so is for capability 7.5"
        in answer.err
    )
    assert "none runs on 7.0" in answer.err


def test_without_a_gpu_nothing_is_in_the_way(envfit: CommandLine, runtimes: Index) -> None:
    assert "onnxruntime-gpu 1.31.1" in envfit("lock", "onnxruntime-gpu", "--gpu", "none").out
