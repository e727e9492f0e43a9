"""What the project says of targets and Pythons, and what must not depend on this machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine
from tests.loopback import Index, make_sdist, make_wheel


def project(cwd: Path, text: str) -> None:
    (cwd / "pyproject.toml").write_text(text, encoding="utf-8")


def locked(cwd: Path, name: str = "pylock.toml") -> str:
    return (cwd / name).read_text(encoding="utf-8")


def test_a_named_target_of_the_project_is_used(envfit: CommandLine) -> None:
    project(
        envfit.cwd,
        """
        [project]
        name = "p"
        version = "1"
        dependencies = ["torch"]
        [tool.envfit]
        gpu = "H100"
        driver = "595.58.03"
        [tool.envfit.targets.old]
        gpu = "V100"
        """,
    )
    assert "torch 2.15.0" in envfit("lock").out
    answer = envfit("lock", "--target", "old")
    assert "torch 2.10.0" in answer.out
    assert "__cuda_driver 580.65.06" in answer.err  # not H100's driver, which drives no V100
    assert 'name = "old"' in locked(envfit.cwd, "pylock.old.toml")
    refused = envfit("lock", "--target", "older", code=2)
    assert "names no target 'older'" in refused.err
    assert "old" in refused.err


@pytest.mark.parametrize("name", ["../evil", "a/b", "", "-x"])
def test_a_target_needs_a_name(envfit: CommandLine, name: str) -> None:
    answer = envfit("lock", "plain", "--gpu", "none", f"--target={name}", code=2)
    assert "is not a name for a target" in answer.err
    assert envfit.files() == set()


@pytest.mark.parametrize(
    ("required", "python"),
    [(">=3.10", "3.11"), (">=3.12", "3.12"), ("<3.11", "3.10"), (">=3.9,<3.14", "3.11")],
)
def test_the_python_nearest_to_the_default_is_taken(envfit: CommandLine, required: str, python: str) -> None:
    project(
        envfit.cwd,
        f'[project]\nname = "p"\nversion = "1"\nrequires-python = "{required}"\ndependencies = ["plain"]\n',
    )
    envfit("lock", "--gpu", "none")
    assert f'requires-python = "=={python}.*"' in locked(envfit.cwd)


def test_requires_python_binds(envfit: CommandLine) -> None:
    project(
        envfit.cwd,
        '[project]\nname = "p"\nversion = "1"\nrequires-python = ">=3.12"\ndependencies = ["plain"]\n',
    )
    answer = envfit("lock", "--gpu", "none", "--python", "3.10", code=2)
    assert "requires Python >=3.12" in answer.err
    assert envfit.files() == {"pyproject.toml"}


def test_a_lock_keeps_its_python_while_the_project_admits_it(envfit: CommandLine) -> None:
    text = '[project]\nname = "p"\nversion = "1"\nrequires-python = "{}"\ndependencies = ["plain"]\n'
    project(envfit.cwd, text.format(">=3.10"))
    envfit("lock", "--gpu", "none", "--python", "3.12")
    envfit("lock")
    assert 'requires-python = "==3.12.*"' in locked(envfit.cwd)
    project(envfit.cwd, text.format("<3.12"))
    assert "Python 3.11" in envfit("lock").err
    assert 'requires-python = "==3.11.*"' in locked(envfit.cwd)


def test_what_only_a_build_can_tell_is_not_guessed_elsewhere(
    bare_envfit: CommandLine, own_index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On another platform the newest release cannot be judged, so no older one is taken in its stead."""
    make_wheel(own_index.directory, "demo", "1.0")
    make_sdist(own_index.directory, "demo", "2.0", metadata_version="2.1")
    here = os.uname()
    elsewhere = os.uname_result((*here[:4], "riscv64"))
    monkeypatch.setattr(os, "uname", lambda: elsewhere)
    answer = bare_envfit("lock", "demo", "--gpu", "none", "--index-url", own_index.url, code=3)
    assert "demo-2.0.tar.gz" in answer.err
    assert "this is not a linux-x86_64 machine" in answer.err
    assert bare_envfit.files() == set()
    bare_envfit("lock", "demo", "--gpu", "none", "--index-url", own_index.url, "--no-build")
    assert "demo-1.0" in locked(bare_envfit.cwd)


def test_a_provided_torch_is_named_as_not_judged(envfit: CommandLine) -> None:
    answer = envfit("lock", "torch", "plain", "--provided", "torch==2.15.0", "--gpu", "V100")
    assert "A module provides torch 2.15.0" in answer.err
    assert "CUDA 13.2" in answer.err
    assert "[torch/provided]" in answer.err


def test_a_glibc_that_is_too_old_is_named(envfit: CommandLine) -> None:
    answer = envfit("lock", "torch", "--gpu", "H100", "--glibc", "2.17", code=1)
    assert "it needs glibc 2.28 or newer" in answer.err


def test_a_date_excludes_what_has_none(bare_envfit: CommandLine, own_index: Index) -> None:
    make_wheel(own_index.directory, "demo", "1.0")
    own_index.json = False  # only JSON pages tell when a file was uploaded
    words = ("lock", "demo", "--gpu", "none", "--index-url", own_index.url)
    bare_envfit(*words)
    answer = bare_envfit(*words, "--exclude-newer", "2030-01-01", "-o", "pylock.dated.toml", code=1)
    assert "has no upload time" in answer.err


def test_what_files_say_cannot_be_switched_off(envfit: CommandLine) -> None:
    answer = envfit("lock", "torch", "--gpu", "V100", "--ignore-rule", "torch/device-code", code=2)
    assert "cannot be switched off" in answer.err
    unknown = envfit("lock", "torch", "--gpu", "V100", "--ignore-rule", "torch/nonsense", code=2)
    assert "there is no rule 'torch/nonsense'" in unknown.err


def test_a_labelled_pin_hints_at_its_index(envfit: CommandLine) -> None:
    answer = envfit("lock", "torch==2.14.1+cu126", "--gpu", "V100", code=1)
    assert "no release of torch is ==2.14.1+cu126" in answer.err
    assert "hint: torch 2.14.1+cu126 on the pytorch index" in answer.err


@pytest.mark.parametrize("words", [("torch", "torchaudio"), ("torchaudio", "torch")])
def test_two_that_must_agree_are_the_newest_that_do(envfit: CommandLine, words: tuple[str, str]) -> None:
    answer = envfit("lock", *words, "--gpu", "H100", "--driver", "595.58.03")
    assert "torch 2.14.1" in answer.out
    assert "torchaudio 2.11.0" in answer.out
    assert "why not newer: torch 2.15.0: torchaudio 2.11.0 is here" in answer.err


def test_a_kept_release_is_said(envfit: CommandLine) -> None:
    envfit("lock", "torch==2.8.0", "--gpu", "V100")
    answer = envfit("lock", "torch")
    assert "torch 2.8.0" in answer.out
    assert "kept from the existing lock: torch; --upgrade looks for newer releases" in answer.err
    assert "torch 2.10.0" in envfit("lock", "torch", "--upgrade").out


def test_what_was_best_for_another_target_is_not_kept(envfit: CommandLine) -> None:
    envfit("lock", "torch", "--gpu", "V100")
    assert "torch 2.15.0" in envfit("lock", "torch", "--gpu", "H100", "--driver", "595.58.03").out
