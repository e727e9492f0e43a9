"""``envfit export --format uv``, with the real uv: its lock has the builds that envfit locked."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import uv
from packaging.pylock import Pylock
from packaging.requirements import Requirement

from envfit.toml_text import parse_toml
from tests.cli.conftest import CommandLine
from tests.cli.wheel_world import HERE
from tests.loopback import Index, make_wheel
from tests.snapshots import compare

V100 = ("--gpu", "V100", "--driver", "580.95.05")
A100 = ("--gpu", "A100", "--driver", "580.95.05")
PROJECT = """\
# A project as people write it.
[project]
name = "demo"
version = "0"
requires-python = ">=3.10"
dependencies = [
  "torch",  # any that runs
  "plain",
]

[project.urls]
home = "https://index.example"

[dependency-groups]
dev = ["native"]

[tool.ruff]
line-length = 100
"""

Uv = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run_uv(envfit: CommandLine, index: Index) -> Uv:
    """uv in the directory of the command line, with the index that envfit locks from."""

    def run(*words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        ended = subprocess.run(
            [uv.find_uv_bin(), *words],
            cwd=envfit.cwd,
            env={**os.environ, "UV_DEFAULT_INDEX": index.url},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ended.returncode == code, ended.stderr
        return ended

    return run


def exported(run_uv: Uv, extra: str) -> dict[str, str]:
    """What uv's lock has for an extra, by name."""
    words = ("--frozen", "--no-hashes", "--no-emit-project", "--no-header", "--no-annotate")
    return pins(run_uv("export", *words, "--extra", extra).stdout)


def pins(text: str) -> dict[str, str]:
    """The versions in a requirements file, by name."""
    found = [Requirement(line) for line in text.splitlines()]
    return {requirement.name: str(requirement.specifier).removeprefix("==") for requirement in found}


def locked(path: Path) -> dict[str, str]:
    """What a lock of envfit's has, by name, without what must be compiled."""
    lock = Pylock.from_dict(parse_toml(path.read_text()))
    return {package.name: str(package.version) for package in lock.packages if package.marker is None}


def two_locks(envfit: CommandLine, pytorch: str, *words: str) -> tuple[str, str]:
    """Lock for a V100 from the PyTorch index, and for an A100 from the default one."""
    envfit("lock", *words, *V100, "--pytorch-index", pytorch, "-o", "pylock.v100.toml")
    envfit("lock", *words, *A100, "-o", "pylock.a100.toml")
    return "pylock.v100.toml", "pylock.a100.toml"


def test_uv_locks_for_each_extra_what_envfit_locked_for_its_target(
    envfit: CommandLine, pytorch: str, run_uv: Uv
) -> None:
    (envfit.cwd / "pyproject.toml").write_text(PROJECT)
    locks = two_locks(envfit, pytorch, "--group", "dev")
    answer = envfit("export", *locks, "--format", "uv", "--write")
    assert "wrote pyproject.toml" in answer.err
    assert "note: the locks are for Python 3.11 alone: uv python pin 3.11" in answer.err
    run_uv("lock")
    assert exported(run_uv, "v100") == locked(envfit.cwd / "pylock.v100.toml")
    assert exported(run_uv, "v100")["torch"] == "2.14.1+cu126"
    assert exported(run_uv, "a100") == locked(envfit.cwd / "pylock.a100.toml")
    assert exported(run_uv, "a100")["torch"] == "2.15.0"
    envfit("check", "uv.lock", "--extra", "v100", *V100)
    answer = envfit("check", "uv.lock", "--extra", "a100", *V100, code=1)
    assert "torch 2.15.0" in answer.out
    assert "incompatible" in run_uv("export", "--frozen", "--extra", "v100", "--extra", "a100", code=2).stderr
    dry = run_uv(
        "sync", "--dry-run", "--frozen", "--python", HERE, "--extra", "v100", code=0 if HERE == "3.11" else 2
    )
    assert ("torch==2.14.1+cu126" if HERE == "3.11" else "not compatible") in dry.stderr


def test_a_fragment_serves_a_project_that_asks_for_nothing_itself(
    envfit: CommandLine, pytorch: str, run_uv: Uv
) -> None:
    locks = two_locks(envfit, pytorch, "torch", "plain", "native")
    text = envfit("export", *locks, "--format", "uv").out
    compare(
        Path(__file__).parent / "snapshots" / "export-uv.txt",
        text.replace(pytorch, "https://index.example/whl"),
    )
    head = '[project]\nname = "demo"\nversion = "0"\nrequires-python = "==3.11.*"\ndependencies = []\n\n'
    (envfit.cwd / "pyproject.toml").write_text(head + text)
    run_uv("lock")
    for name in ("v100", "a100"):
        assert exported(run_uv, name) == locked(envfit.cwd / f"pylock.{name}.toml")


