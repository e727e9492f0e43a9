"""``envfit rollback``, and what ``install`` does with versions, directories of others and signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import uv

from envfit.install.journal import Entry, Journal, Step
from tests.cli.conftest import CommandLine
from tests.cli.wheel_world import HERE

NONE = ("--gpu", "none")
ROOT = Path(__file__).parents[2]


def version_of(prefix: Path) -> str:
    return subprocess.run(
        [prefix / "bin" / "python", "-c", "import plain; print(plain.__version__)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


@pytest.fixture
def twice(envfit: CommandLine) -> CommandLine:
    """Two versions of an environment, plain 2.0 in use and 1.1 before it."""
    for bound in ("plain<2", "plain"):
        envfit("lock", bound, *NONE, "--python", HERE, "--upgrade")
        envfit("install", *NONE, "--prefix", "env")
    return envfit


def test_a_rollback_says_what_it_did_and_is_taken_back_by_the_next(twice: CommandLine) -> None:
    prefix = twice.cwd / "env"
    answer = twice("rollback", "--prefix", "env")
    assert answer.out == f"{prefix} is version 0001, and was 0002: envfit rollback again goes back to it\n"
    assert version_of(prefix) == "1.1"
    listed = twice("rollback", "--prefix", "env", "--list").out.splitlines()
    assert listed == [
        f"0001  {twice.cwd}/.env.envfit/0001  (in use)",
        f"0002  {twice.cwd}/.env.envfit/0002  (envfit rollback goes to it)",
    ]
    data = twice("rollback", "--prefix", "env", "--json").data
    assert data == {"prefix": str(prefix), "before": "0001", "now": "0002"}
    assert version_of(prefix) == "2.0"
    data = twice("rollback", "--prefix", "env", "--list", "--json").data
    assert [(item["name"], item["in-use"], item["next"]) for item in data["versions"]] == [
        ("0002", True, False),
        ("0001", False, True),
    ]


def test_where_nothing_can_be_gone_back_to_the_exit_code_is_1(envfit: CommandLine) -> None:
    answer = envfit("rollback", code=1)
    assert (
        f"there is nothing to roll back: envfit made no environment at {envfit.cwd / '.venv'}" in answer.err
    )
    assert envfit.files() == set()
    assert "does not go with --to" in envfit("rollback", "--list", "--to", "0001", code=2).err


def test_an_installation_names_the_former_version_and_how_to_go_back(twice: CommandLine) -> None:
    answer = twice("install", *NONE, "--prefix", "env", "--keep", "2")
    assert f"the former version 0002 is kept: envfit rollback --prefix {twice.cwd / 'env'}\n" in answer.out
    data = twice("install", *NONE, "--prefix", "env", "--keep", "0", "--json").data
    assert (data["version"], data["kept"]) == ("0004", [])


def test_check_tells_of_a_run_that_was_interrupted_and_the_next_run_ends_it(twice: CommandLine) -> None:
    versions = twice.cwd / ".env.envfit"
    entry = Entry(step=Step.PROVE, version="0003", former="0002", begun="2026-11-28 00:00:00 UTC")
    Journal(directory=versions).write(entry)
    (versions / "0003").mkdir()
    told = "was interrupted while it was proved: what it made is given up"
    assert told in twice("check", "env", "--quick", "--gpu", "none").out
    answer = twice("rollback", "--prefix", "env")
    assert told in answer.err
    assert "is version 0001" in answer.out
    assert sorted(path.name for path in versions.iterdir()) == ["0001", "0002", "history", "lock"]


def test_an_environment_of_uv_is_adopted_and_given_back(envfit: CommandLine) -> None:
    made = [uv.find_uv_bin(), "venv", "--quiet", "--python", sys.executable, "env"]
    subprocess.run(made, cwd=envfit.cwd, check=True)
    envfit("lock", "plain", *NONE, "--python", HERE)
    assert "--adopt" in envfit("install", *NONE, "--prefix", "env", code=1).err
    planned = envfit("install", *NONE, "--prefix", "env", "--adopt", "--dry-run").out
    assert "is moved aside whole; envfit rollback moves it back" in planned
    assert not (envfit.cwd / "env").is_symlink()
    envfit("install", *NONE, "--prefix", "env", "--adopt")
    assert version_of(envfit.cwd / "env") == "2.0"
    assert "is version adopted-0001, and was 0002" in envfit("rollback", "--prefix", "env").out
    assert not (envfit.cwd / "env").is_symlink()


# -- an active conda environment ----------------------------------------------


def test_the_active_conda_environment_is_left_alone(
    envfit: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    conda = envfit.cwd / "conda"
    conda.mkdir()
    monkeypatch.setenv("CONDA_PREFIX", str(conda))
    envfit("lock", "plain", *NONE, "--python", HERE)
    for prefix in ("conda", "conda/envs/mine"):
        answer = envfit("install", *NONE, "--prefix", prefix, code=1)
        assert "the conda environment that is active, and envfit leaves those as they are" in answer.err
        assert "--provided-from" in answer.err
    assert list(conda.iterdir()) == []
    answer = envfit("install", *NONE, "--dry-run")
    assert f"({conda}) stays as it is; this goes into {envfit.cwd / '.venv'}" in answer.err


# -- signals ------------------------------------------------------------------


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_that_ends_it_ends_it_in_order(
    twice: CommandLine, number: signal.Signals, code: int
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "envfit", "install", *NONE, "--prefix", "env"],
        cwd=twice.cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if "making an environment" in line:
            process.send_signal(number)
    assert process.wait(60) == code
    process.stderr.close()
    assert said.endswith(f"{twice.cwd / 'env'} is as it was\nended by {number.name}\n")
    assert version_of(twice.cwd / "env") == "2.0"
    versions = twice.cwd / ".env.envfit"
    assert sorted(path.name for path in versions.iterdir()) == ["0001", "0002", "history", "lock"]
