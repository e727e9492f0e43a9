"""``envfit install``: a lock really installed from an index on this machine, or refused before anything is touched."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import uv

from envfit.detect import toolchain
from envfit.target import NVCC, Fact, FactState
from tests.cli.conftest import CommandLine
from tests.cli.wheel_world import HERE
from tests.loopback import Index, make_wheel

V100 = ("--gpu", "V100", "--driver", "580.95.05")
NONE = ("--gpu", "none")


def run(prefix: Path, code: str) -> str:
    """Run code with the Python of an environment."""
    return subprocess.run(
        [prefix / "bin" / "python", "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


def tree(directory: Path) -> list[str]:
    """Everything in a directory, for comparison."""
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*"))


def test_a_lock_is_installed_proved_and_replaced(envfit: CommandLine) -> None:
    envfit("lock", "plain<2", "native", *NONE, "--python", HERE)
    prefix = envfit.cwd / "env"
    answer = envfit("install", *NONE, "--prefix", "env")
    assert "import plain works\n" in answer.out
    assert "import native works\n" in answer.out
    assert f"installed 3 packages into {prefix}" in answer.out
    assert run(prefix, "import plain, lib; print(plain.__version__, lib.__version__)") == "1.1 1.1"
    first = prefix.resolve()

    envfit("lock", "plain", *NONE, "--upgrade", "--python", HERE)
    answer = envfit("install", *NONE, "--prefix", "env")
    assert run(prefix, "import plain; print(plain.__version__)") == "2.0"
    assert prefix.resolve() != first
    assert first.exists()  # the former one stays
    assert "native" not in tree(prefix / "lib")


def test_json_of_an_installation(envfit: CommandLine) -> None:
    envfit("lock", "plain", *NONE, "--python", HERE)
    data = envfit("install", *NONE, "--json").data
    assert data["installed"] is True
    assert data["prefix"] == str(envfit.cwd / ".venv")
    assert data["packages"] == ["lib==1.1", "plain==2.0"]
    assert [(item["name"], item["outcome"]) for item in data["imports"]] == [("plain", "works")]


def test_the_machine_is_detected_where_no_gpu_is_named(
    envfit: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONDA_OVERRIDE_CUDA", "")
    envfit("lock", "torch", *V100)
    answer = envfit("install", "--dry-run")
    assert "for a machine without a GPU" in answer.err
    # An image is built without a GPU: what it needs of one is said, and stops nothing.
    assert "a GPU is absent here: " in answer.err
    assert "driver 525.60.13 or newer" in answer.err
    assert "would install 3 packages" in answer.out


def test_uv_syncs_a_lock(envfit: CommandLine, tmp_path: Path) -> None:
    envfit("lock", "plain", "native", *NONE, "--python", HERE)
    environment = tmp_path / "synced"
    for words in (
        ["venv", "--quiet", "--python", sys.executable, str(environment)],
        *[["pip", "sync", "--preview-features", "pylock", "--python", str(environment), "pylock.toml"]] * 2,
    ):
        ended = subprocess.run(
            [uv.find_uv_bin(), *words], cwd=envfit.cwd, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr
    assert run(environment, "import native, plain; print(plain.__version__)") == "2.0"


def test_an_import_that_fails_leaves_the_old_environment(envfit: CommandLine) -> None:
    envfit("lock", "plain", *NONE, "--python", HERE)
    envfit("install", *NONE, "--prefix", "env")
    before = (envfit.cwd / "env").resolve()
    envfit("lock", "broken-import", *NONE, "--python", HERE)
    answer = envfit("install", *NONE, "--prefix", "env", code=1)
    assert "ModuleNotFoundError: No module named 'no_such_module'" in answer.err
    assert "broken_import.py:1" in answer.err
    assert (envfit.cwd / "env").resolve() == before
    assert run(envfit.cwd / "env", "import plain") == ""


def test_a_file_that_changed_is_not_installed(
    bare_envfit: CommandLine, own_index: Index, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", own_index.url)
    make_wheel(own_index.directory, "changed", "1.0")
    bare_envfit("lock", "changed", *NONE, "--python", HERE)
    make_wheel(own_index.directory, "changed", "1.0", files={"changed.py": b"evil = True\n"})
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    answer = bare_envfit("install", *NONE, code=1)
    assert "mismatch" in answer.err
    assert bare_envfit.files() == {"pylock.toml"}


def test_an_index_that_is_gone_is_the_outside_failing(
    bare_envfit: CommandLine, own_index: Index, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", own_index.url)
    wheel = make_wheel(own_index.directory, "gone", "1.0")
    bare_envfit("lock", "gone", *NONE, "--python", HERE)
    wheel.unlink()
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    answer = bare_envfit("install", *NONE, code=3)
    assert wheel.name in answer.err
    assert bare_envfit.files() == {"pylock.toml"}


# -- refused before anything is touched ---------------------------------------


def test_a_lock_for_another_gpu_is_refused_before_anything_is_touched(
    envfit: CommandLine, index: Index
) -> None:
    envfit("lock", "torch", "--gpu", "H100", "--driver", "595.58.03")
    index.log.clear()
    answer = envfit("install", *V100, code=1)
    assert "does not run on this machine" in answer.err
    assert "torch 2.15.0" in answer.err
    assert "none runs on 7.0" in answer.err
    assert "[torch/device-code]" in answer.err
    assert "nvidia-cublas 13.2.1.1" in answer.err
    assert answer.out == ""
    assert envfit.files() == {"pylock.toml"}
    assert index.log == []


def test_a_driver_that_is_too_old_is_named(envfit: CommandLine) -> None:
    envfit("lock", "torch", "--gpu", "H100", "--driver", "595.58.03")
    answer = envfit("install", "--gpu", "H100", "--driver", "550.54.15", code=1)
    assert "580.65.06 or newer" in answer.err
    assert "550.54.15" in answer.err
    assert envfit.files() == {"pylock.toml"}


def test_a_lock_for_another_platform_is_refused_in_one_sentence(envfit: CommandLine) -> None:
    envfit("lock", "torch", "--gpu", "GH200", "--driver", "580.95.05")
    answer = envfit("install", "--gpu", "H100", code=1)
    assert "aarch64" in answer.err
    assert len(answer.err.splitlines()) < 6


def test_a_lock_that_was_made_for_another_gpu_and_runs_here_is_installed(envfit: CommandLine) -> None:
    envfit("lock", "torch", *V100)
    assert "would install" in envfit("install", "--gpu", "A100", "--dry-run").out


def test_a_rule_may_be_ignored(envfit: CommandLine) -> None:
    rule = "cuda-12-runtime/capability"
    envfit("lock", "nvidia-cublas-cu12", "--gpu", "V100")
    old = ("--gpu", "K80", "--driver", "470.82.01", "--dry-run")
    assert rule in envfit("install", *old, code=1).err
    envfit("install", *old, "--ignore-rule", rule, "--ignore-rule", "cuda-12-runtime/driver")


# -- packages to compile ------------------------------------------------------


@pytest.fixture
def with_build(envfit: CommandLine) -> CommandLine:
    """A lock with a package that must be compiled, for the Python that runs the tests."""
    envfit("lock", "plain", "torch", "flash-attn", "--gpu", "A100", "--driver", "580.95.05")
    return envfit


def test_a_package_to_compile_is_refused_without_nvcc_and_how_to_skip_it_is_said(
    with_build: CommandLine, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = Fact(name=NVCC, state=FactState.ABSENT, source="no nvcc anywhere")
    monkeypatch.setattr(toolchain, "_nvcc", lambda *_: nowhere)
    index.log.clear()
    answer = with_build("install", "--gpu", "A100", "--driver", "580.95.05", code=1)
    assert "flash-attn 2.8.3 cannot be built here" in answer.err
    assert "no nvcc anywhere" in answer.err
    assert "--skip flash-attn" in answer.err
    assert with_build.files() == {"pylock.toml"}
    assert index.log == []


def test_skipping_it_plans_the_rest(with_build: CommandLine) -> None:
    words = ("install", "--gpu", "A100", "--driver", "580.95.05", "--skip", "Flash_Attn", "--dry-run")
    data = with_build(*words, "--json").data
    assert data["skipped"] == ["flash-attn"]
    assert "torch==2.13.0" in data["packages"]
    assert "skipped flash-attn" in with_build(*words).out


@pytest.mark.skipif(HERE != "3.11", reason="the torch of the world is for Python 3.11")
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the torch that is locked is for x86_64")
def test_skipping_it_installs_the_rest(with_build: CommandLine) -> None:
    answer = with_build("install", *NONE, "--skip", "flash-attn", "--prefix", "env")
    assert "installed 6 packages" in answer.out
    assert "import torch works" in answer.out
    assert run(with_build.cwd / "env", "import torch, einops; print(torch.__version__)") == "2.13.0"


def test_a_name_to_skip_that_is_not_locked_is_answered_with_the_nearest(with_build: CommandLine) -> None:
    answer = with_build("install", *NONE, "--skip", "flash-atn", code=2)
    assert "did you mean flash-attn?" in answer.err


# -- what is at the prefix ----------------------------------------------------


def test_what_envfit_did_not_make_is_left_alone(envfit: CommandLine) -> None:
    envfit("lock", "plain", *NONE, "--python", HERE)
    (envfit.cwd / "env").mkdir()
    (envfit.cwd / "env" / "mine").write_text("precious")
    answer = envfit("install", *NONE, "--prefix", "env", code=1)
    assert "left alone" in answer.err
    assert tree(envfit.cwd) == ["env", "env/mine", "pylock.toml"]


def test_a_python_that_is_not_there_is_said_with_what_can_be_done(
    envfit: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    envfit("lock", "plain", *NONE, "--python", "3.15")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(tmp_path / "pythons"))
    answer = envfit("install", *NONE, code=1)
    assert "3.15" in answer.err
    for line in answer.err.splitlines():
        if line.startswith("hint: ") and "--" in line:
            option = line[line.index("--") :].split()[0]
            assert option in envfit("install", "--help").out, f"{option} is hinted at and does not exist"
    assert envfit.files() == {"pylock.toml"}


def test_a_plain_shell_as_make_uses_finds_the_environment(envfit: CommandLine) -> None:
    envfit("lock", "plain<2", *NONE, "--python", HERE)
    answer = envfit("install", *NONE, "--prefix", "env")
    prefix = envfit.cwd / "env"
    said = subprocess.run(
        [
            "/bin/sh",
            "-euc",
            '. "$0"; command -v python; echo "$VIRTUAL_ENV"',
            str(prefix / "bin" / "activate"),
        ],
        env={"PATH": os.environ["PATH"]},
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert said == [str(prefix.resolve() / "bin" / "python"), str(prefix.resolve())]
    assert "guarded" not in answer.out  # nothing in it concerns a GPU
    assert (prefix / "pip.conf").exists()


def test_without_a_guard_nothing_is_written_for_pip(envfit: CommandLine) -> None:
    envfit("lock", "plain<2", *NONE, "--python", HERE)
    envfit("install", *NONE, "--prefix", "env", "--no-guard")
    assert not (envfit.cwd / "env" / "pip.conf").exists()