def test_without_what_envfit_tells_in_a_lock_uv_comes_to_the_same(
    envfit: CommandLine, pytorch: str, run_uv: Uv
) -> None:
    locks = two_locks(envfit, pytorch, "torch", "plain")
    for name in locks:
        path = envfit.cwd / name
        path.write_text(path.read_text().partition("[tool.envfit]")[0])
    text = envfit("export", *locks, "--format", "uv").out
    head = '[project]\nname = "demo"\nversion = "0"\nrequires-python = "==3.11.*"\n\n'
    (envfit.cwd / "pyproject.toml").write_text(head + text)
    run_uv("lock")
    assert exported(run_uv, "v100") == locked(envfit.cwd / "pylock.v100.toml")


def test_a_second_export_takes_the_place_of_the_first(envfit: CommandLine, pytorch: str, run_uv: Uv) -> None:
    (envfit.cwd / "pyproject.toml").write_text(PROJECT)
    project = envfit.cwd / "pyproject.toml"
    locks = two_locks(envfit, pytorch)
    envfit("export", *locks, "--format", "uv", "--write")
    first = project.read_text()
    envfit("export", *locks, "--format", "uv", "--write")
    assert project.read_text() == first
    assert [line for line in PROJECT.splitlines() if line not in first.splitlines()] == []
    envfit("lock", "--gpu", "A100", "--driver", "580.95.05", "-o", "pylock.v100.toml", "--upgrade")
    answer = envfit("export", "pylock.v100.toml", "--format", "uv", "--write")
    assert "the extra a100 of a former export is gone" in answer.err
    text = project.read_text()
    tool = parse_toml(text)["tool"]["uv"]
    assert parse_toml(text)["project"]["optional-dependencies"] == {
        "v100": ["nvidia-cublas==13.2.1.1", "torch==2.15.0"]
    }
    assert "conflicts" not in tool
    assert "sources" not in tool
    run_uv("lock")
    assert exported(run_uv, "v100")["torch"] == "2.15.0"


