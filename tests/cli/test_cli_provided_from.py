"""``--provided-from``: a lock beside a module's packages, installed so that they are seen and not shadowed."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine
from tests.cli.wheel_world import HERE
from tests.loopback import make_wheel
from tests.module_world import add, add_torch, make_venv, site_packages

H100 = ("--gpu", "H100", "--driver", "595.58.03")
NONE = ("--gpu", "none")

on_311 = pytest.mark.skipif(HERE != "3.11", reason="the torch of the world is for Python 3.11")


@pytest.fixture(autouse=True)
def _no_pythonpath(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """A module's interpreter: torch 2.8.0 for CUDA 12.8, without the einops that it requires."""
    python = make_venv(tmp_path / "secret-user" / "module")
    place = site_packages(python)
    add_torch(place, "2.8.0", "12.8", requires=["filelock>=3", "einops", "nowhere; extra == 'x'"])
    add(place, "filelock", "3.0.1")
    add(place, "lib", "1.0")
    return python


def lock_data(envfit: CommandLine) -> str:
    return (envfit.cwd / "pylock.toml").read_text()


def locked(envfit: CommandLine) -> list[str]:
    return [
        line.split()[0] for line in envfit("export").out.splitlines() if "==" in line and line.endswith("\\")
    ]


def seen(prefix: Path, **environ: str) -> dict[str, list[str]]:
    """Return the versions of each name that an environment sees."""
    code = (
        "import importlib.metadata as m, json\n"
        "print(json.dumps([(d.metadata['Name'].lower(), d.version) for d in m.distributions()]))"
    )
    ended = subprocess.run(
        [prefix / "bin" / "python", "-c", code],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, list[str]] = {}
    for name, version in json.loads(ended.stdout):
        found.setdefault(name, []).append(version)
    return found


