"""``envfit lock`` for named targets: the torch that runs there, and no other."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import uv

from envfit import api
from envfit.detect.machine import Machine, conclude
from envfit.detect.record import parse_record
from envfit.lock.file import read_lock
from tests.cli.conftest import CommandLine

MACHINES = Path(__file__).parents[1] / "machines"


def locked(envfit: CommandLine, path: str = "pylock.toml") -> dict[str, str]:
    """The packages of a lock: name and version."""
    lock = read_lock(envfit.cwd / path)
    return {package.name: str(package.version) for package in lock.packages}


@pytest.mark.parametrize(
    ("target", "torch", "cuda"),
    [
        ("--gpu V100 --driver 580.95.05", "2.10.0", 12),
        ("--gpu 'GTX 1080 Ti'", "2.7.1", 12),
        ("--gpu T4 --driver 535.161.08", "2.10.0", 12),
        ("--gpu A100 --driver 470.82.01", "2.0.1", 11),
        ("--gpu 'RTX 5090' --driver 570.86.10", "2.10.0", 12),
        ("--gpu V100 --gpu A100 --driver 580.95.05", "2.10.0", 12),
        ("--gpu sm_70", "2.10.0", 12),
        ("--gpu 7.0", "2.10.0", 12),
        ("--gpu 'nvidia tesla v100-sxm2-16gb'", "2.10.0", 12),
        ("--gpu H100 --driver 595.58.03", "2.15.0", 13),
        ("--gpu GH200 --driver 580.95.05", "2.15.0", 13),
        ("--gpu none", "2.15.0", 13),
        ("--gpu none --platform linux-aarch64", "2.15.0", 13),
    ],
)
def test_the_newest_torch_that_runs_on_the_target_is_locked(
    envfit: CommandLine, target: str, torch: str, cuda: int
) -> None:
    answer = envfit("lock", "torch", *shlex.split(target))
    packages = locked(envfit)
    assert packages["torch"] == torch
    cublas = {11: "nvidia-cublas-cu11", 12: "nvidia-cublas-cu12", 13: "nvidia-cublas"}[cuda]
    assert {name for name in packages if "cublas" in name} == {cublas}
    assert f"torch {torch}\n" in answer.out
    assert "runs on: " in answer.out


def test_torch_and_triton_that_require_each_other_are_locked_together(envfit: CommandLine) -> None:
    envfit("lock", "torch", "--gpu", "A100", "--driver", "470.82.01")
    assert locked(envfit)["triton"] == "2.0.0"


def test_torch_and_torchaudio_agree_on_the_cuda_runtime_of_torch(envfit: CommandLine) -> None:
    # torchaudio 2.11.0 was made for CUDA 13.0; torch 2.15.0 is built with 13.2, and 2.14.1 with 13.0.
    envfit("lock", "torch", "torchaudio", "--gpu", "H100", "--driver", "595.58.03")
    assert {name: locked(envfit)[name] for name in ("torch", "torchaudio")} == {
        "torch": "2.14.1",
        "torchaudio": "2.11.0",
    }


def test_a_newer_release_that_another_package_keeps_away_is_explained(envfit: CommandLine) -> None:
    answer = envfit("lock", "torch", "torchaudio", "--gpu", "H100", "--driver", "595.58.03")
    assert "why not newer: torch" in answer.err
    assert "2.15.0" in answer.err


@pytest.mark.parametrize("as_json", [False, True])
def test_a_gpu_and_a_driver_that_exclude_each_other_are_refused(envfit: CommandLine, as_json: bool) -> None:
    words = ["lock", "torch", "--gpu", "RTX 5090", "--driver", "560.35.03"]
    answer = envfit(*words, *(["--json"] if as_json else []), code=1)
    text = answer.data["message"] if as_json else answer.err
    assert "RTX 5090 (compute capability 12.0) does not run with driver 560.35.03" in text
    assert "570.26 or newer" in text
    assert envfit.files() == set()


def test_a_cpu_build_is_no_answer_on_a_gpu_target(envfit: CommandLine) -> None:
    answer = envfit("lock", "torch", "--gpu", "GH200", "--driver", "550.54.15", code=1)
    assert "__cuda_driver 550.54.15" in answer.err  # the fact
    assert "580.65.06" in answer.err  # what it would have to be
    assert "has no GPU code" in answer.err
    assert "2.14.1+cu126" in answer.err
    assert "--pytorch-index" in answer.err
    assert envfit.files() == set()


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="uv wants a Python that the lock is for")
@pytest.mark.parametrize("gpu", ["V100", "GH200"])
def test_uv_accepts_the_lock_for_the_platform_that_it_is_for(
    envfit: CommandLine, tmp_path: Path, gpu: str
) -> None:
    envfit("lock", "torch", "--gpu", gpu, "--driver", "580.95.05")
    machine = "aarch64" if gpu == "GH200" else "x86_64"
    ended = subprocess.run(
        [
            *(uv.find_uv_bin(), "pip", "sync", "--dry-run", "--preview-features", "pylock", "pylock.toml"),
            *("--python-version", "3.11", "--python-platform", f"{machine}-manylinux_2_28"),
            *("--target", str(tmp_path / "nothing")),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "torch==" in ended.stderr


# -- what is not said ---------------------------------------------------------


def test_what_is_assumed_of_a_named_target_is_said(envfit: CommandLine) -> None:
    answer = envfit("lock", "torch", "--gpu", "V100")
    for fact in ("__cuda_driver 580.65.06", "__glibc 2.28"):
        assert f"assumed: {fact}" in answer.err
    python = next(entry.newest for entry in api.knowledge().pythons if entry.minor == "3.11")
    assert any("assumed" in line and str(python) in line for line in answer.err.splitlines())


def test_what_is_said_of_a_named_target_is_not_called_assumed(envfit: CommandLine) -> None:
    answer = envfit("lock", "torch", "--gpu", "V100", "--driver", "580.95.05", "--glibc", "2.31")
    assert "assumed: __" not in answer.err


def test_python_and_glibc_of_the_target_choose_the_files(envfit: CommandLine) -> None:
    answer = envfit("lock", "torch", "--gpu", "V100", "--python", "3.12", code=1)
    assert "has no file for CPython 3.12" in answer.err
    answer = envfit("lock", "torch", "--gpu", "V100", "--glibc", "2.17", code=1)
    assert "torch" in answer.err
    assert envfit.files() == set()


def test_a_machine_whose_gpu_cannot_be_read_is_not_guessed_at(
    envfit: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    detected(monkeypatch, "no-driver")
    answer = envfit("lock", "torch", code=2)
    assert "--gpu NAME" in answer.err
    assert "--gpu none" in answer.err
    assert envfit.files() == set()


def detected(monkeypatch: pytest.MonkeyPatch, machine: str) -> None:
    """Let detection find a recorded machine."""
    reading = parse_record((MACHINES / f"{machine}.txt").read_text(encoding="utf-8"), source="recorded")

    def detect(**_: object) -> Machine:
        return conclude(reading, {})

    monkeypatch.setattr("envfit.detect.detect", detect)


def test_without_a_gpu_and_a_lock_the_first_line_says_which_machine_is_locked_for(
    envfit: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    detected(monkeypatch, "no-device")
    answer = envfit("lock", "torch")
    assert answer.err.splitlines()[0] == (
        "for a machine without a GPU, as this one is; --gpu NAME names another"
    )
    assert locked(envfit)["torch"] == "2.15.0"


@pytest.mark.parametrize("words", [[], ["--gpu", "auto"]])
def test_a_detected_gpu_is_locked_for(
    envfit: CommandLine, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    detected(monkeypatch, "v100")
    answer = envfit("lock", "torch", *words)
    assert answer.err.startswith("for this machine: 2 x Tesla V100-SXM2-16GB (capability 7.0)")
    assert locked(envfit)["torch"] == "2.10.0"