def test_what_an_export_wrote_binds_no_later_lock(
    envfit: CommandLine, pytorch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """uv's settings of the project count for envfit lock: indexes, constraints, exclusions. Not its own export."""
    monkeypatch.setenv("UV_NO_CONFIG", "0")
    project = envfit.cwd / "pyproject.toml"
    project.write_text(PROJECT.replace('"plain"', '"plain", "flash-attn"'))
    envfit("lock", "-o", "pylock.a100.toml", *A100)
    first = (envfit.cwd / "pylock.a100.toml").read_text()
    project.write_text(PROJECT)
    envfit("lock", "-o", "pylock.v100.toml", *V100, "--pytorch-index", pytorch)
    for lock in ("pylock.a100.toml", "pylock.v100.toml"):
        project.write_text(project.read_text().replace('"plain", "flash-attn"', '"plain"'))
        envfit("export", lock, "--format", "uv", "--write")
        project.write_text(project.read_text().replace('"plain"', '"plain", "flash-attn"', 1))
        envfit("lock", "-o", "pylock.again.toml", *A100, "--upgrade")
        assert (envfit.cwd / "pylock.again.toml").read_text() == first


def test_what_must_be_compiled_is_left_to_envfit(envfit: CommandLine, run_uv: Uv) -> None:
    (envfit.cwd / "pyproject.toml").write_text(
        '[project]\nname = "demo"\nversion = "0"\nrequires-python = "==3.11.*"\n'
        'dependencies = ["torch", "flash-attn"]\n'
    )
    envfit("lock", *A100)
    assert "flash-attn" in (envfit.cwd / "pylock.toml").read_text()
    text = envfit("export", "--format", "uv").out
    assert "envfit install builds" in text
    assert "Must be compiled, so uv leaves it out" in text
    envfit("export", "--format", "uv", "--write")
    run_uv("lock")
    assert exported(run_uv, "a100") == locked(envfit.cwd / "pylock.toml")


def test_what_was_left_out_is_named(envfit: CommandLine) -> None:
    envfit("lock", "torch", "--if-supported", "flash-attn", *V100)
    text = envfit("export", "--format", "uv").out
    assert "# Does not run there and was left out: flash-attn\n" in text


def test_direct_references_go_where_uv_takes_them_from(
    envfit: CommandLine, own_index: Index, run_uv: Uv
) -> None:
    wheel = make_wheel(own_index.directory, "far", "1.0")
    tree = envfit.cwd / "near"
    tree.mkdir()
    (tree / "pyproject.toml").write_text(
        '[project]\nname = "near"\nversion = "3"\n[build-system]\nrequires = []\n'
        'build-backend = "backend"\nbackend-path = ["."]\n'
    )
    envfit(
        *("lock", "--gpu", "none", "--python", HERE, "plain"),
        f"far @ {own_index.root}/files/{wheel.name}",
        "near @ ./near",
    )
    text = envfit("export", "--format", "uv").out
    assert f'"far @ {own_index.root}/files/{wheel.name}"' in text
    assert '{ path = "near", extra = "cpu" },' in text
    head = f'[project]\nname = "demo"\nversion = "0"\nrequires-python = "=={HERE}.*"\n\n'
    (envfit.cwd / "pyproject.toml").write_text(head + text)
    run_uv("lock")
    words = ("--frozen", "--no-hashes", "--no-emit-project", "--no-header", "--no-annotate")
    lines = run_uv("export", *words, "--extra", "cpu").stdout.splitlines()
    assert {line.partition(" ;")[0] for line in lines} == {
        f"far @ {own_index.root}/files/{wheel.name}",
        "lib==1.1",
        "./near",
        "plain==2.0",
    }


# -- refusals -----------------------------------------------------------------


def test_what_uv_cannot_be_told_is_refused(envfit: CommandLine) -> None:
    envfit("lock", "plain", *V100, "-o", "pylock.old.toml")
    envfit("lock", "plain", *V100, "--python", "3.12", "-o", "pylock.new.toml")
    answer = envfit("export", "pylock.old.toml", "pylock.new.toml", "--format", "uv", code=2)
    assert "different Pythons (old: ==3.11.*, new: ==3.12.*)" in answer.err
    assert "old" in envfit("export", "pylock.old.toml", "pylock.old.toml", "--format", "uv", code=2).err
    envfit("lock", "plain", "torch", *V100, "--provided", "torch==2.8.0")
    assert "counts on torch==2.8.0 from a module" in envfit("export", "--format", "uv", code=2).err
    assert "one only" in envfit("export", "pylock.old.toml", "pylock.new.toml", code=2).err


def test_a_project_is_written_to_only_when_asked(envfit: CommandLine) -> None:
    (envfit.cwd / "pyproject.toml").write_text(PROJECT)
    envfit("lock", *V100)
    answer = envfit("export", "--format", "uv", "-o", "pyproject.toml", code=2)
    assert "--write puts the fragment into it" in answer.err
    envfit("export", "--format", "conda", "--write", code=2)
    assert (envfit.cwd / "pyproject.toml").read_text() == PROJECT
    envfit("export", "--format", "uv", "-o", "elsewhere/pyproject.toml", "--write", code=3)


# -- an environment of envfit's under uv's hands ------------------------------


@pytest.fixture
def installed(envfit: CommandLine) -> Path:
    """An environment of envfit's at .venv, in a project of uv's that asks for less."""
    (envfit.cwd / "pyproject.toml").write_text(
        f'[project]\nname = "demo"\nversion = "0"\nrequires-python = "=={HERE}.*"\ndependencies = ["lib"]\n'
    )
    envfit("lock", "plain", "native", "--gpu", "none", "--python", HERE)
    envfit("install")
    return envfit.cwd / ".venv"


def test_uv_sync_keeps_the_link_and_removes_what_its_lock_does_not_have(
    envfit: CommandLine, run_uv: Uv, installed: Path
) -> None:
    link = installed.readlink()
    run_uv("sync", "--inexact")
    run_uv("run", "python", "-c", "import native")  # brings what is missing, removes nothing
    assert "changed-since-install" not in envfit("check", ".venv").out
    run_uv("sync")
    project = envfit.cwd / "pyproject.toml"
    project.write_text(project.read_text().replace('["lib"]', '["lib==1.0"]'))
    run_uv("sync")
    assert installed.readlink() == link
    assert (installed / "envfit-constraints.txt").is_file()
    answer = envfit("check", ".venv")
    assert "[changed-since-install]" in answer.out
    assert "removed native 1.0" in answer.out
    assert "replaced lib 1.1 by 1.0, by uv" in answer.out
    assert "removed plain 2.0" in answer.out
    envfit("install")
    assert installed.readlink() != link
    assert "changed-since-install" not in envfit("check", ".venv").out


def test_uv_sync_of_the_export_changes_nothing_in_what_envfit_installed(
    envfit: CommandLine, run_uv: Uv, installed: Path
) -> None:
    envfit("export", "--format", "uv", "--write")
    assert "Would make no changes" in run_uv("sync", "--extra", "cpu", "--dry-run").stderr


def test_an_environment_that_uv_made_anew_is_named(envfit: CommandLine, run_uv: Uv, installed: Path) -> None:
    link = installed.readlink()
    run_uv("venv", "--clear", "--python", sys.executable)  # as uv sync does where it wants another Python
    assert installed.readlink() == link
    assert not (installed / "pylock.toml").exists()
    answer = envfit("check", ".venv")
    assert "[made-anew]" in answer.out
    assert "UV_PROJECT_ENVIRONMENT" in answer.out
    envfit("install")
    assert "[made-anew]" not in envfit("check", ".venv").out


def test_uv_with_an_environment_of_its_own_leaves_envfits_alone(
    envfit: CommandLine, run_uv: Uv, installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_PROJECT_ENVIRONMENT", ".venv-uv")
    run_uv("sync", "--python", sys.executable)
    assert (envfit.cwd / ".venv-uv" / "pyvenv.cfg").is_file()
    assert "changed-since-install" not in envfit("check", ".venv").out