def run(prefix: Path, code: str) -> str:
    return subprocess.run(
        [prefix / "bin" / "python", "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


# -- lock ---------------------------------------------------------------------


def test_what_is_provided_stays_out_of_the_lock_and_what_it_lacks_is_in(
    envfit: CommandLine, module: Path
) -> None:
    answer = envfit("lock", "plain<2", "torch", *NONE, "--provided-from", module)
    assert f"provided: 3 packages of {module}, torch 2.8.0 with CUDA runtime 12.8" in answer.err
    assert "torch 2.8.0 (provided)" in answer.out
    assert locked(envfit) == ["einops==0.8.1", "plain==1.1"]
    text = lock_data(envfit)
    assert "secret-user" not in text
    assert f'python = "{platform.python_version()}"' in text
    assert "assumed: Python" not in answer.err
    assert "assumed: __glibc" not in answer.err
    assert envfit("export", "-o", "out.txt").err.count("wrote") == 2
    constraints = (envfit.cwd / "out-constraints.txt").read_text().splitlines()
    assert [line for line in constraints if "==" in line and line[0] != "#"] == [
        "filelock==3.0.1",
        "lib==1.0",
        "torch==2.8.0",
    ]


def test_a_lock_again_without_the_option_keeps_what_is_provided_byte_by_byte(
    envfit: CommandLine, module: Path
) -> None:
    envfit("lock", "plain", "torch", *NONE, "--provided-from", module)
    before = lock_data(envfit)
    shutil.rmtree(module.parents[1])
    envfit("lock", "plain", "torch", "--check")
    assert "unchanged" in envfit("lock", "plain", "torch").out
    assert lock_data(envfit) == before
    envfit("lock", "plain", "--upgrade")
    assert locked(envfit) == ["plain==2.0"]  # einops was torch's


def test_the_lock_knows_the_extras_in_use_and_no_others(envfit: CommandLine, tmp_path: Path) -> None:
    python = make_venv(tmp_path / "module")
    add(site_packages(python), "tool", "1.0", extras={"one": ["einops"], "two": ["plain"]})
    envfit("lock", "tool[one]", *NONE, "--provided-from", python)
    assert locked(envfit) == ["einops==0.8.1"]
    assert "unchanged" in envfit("lock", "tool[one]").out
    answer = envfit("lock", "tool[one,two]", code=1)
    assert "name its interpreter again with --provided-from" in answer.err
    envfit("lock", "tool[one,two]", "--provided-from", python)
    assert locked(envfit) == ["einops==0.8.1", "lib==1.1", "plain==2.0"]


@on_311
def test_a_build_for_another_cuda_runtime_is_refused_with_the_torch_that_is_provided(
    envfit: CommandLine, tmp_path: Path
) -> None:
    python = make_venv(tmp_path / "module")
    add_torch(site_packages(python), "2.11.0", "12.8")
    answer = envfit("lock", "torchaudio==2.11.0", *H100, "--provided-from", python, code=1)
    assert "The torch 2.11.0 that is provided was built with CUDA 12.8. [torch/cuda-runtime]" in answer.err
    assert "torchaudio/cuda-13-0" in answer.err
    # With the runtime that it was built for, nothing speaks against it.
    add_torch(site_packages(python), "2.11.0", "13.0")
    answer = envfit("lock", "torchaudio==2.11.0", *H100, "--provided-from", python)
    assert locked(envfit) == ["torchaudio==2.11.0"]
    assert "its GPU code has not been read" in answer.err


@on_311
def test_a_cuda_runtime_that_no_wheel_has_is_a_runtime_too(envfit: CommandLine, tmp_path: Path) -> None:
    python = make_venv(tmp_path / "module")
    add_torch(site_packages(python), "2.8.0a0+5228986c39.nv25.5", "12.5")
    envfit("lock", "plain", "torch", *H100, "--provided-from", python)
    assert '"torch==2.8.0a0+5228986c39.nv25.5"' in lock_data(envfit)


def test_a_pre_release_that_is_provided_is_judged_as_pep_440_does(
    envfit: CommandLine, tmp_path: Path
) -> None:
    python = make_venv(tmp_path / "module")
    add_torch(site_packages(python), "2.8.0a0+5228986c39.nv25.5", "12.9")
    envfit("lock", "plain", "torch>=2.7", *NONE, "--provided-from", python)
    answer = envfit("lock", "torch>=2.8", *NONE, "--provided-from", python, code=1)
    assert "torch 2.8.0a0+5228986c39.nv25.5 is provided, which is not >=2.8" in answer.err
    assert "PEP 440 puts a pre-release such as 2.8.0a0 before 2.8.0" in answer.err


@on_311
def test_a_cuda_13_torch_binds_the_driver(envfit: CommandLine, tmp_path: Path) -> None:
    python = make_venv(tmp_path / "module")
    add_torch(site_packages(python), "2.11.0", "13.0")
    old = ("--gpu", "H100", "--driver", "550.54.15")
    assert "[cuda/13-driver]" in envfit("lock", "torch", *old, "--provided-from", python, code=1).err
    answer = envfit("lock", "torch", *H100, "--provided-from", python)
    assert "driver 580.65.06 or newer" in answer.out


@on_311
def test_a_provided_torch_without_cuda_is_warned_of(envfit: CommandLine, tmp_path: Path) -> None:
    python = make_venv(tmp_path / "module")
    add_torch(site_packages(python), "2.11.0", None)
    answer = envfit("lock", "torch", *H100, "--provided-from", python)
    assert "warning: The torch 2.11.0 that is provided was built without CUDA" in answer.err


def test_a_module_that_does_not_hold_together_is_no_obstacle(envfit: CommandLine, tmp_path: Path) -> None:
    python = make_venv(tmp_path / "module")
    add(site_packages(python), "first", "1.0", requires=["second>=2"])
    add(site_packages(python), "second", "1.0")
    add(site_packages(python), "unused", "1.0", requires=["second>=3"])
    answer = envfit("lock", "first", *NONE, "--provided-from", python)
    notes = [line for line in answer.err.splitlines() if "hold together" in line]
    assert notes == [
        "note: the module itself does not hold together: first 1.0 requires second>=2, second 1.0 is there"
    ]


def test_what_is_there_in_no_readable_version_is_not_locked(envfit: CommandLine, module: Path) -> None:
    (site_packages(module) / "plain-1.dist-info").mkdir()
    answer = envfit("lock", "plain", *NONE, "--provided-from", module, code=1)
    assert "whose version cannot be compared" in answer.err
    assert not (envfit.cwd / "pylock.toml").exists()


def test_what_is_provided_is_not_taken_from_an_address(
    envfit: CommandLine, module: Path, tmp_path: Path
) -> None:
    wheel = make_wheel(tmp_path / "wheels", "lib", "9.0")
    answer = envfit("lock", f"lib @ {wheel.as_uri()}", *NONE, "--provided-from", module, code=1)
    assert "lib 1.0 is provided, which nothing may shadow" in answer.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--python", "3.13" if HERE != "3.13" else "3.12"), "is asked for"),
        (("--platform", f"linux-{'x86_64' if platform.machine() == 'aarch64' else 'aarch64'}"), "runs on"),
        (("--provided", "lib==1.0"), "exclude each other"),
    ],
)
def test_what_contradicts_the_interpreter_is_said(
    envfit: CommandLine, module: Path, words: tuple[str, ...], said: str
) -> None:
    assert said in envfit("lock", "plain", *NONE, "--provided-from", module, *words, code=2).err


