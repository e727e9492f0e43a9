"""``envfit export``: files that pip, uv and conda read; ``--provided``; environment.yml in and out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import uv
import yaml
from packaging.version import Version

from tests.cli.conftest import CommandLine
from tests.cli.wheel_world import HERE
from tests.loopback import Index

V100 = ("--gpu", "V100", "--driver", "580.95.05")
NONE = ("--gpu", "none")


def lines(text: str) -> list[str]:
    """The lines that are no comments."""
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def accepted(directory: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run another tool on what was exported there; it must not object."""
    ended = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended


def uv_accepts(envfit: CommandLine, index: Index, *words: str) -> subprocess.CompletedProcess[str]:
    """Ask uv what it would install for Python 3.11 on Linux; it must not object."""
    return accepted(
        envfit.cwd,
        *(uv.find_uv_bin(), "pip", "install", "--dry-run", "--index-url", index.url),
        *("--python-version", "3.11", "--python-platform", "x86_64-manylinux_2_28"),
        *("--target", str(envfit.cwd.parent / "nothing"), *words),
    )


def test_requirements_are_pinned_by_version_and_hash(envfit: CommandLine) -> None:
    envfit("lock", "torch", *V100)
    text = envfit("export").out
    assert [line for line in lines(text) if "==" in line] == [
        "filelock==3.20.0 \\",
        "nvidia-cublas-cu12==12.8.4.1 \\",
        "torch==2.10.0 \\",
    ]
    assert text.count("--hash=sha256:") == 3
    assert "# Runs on: " in text
    assert "127.0.0.1" not in text


def test_uv_accepts_the_requirements(envfit: CommandLine, index: Index) -> None:
    envfit("lock", "torch", *V100)
    answer = envfit("export", "-o", "requirements.txt")
    assert answer.out == ""
    assert "wrote requirements.txt" in answer.err
    ended = uv_accepts(envfit, index, "--require-hashes", "-r", "requirements.txt")
    assert "torch==2.10.0" in ended.stderr


def test_uv_accepts_the_requirements_with_builds_of_the_pytorch_index(
    envfit: CommandLine, index: Index, pytorch: str
) -> None:
    envfit("lock", "torch", *V100, "--pytorch-index", pytorch)
    envfit("export", "-o", "requirements.txt")
    assert f"--extra-index-url {pytorch}/cu126" in (envfit.cwd / "requirements.txt").read_text()
    ended = uv_accepts(envfit, index, "--require-hashes", "-r", "requirements.txt")
    assert "torch==2.14.1+cu126" in ended.stderr


def pip_version() -> Version:
    ended = subprocess.run(
        [sys.executable, "-m", "pip", "--version"], capture_output=True, text=True, check=False
    )
    return Version(ended.stdout.split()[1]) if ended.returncode == 0 else Version("0")


