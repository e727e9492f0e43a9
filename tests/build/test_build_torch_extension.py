"""A small torch extension, compiled beside the torch that is locked: minutes, and gigabytes from the index."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.build.small_extensions import RULES, make_sdist, needs_nvcc

pytestmark = [pytest.mark.slow, needs_nvcc]
ROOT = Path(__file__).parents[2]
TORCH = "2.11.0"  # of CUDA 13.0, as the nvcc that this needs


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("torch")
    make_sdist("torch-cuda", directory / "sdists")
    (directory / "pyproject.toml").write_text(
        '[project]\nname = "x"\nversion = "0"\nrequires-python = ">=3.10"\n'
        f'dependencies = ["torch=={TORCH}", "torch-cuda"]\n[tool.envfit]\nconstraints = ["{RULES}"]\n'
    )
    envfit(directory, "lock", "-f", "sdists", "--gpu", "H200")
    return directory


def envfit(directory: Path, *words: str) -> str:
    environ = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "ENVFIT_CACHE_DIR": str(directory / "cache"),
        "TORCH_CUDA_ARCH_LIST": "9.0a",
    }
    command = [sys.executable, "-m", "envfit", *words]
    done = subprocess.run(command, cwd=directory, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_holds_the_code_of_each_gpu_and_the_runtime_of_torch(project):
    words = ("build", "--gpu", "H200", "--gpu", "A100", "-f", "sdists", "--json")
    (wheel,) = json.loads(envfit(project, *words))["wheels"]
    assert wheel["version"] == "1.0+cu130torch211sm80sm90"
    (library,) = wheel["libraries"]
    assert library["path"].startswith("torch_cuda_small")
    assert list(library["sass"]) == ["80", "90"]
    assert library["ptx"] == []
    assert library["cudart"] == 13
    assert wheel["requirements"]["torch"] == TORCH
    assert wheel["left-out"] == ["TORCH_CUDA_ARCH_LIST"]
    assert (wheel["objects"], wheel["compiled"], wheel["from-cache"]) == (3, 3, False)
    (again,) = json.loads(envfit(project, *words))["wheels"]
    assert again["from-cache"]
    assert again["sha256"] == wheel["sha256"]