def test_a_python_that_the_interpreter_is_may_be_said(envfit: CommandLine, module: Path) -> None:
    for text in (HERE, ">=3.8"):
        envfit("lock", "plain", *NONE, "--provided-from", module, "--python", text)
        assert f'python = "{platform.python_version()}"' in lock_data(envfit)


def test_another_python_than_the_locks_needs_its_interpreter(envfit: CommandLine, module: Path) -> None:
    envfit("lock", "plain", *NONE, "--provided-from", module)
    other = "3.13" if HERE != "3.13" else "3.12"
    answer = envfit("lock", "plain", "--python", other, code=2)
    assert "--provided-from" in answer.err


def test_no_interpreter_at_all_is_wrong_input(envfit: CommandLine) -> None:
    assert "is not there" in envfit("lock", "plain", *NONE, "--provided-from", "./nowhere/python", code=2).err


def test_json_tells_what_was_read(envfit: CommandLine, module: Path) -> None:
    data = envfit("lock", "plain", *NONE, "--provided-from", module, "--json").data
    assert data["provided-from"]["packages"] == ["filelock==3.0.1", "lib==1.0", "torch==2.8.0"]
    assert data["provided-from"]["torch-cuda"] == "12.8"
    assert data["provided-from"]["torch-cxx11-abi"] is True
    assert envfit("lock", "plain", *NONE, "--json").data["provided-from"] is None


# -- install ------------------------------------------------------------------


def test_the_environment_sees_the_module_and_shadows_nothing(envfit: CommandLine, module: Path) -> None:
    envfit("lock", "plain", "torch", *NONE, "--provided-from", module)
    answer = envfit("install", *NONE, "--prefix", "env", "--provided-from", module)
    assert "import torch works" in answer.out
    assert "import plain works" in answer.out
    found = seen(envfit.cwd / "env")
    assert found == {
        "einops": ["0.8.1"],
        "filelock": ["3.0.1"],
        "lib": ["1.0"],
        "plain": ["2.0"],
        "torch": ["2.8.0"],
    }
    assert run(envfit.cwd / "env", "import torch; print(torch.__file__)").startswith(
        str(site_packages(module))
    )
    assert (
        Counter(run(envfit.cwd / "env", "import sys; print(*sys.path, sep='\\n')").splitlines()).most_common(
            1
        )[0][1]
        == 1
    )
    data = envfit("install", *NONE, "--prefix", "env", "--provided-from", module, "--json").data
    assert data["provided-from"]["path"] == str(module)


def test_a_module_of_pythonpath_is_seen_without_being_loaded(
    envfit: CommandLine, module: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(tmp_path / "tree", "lib", "1.1")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "tree"))
    envfit("lock", "plain", *NONE, "--provided-from", module)
    envfit("install", *NONE, "--prefix", "env", "--provided-from", module)
    monkeypatch.delenv("PYTHONPATH")
    assert run(envfit.cwd / "env", "import lib; print(lib.__version__)") == "1.1"
    assert run(envfit.cwd / "env", "import sys; print(sys.path[-2:])") == str(
        [str(tmp_path / "tree"), str(site_packages(module))]
    )


def test_an_editable_package_of_a_module_is_seen(envfit: CommandLine, module: Path, tmp_path: Path) -> None:
    place = site_packages(module)
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "lib.py").write_text("__version__ = 'edited'\n")
    (place / "lib.py").unlink()
    (place / "__editable___lib.py").write_text(f"import sys; sys.path.append({str(tmp_path / 'source')!r})\n")
    (place / "__editable__.lib.pth").write_text("import __editable___lib\n")
    envfit("lock", "plain", *NONE, "--provided-from", module)
    envfit("install", *NONE, "--prefix", "env", "--provided-from", module)
    assert run(envfit.cwd / "env", "import lib; print(lib.__version__)") == "edited"