@pytest.mark.skipif(pip_version() < Version("23"), reason="pip is too old for --dry-run, or not there")
def test_pip_accepts_the_requirements(envfit: CommandLine, index: Index) -> None:
    # pip judges for the Python that runs it.
    envfit("lock", "plain", "native", *NONE, "--python", HERE)
    envfit("export", "-o", "requirements.txt")
    ended = accepted(
        envfit.cwd,
        *(sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--dry-run"),
        *("--require-hashes", "--ignore-installed", "--index-url", index.url, "-r", "requirements.txt"),
    )
    assert "Would install lib-1.1 native-1.0 plain-2.0" in ended.stdout


def test_what_must_be_compiled_is_a_comment(envfit: CommandLine, index: Index) -> None:
    envfit("lock", "torch", "flash-attn", "--gpu", "A100", "--driver", "580.95.05")
    envfit("export", "-o", "requirements.txt")
    text = (envfit.cwd / "requirements.txt").read_text()
    assert "# must be compiled: flash-attn==2.8.3" in text
    assert not any("flash-attn" in line for line in lines(text))
    uv_accepts(envfit, index, "--require-hashes", "-r", "requirements.txt")


def test_an_unknown_format_and_a_file_that_cannot_be_written_are_named(envfit: CommandLine) -> None:
    envfit("lock", "plain", *NONE)
    assert (
        "formats: requirements, constraints, conda, uv" in envfit("export", "--format", "poetry", code=2).err
    )
    assert "nowhere" in envfit("export", "-o", "nowhere/requirements.txt", code=3).err


def test_an_export_needs_a_lock(envfit: CommandLine) -> None:
    (envfit.cwd / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert "is not a lock" in envfit("export", "pyproject.toml", code=2).err


def test_constraints_hold_another_installation_to_the_lock(envfit: CommandLine, index: Index) -> None:
    envfit("lock", "torch", *V100)
    text = envfit("export", "--format", "constraints", "-o", "constraints.txt")
    assert "wrote constraints.txt" in text.err
    assert lines((envfit.cwd / "constraints.txt").read_text()) == [
        "filelock==3.20.0",
        "nvidia-cublas-cu12==12.8.4.1",
        "torch==2.10.0",
    ]
    assert "torch==2.10.0" in uv_accepts(envfit, index, "torch", "-c", "constraints.txt").stderr


# -- provided by a module -----------------------------------------------------


def test_what_a_module_provides_is_left_out_and_written_as_constraints(
    envfit: CommandLine, index: Index
) -> None:
    answer = envfit("lock", "plain", "torch", *V100, "--provided", "torch==2.8.0")
    assert "torch 2.8.0 (provided)" in answer.out
    lock = (envfit.cwd / "pylock.toml").read_text()
    assert 'name = "torch"' not in lock.partition("[tool.envfit]")[0]
    assert "torch==2.8.0" in lock
    answer = envfit("export", "-o", "requirements.txt")
    assert "wrote requirements-constraints.txt" in answer.err
    assert [
        line.partition("==")[0]
        for line in lines((envfit.cwd / "requirements.txt").read_text())
        if "==" in line
    ] == [
        "lib",
        "plain",
    ]
    assert lines((envfit.cwd / "requirements-constraints.txt").read_text()) == ["torch==2.8.0"]
    uv_accepts(envfit, index, "-r", "requirements.txt", "-c", "requirements-constraints.txt")


def test_a_provided_package_holds_the_others(envfit: CommandLine) -> None:
    envfit("lock", "torchaudio", *V100, "--provided", "torch==2.8.0")
    assert "torchaudio==2.8.0" in envfit("export").out
    answer = envfit("lock", "torch>=2.10", *V100, "--provided", "torch==2.8.0", "--upgrade", code=1)
    assert "torch 2.8.0" in answer.err
    assert "provided" in answer.err


def test_provided_packages_may_be_a_list_as_pip_prints_it(envfit: CommandLine) -> None:
    (envfit.cwd / "module.txt").write_text("Filelock==3.12.0\ntorch==2.10.0a0+git1234\nlib==1.0\n")
    answer = envfit("lock", "plain", "torch", *V100, "--provided", "module.txt")
    assert "torch 2.10.0a0+git1234 (provided)" in answer.out
    envfit("export", "-o", "requirements.txt")
    assert lines((envfit.cwd / "requirements-constraints.txt").read_text()) == [
        "filelock==3.12.0",
        "lib==1.0",
        "torch==2.10.0a0+git1234",
    ]
    assert "plain==2.0" in (envfit.cwd / "requirements.txt").read_text()


def test_what_a_module_provides_is_judged_too(envfit: CommandLine) -> None:
    # torchaudio 2.11 needs torch 2.11 or newer, whoever provides it.
    answer = envfit("lock", "torchaudio==2.11.0", "--gpu", "H100", "--provided", "torch==2.8.0", code=1)
    assert "torchaudio/torch-2-11" in answer.err


@pytest.mark.parametrize(
    ("text", "said"), [("torch\n", "line 1"), ("lib==1.0\n-e git+https://index.example/x\n", "line 2")]
)
def test_a_malformed_list_is_named_by_line(envfit: CommandLine, text: str, said: str) -> None:
    (envfit.cwd / "module.txt").write_text(text)
    answer = envfit("lock", "plain", *NONE, "--provided", "module.txt", code=2)
    assert said in answer.err
    assert "pip list --format=freeze" in answer.err
    assert envfit.files() == {"module.txt"}


# -- environment.yml ----------------------------------------------------------

ENVIRONMENT = """\
name: speech
channels: [conda-forge, nodefaults]
dependencies:
  - python=3.11
  - ffmpeg>=6
  - libsndfile=1.2
  - pip
  - pip:
      - torch
      - plain<2
"""


def test_an_environment_yml_is_read_and_its_conda_half_carried_along(envfit: CommandLine) -> None:
    (envfit.cwd / "environment.yml").write_text(ENVIRONMENT)
    answer = envfit("lock", "-r", "environment.yml", *V100)
    assert "conda packages are carried along and not judged: ffmpeg>=6, libsndfile=1.2" in answer.err
    assert "torch 2.10.0\n" in answer.out
    text = envfit("export", "--format", "conda").out
    assert "not resolved" in text  # of conda's half
    document = yaml.safe_load(text)
    assert document["name"] == "speech"
    assert document["channels"] == ["conda-forge", "nodefaults"]
    *conda, pip = document["dependencies"]
    assert conda == ["python=3.11", "ffmpeg>=6", "libsndfile=1.2", "pip"]
    assert pip == {
        "pip": ["filelock==3.20.0", "lib==1.1", "nvidia-cublas-cu12==12.8.4.1", "plain==1.1", "torch==2.10.0"]
    }


def test_an_exported_environment_locks_to_the_same(envfit: CommandLine) -> None:
    (envfit.cwd / "environment.yml").write_text(ENVIRONMENT)
    envfit("lock", "-r", "environment.yml", *V100)
    first = envfit("export", "--format", "conda").out
    (envfit.cwd / "exported.yml").write_text(first)
    envfit("lock", "-r", "exported.yml", *V100, "-o", "pylock.again.toml")
    assert envfit("export", "pylock.again.toml", "--format", "conda").out == first


def test_the_python_of_an_environment_yml_is_locked_for(envfit: CommandLine) -> None:
    (envfit.cwd / "environment.yml").write_text("dependencies:\n  - python=3.12\n  - pip:\n    - plain\n")
    envfit("lock", "-r", "environment.yml", *NONE)
    assert 'requires-python = "==3.12.*"' in (envfit.cwd / "pylock.toml").read_text()


def test_a_lock_without_a_conda_half_is_exported_with_a_default(envfit: CommandLine) -> None:
    envfit("lock", "plain", *NONE)
    document = yaml.safe_load(envfit("export", "--format", "conda").out)
    assert document["channels"] == ["conda-forge"]
    assert document["dependencies"] == ["python=3.11", "pip", {"pip": ["lib==1.1", "plain==2.0"]}]


def test_conda_export_of_a_pytorch_build_names_its_index(envfit: CommandLine, pytorch: str) -> None:
    envfit("lock", "torch", *V100, "--pytorch-index", pytorch)
    pip = yaml.safe_load(envfit("export", "--format", "conda").out)["dependencies"][-1]["pip"]
    assert pip[0] == f"--extra-index-url {pytorch}/cu126/"
    assert pip[-1] == "torch==2.14.1+cu126"


def test_a_malformed_environment_yml_is_named_by_line(envfit: CommandLine) -> None:
    path = Path("environment.yml")
    path.write_text("dependencies:\n  - python=3.11\n - pip\n")
    answer = envfit("lock", "-r", str(path), *NONE, code=2)
    assert "environment.yml line 3" in answer.err


def test_an_export_without_a_module_has_no_constraints(envfit: CommandLine) -> None:
    envfit("lock", "plain", "--gpu", "none")
    assert "constraints" not in envfit("export").out
    envfit("export", "-o", "requirements.txt")
    assert envfit.files() == {"pylock.toml", "requirements.txt"}
