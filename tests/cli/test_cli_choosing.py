"""``envfit install`` without a LOCK: the one of a directory that runs here, and where there is none, one that is made."""

from __future__ import annotations

import pytest

from envfit.detect.record import replay
from tests.cli.conftest import CommandLine
from tests.cli.test_cli_ignored_gpus import MACHINES
from tests.cli.wheel_world import HERE

NONE = ("--gpu", "none")
V100 = ("--gpu", "V100", "--driver", "580.95.05")
H100 = ("--gpu", "H100", "--driver", "595.58.03")


def stand_on(machine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("envfit.detect.detect", lambda **_: replay(MACHINES / f"{machine}.txt"))


@pytest.fixture
def with_two(envfit: CommandLine) -> CommandLine:
    """A directory with a lock for a V100, of torch 2.10.0, and one for an H100, of torch 2.15.0."""
    envfit("lock", "torch", *V100, "--target", "v100")
    envfit("lock", "torch", *H100, "--target", "h100")
    return envfit


def test_the_one_that_runs_is_taken_and_why_not_the_other_is_said(with_two: CommandLine) -> None:
    answer = with_two("install", *V100, "--dry-run")
    assert "pylock.v100.toml is taken: it alone runs here\n" in answer.err
    assert "not pylock.h100.toml: nvidia-cublas 13.2.1.1: CUDA 13 dropped" in answer.err
    assert "would install 3 packages" in answer.out


def test_the_machine_decides_and_not_what_the_locks_tell(
    with_two: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in with_two.cwd.glob("pylock.*.toml"):
        path.write_text(path.read_text().partition("[tool.envfit]")[0])
    stand_on("v100", monkeypatch)
    assert "pylock.v100.toml is taken" in with_two("install", "--dry-run").err
    stand_on("h200", monkeypatch)
    answer = with_two("install", "--gpu", "auto", "--dry-run", "--json")
    assert "torch==2.15.0" in answer.data["packages"]
    assert "pylock.h100.toml is taken: it is the first of those that run here\n" in answer.err
    other = "not pylock.v100.toml, which runs here too: it has torch 2.10.0, and pylock.h100.toml has 2.15.0"
    assert f"{other}\n" in answer.err


def test_one_that_leaves_nothing_open_comes_before_newer_releases(envfit: CommandLine) -> None:
    envfit("lock", "torch", *V100, "--target", "v100")
    envfit("lock", "plain<2", *NONE, "--target", "cpu")
    answer = envfit("install", *NONE, "--dry-run")
    assert "pylock.cpu.toml is taken" in answer.err
    assert "not pylock.v100.toml, which runs here too: a GPU is absent here" in answer.err


def test_of_equals_the_plain_name_is_first(envfit: CommandLine) -> None:
    envfit("lock", "plain", *NONE)
    envfit("lock", "plain", *NONE, "--target", "a")
    answer = envfit("install", *NONE, "--dry-run")
    assert "pylock.toml is taken" in answer.err
    assert "not pylock.a.toml, which runs here too: pylock.toml comes before it by name" in answer.err


def test_a_lock_that_cannot_be_read_is_named_and_passed_over(with_two: CommandLine) -> None:
    (with_two.cwd / "pylock.torn.toml").write_text("lock-version = ")
    answer = with_two("install", *V100, "--dry-run")
    assert "pylock.v100.toml is taken" in answer.err
    assert "not pylock.torn.toml: pylock.torn.toml is not a lock" in answer.err


def test_where_none_runs_each_is_told_with_its_reason(with_two: CommandLine) -> None:
    answer = with_two("install", "--gpu", "K80", "--driver", "470.82.01", code=1)
    assert "no lock here runs on this machine: there is pylock.h100.toml, pylock.v100.toml" in answer.err
    assert "  pylock.h100.toml: nvidia-cublas 13.2.1.1: " in answer.err
    assert "  pylock.v100.toml: nvidia-cublas-cu12 12.8.4.1: " in answer.err
    assert with_two.files() == {"pylock.h100.toml", "pylock.v100.toml"}


def test_a_lock_that_is_named_is_never_replaced_and_the_other_is_a_way_out(with_two: CommandLine) -> None:
    answer = with_two("install", "pylock.h100.toml", *V100, "--dry-run", code=1)
    hint = "hint: pylock.v100.toml, beside it, runs here: envfit install pylock.v100.toml\n"
    assert hint in answer.err
    with_two("install", "pylock.v100.toml", *V100, "--dry-run")


# -- none ----------------------------------------------------------------------


def test_a_requirements_file_is_locked_first(envfit: CommandLine) -> None:
    (envfit.cwd / "requirements.txt").write_text("plain<2\n")
    answer = envfit("install", *NONE, "--dry-run")
    assert "there is no lock here; locking requirements.txt first" in answer.err
    assert "would write pylock.toml: plain 1.1\n" in answer.err
    assert "would install 2 packages" in answer.out
    assert envfit.files() == {"requirements.txt"}


@pytest.mark.skipif(HERE < "3.10", reason="the default Python is another")
def test_a_project_is_locked_as_envfit_lock_would_and_installed(envfit: CommandLine) -> None:
    (envfit.cwd / "pyproject.toml").write_text(
        f'[project]\nname = "own"\nversion = "1"\nrequires-python = "=={HERE}.*"\ndependencies = ["plain<2"]\n'
    )
    answer = envfit("install", *NONE)
    assert "wrote pylock.toml: plain 1.1\n" in answer.err
    assert "import plain works" in answer.out
    assert "is up to date" in envfit("lock", "--check").out
    # It is there now, and is not made again.
    assert "locking" not in envfit("install", *NONE, "--dry-run").err


def test_this_machine_is_what_it_is_locked_for(envfit: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    (envfit.cwd / "requirements.txt").write_text("torch\n")
    stand_on("v100", monkeypatch)
    assert "would write pylock.toml: torch 2.10.0\n" in envfit("install", "--gpu", "auto", "--dry-run").err


def test_an_empty_directory_is_said_to_be_one(envfit: CommandLine) -> None:
    answer = envfit("install", *NONE, code=2)
    assert f"{envfit.cwd} has no lock, and nothing to lock" in answer.err
    assert "hint: lock what is needed: envfit lock NAME" in answer.err
    (envfit.cwd / "pyproject.toml").write_text('[project]\nname = "own"\nversion = "1"\n')
    assert "nothing to lock" in envfit("install", *NONE, code=2).err


# -- what to do about a no -----------------------------------------------------


def test_locking_anew_is_told_with_what_came_of_it_where_the_cache_could_tell(
    with_two: CommandLine,
) -> None:
    answer = with_two("install", "pylock.h100.toml", *V100, "--dry-run", code=1)
    command = "envfit lock -r pylock.h100.toml --gpu V100 --driver 580.95.05 --target v100"
    assert f"hint: lock it for this machine, with torch 2.10.0: {command}\n" in answer.err
    with_two(*command.split()[1:])
    assert "would install" in with_two("install", "pylock.v100.toml", *V100, "--dry-run").out


def test_what_is_not_needed_can_be_skipped(envfit: CommandLine) -> None:
    envfit("lock", "plain", "torch", *H100)
    answer = envfit("install", *V100, "--dry-run", code=1)
    options = "--skip nvidia-cublas --skip torch"
    assert f"hint: nothing else in the lock needs what does not run: {options}\n" in answer.err
    assert "would install" in envfit("install", *V100, "--dry-run", *options.split()).out
    envfit("lock", "torch", *H100)
    assert "--skip" not in envfit("install", *V100, "--dry-run", code=1).err