def test_what_a_lock_tells_of_an_interpreter_is_said_and_decides_nothing(
    envfit: CommandLine, module: Path
) -> None:
    envfit("lock", "plain", "torch", *NONE, "--provided-from", module)
    answer = envfit("install", *NONE, "--dry-run")
    assert "note: the lock was made beside an interpreter that provides filelock 3.0.1, lib 1.0" in answer.err
    assert "--provided-from PYTHON" in answer.err
    # What plain requires is then not there, and that is seen before the environment is put in place.
    answer = envfit("install", *NONE)
    assert "breaks: lib is not installed, and plain 2.0 requires lib. [missing-requirement]" in answer.err


def test_a_module_that_changed_is_told_with_each_difference_and_judged_as_it_is(
    envfit: CommandLine, module: Path
) -> None:
    place = site_packages(module)
    envfit("lock", "plain", "torch", *NONE, "--provided-from", module)
    shutil.rmtree(place / "filelock-3.0.1.dist-info")
    shutil.rmtree(place / "lib-1.0.dist-info")
    add(place, "lib", "1.1")
    add_torch(place, "2.8.0", "12.9", requires=["filelock"])
    answer = envfit("install", *NONE, "--provided-from", module)
    assert "note: the lock was made beside lib 1.0, and the interpreter provides 1.1" in answer.err
    assert "note: the lock was made beside filelock 3.0.1, and the interpreter has none" in answer.err
    assert "built with CUDA 12.8, and the interpreter's is built with CUDA 12.9" in answer.err
    assert "import torch works" in answer.out


@on_311
def test_a_torch_of_another_cuda_runtime_is_refused_by_the_rule_and_not_for_being_another(
    envfit: CommandLine, tmp_path: Path
) -> None:
    python = make_venv(tmp_path / "module")
    add_torch(site_packages(python), "2.11.0", "13.0")
    envfit("lock", "torchaudio==2.11.0", *H100, "--provided-from", python)
    path = envfit.cwd / "pylock.toml"
    path.write_text(path.read_text().partition("[tool.envfit]")[0])
    install = ("install", *H100, "--dry-run", "--provided-from", python)
    envfit(*install)
    add_torch(site_packages(python), "2.11.0", "12.8")
    answer = envfit(*install, code=1)
    assert "torchaudio 2.11.0, torch 2.11.0" in answer.err
    assert "torchaudio/cuda-13-0" in answer.err or "torch/cuda-runtime" in answer.err


def test_what_the_lock_does_not_count_on_may_change(envfit: CommandLine, module: Path) -> None:
    envfit("lock", "einops", *NONE, "--provided-from", module)
    shutil.rmtree(site_packages(module) / "lib-1.0.dist-info")
    envfit("install", *NONE, "--provided-from", module, "--dry-run")


def test_nothing_provided_is_shadowed(envfit: CommandLine, module: Path) -> None:
    envfit("lock", "plain", *NONE, "--python", HERE)
    answer = envfit("install", *NONE, "--provided-from", module, code=1)
    assert "lib 1.1: The interpreter provides lib 1.0, which it would shadow" in answer.err
    assert envfit.files() == {"pylock.toml"}


def test_packages_that_were_only_stated_are_installed_as_before(envfit: CommandLine, module: Path) -> None:
    envfit("lock", "plain", *NONE, "--provided", "lib==1.0", "--python", HERE)
    assert "would install 1 package for" in envfit("install", *NONE, "--dry-run").out
    assert (
        "would install 1 package for" in envfit("install", *NONE, "--dry-run", "--provided-from", module).out
    )
    envfit("lock", "plain", *NONE, "--provided", "lib==1.1", "--python", HERE)
    answer = envfit("install", *NONE, "--dry-run", "--provided-from", module)
    assert "note: the lock was made beside lib 1.1, and the interpreter provides 1.0" in answer.err


def test_a_lock_whose_tool_table_was_deleted_installs_the_same_packages(
    envfit: CommandLine, module: Path
) -> None:
    envfit("lock", "plain", *NONE, "--provided-from", module)
    path = envfit.cwd / "pylock.toml"
    path.write_text(path.read_text().partition("[tool.envfit]")[0])
    answer = envfit("install", *NONE, "--prefix", "env", "--provided-from", module)
    assert "installed 1 package into" in answer.out
    assert seen(envfit.cwd / "env")["lib"] == ["1.0"]
