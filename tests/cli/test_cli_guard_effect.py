"""The guard in effect: what pip and uv then do in an environment of envfit's, and what ``check`` tells of a change."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import uv

from tests.cli.conftest import CommandLine
from tests.cli.test_cli_choosing import V100, stand_on
from tests.cli.test_cli_provided_from import seen
from tests.cli.wheel_world import HERE

pytestmark = pytest.mark.skipif(HERE != "3.11", reason="the torch of the world is for Python 3.11")

Install = Callable[..., subprocess.CompletedProcess[str]]
LOCKED = {
    "filelock": ["3.20.0"],
    "lib": ["1.1"],
    "nvidia-cublas-cu12": ["12.8.4.1"],
    "plain": ["2.0"],
    "torch": ["2.10.0"],
}


@pytest.fixture
def env(envfit: CommandLine) -> Path:
    """An environment for a V100, of torch 2.10.0, and the line that is printed for uv."""
    envfit("lock", "torch", "plain", *V100)
    said = envfit("install", *V100, "--prefix", "env").out
    prefix = envfit.cwd / "env"
    assert f"for uv: export UV_CONSTRAINT={prefix}/envfit-constraints.txt\n" in said
    assert seen(prefix) == LOCKED
    return prefix


def pip(prefix: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run pip on an environment that is not activated, as it is without pip."""
    # Settings of the test's own would stand in the place of the environment's.
    own = {name: value for name, value in os.environ.items() if name != "PIP_CONFIG_FILE"}
    command = [sys.executable, "-m", "pip", "--python", str(prefix / "bin" / "python"), "install", *words]
    return subprocess.run(command, env={**own, **environ}, capture_output=True, text=True, check=False)


def uv_pip(prefix: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run uv on it with the line that was printed, which a shell reads."""
    line = f"export UV_CONSTRAINT={prefix}/envfit-constraints.txt"
    command = [uv.find_uv_bin(), "pip", "install", "--python", str(prefix / "bin" / "python"), *words]
    environ = {**os.environ, "UV_INDEX_URL": os.environ["PIP_INDEX_URL"]}
    return subprocess.run(
        ["/bin/sh", "-c", f"{line}; {shlex.join(command)}"],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("install", "words", "says"),
    [
        (pip, "torch==2.8.0", "torch!=0+kept.by.envfit.use.envfit.add,==2.10.0"),
        (pip, "torchaudio==2.8.0", "torch!=0+kept.by.envfit.use.envfit.add,==2.10.0"),  # wants torch 2.8.0
        (pip, "flash-attn", "flash-attn==0+cannot.run.on.V100.ask.envfit.guard"),
        # uv leaves out of its words what excludes nothing.
        (uv_pip, "torch==2.8.0", "you require torch==2.8.0 and torch==2.10.0"),
        (uv_pip, "torchaudio==2.8.0", "torch==2.10.0"),
        (uv_pip, "flash-attn", "flash-attn==0+cannot.run.on.v100.ask.envfit.guard"),
    ],
)
def test_what_would_replace_torch_or_cannot_run_is_refused_in_words(
    env: Path, install: Install, words: str, says: str
) -> None:
    ended = install(env, words)
    assert ended.returncode != 0
    assert says in " ".join((ended.stdout + ended.stderr).split())
    assert seen(env) == LOCKED


@pytest.mark.parametrize("install", [pip, uv_pip])
def test_an_upgrade_of_everything_keeps_torch(env: Path, install: Install) -> None:
    ended = install(env, "--upgrade", "torch", "plain")
    assert ended.returncode == 0, ended.stderr
    assert seen(env) == LOCKED


@pytest.mark.parametrize("install", [pip, uv_pip])
def test_all_else_is_free(env: Path, install: Install) -> None:
    ended = install(env, "einops")
    assert ended.returncode == 0, ended.stderr
    assert seen(env) == {**LOCKED, "einops": ["0.8.1"]}


def test_add_is_the_way_that_keeps_everything_else(envfit: CommandLine, env: Path) -> None:
    assert (
        "to add a package and keep all this: envfit add NAME, and envfit install\n"
        in envfit("guard", env).out
    )
    envfit("add", "einops")
    envfit("install", *V100, "--prefix", "env")
    assert seen(env) == {**LOCKED, "einops": ["0.8.1"]}


def test_a_guard_that_is_put_on_again_is_for_what_the_environment_was_installed_for(
    envfit: CommandLine, env: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = (env / "envfit-constraints.txt").read_text()
    lock = env / "pylock.toml"
    lock.write_text(lock.read_text().partition("[tool.envfit]")[0])
    envfit("guard", env, "--off")
    stand_on("no-device", monkeypatch)
    # By the link, which stays when the next installation has made another version.
    assert f"export UV_CONSTRAINT={env}/envfit-constraints.txt\n" in envfit("guard", env, "--on").out
    assert "flash-attn==0+cannot.run.on.V100.ask.envfit.guard" in written
    assert (env / "envfit-constraints.txt").read_text() == written


def test_what_pip_changed_is_named_with_the_command_that_puts_it_back(envfit: CommandLine, env: Path) -> None:
    assert "changed-since-install" not in envfit("check", "env", "--quick", *V100, "-v").out
    ended = pip(env, "lib==1.0", "einops")
    assert ended.returncode == 0, ended.stderr
    data = envfit("check", "env", "--quick", *V100, "--json").data
    (finding,) = [item for item in data["reports"][0]["findings"] if item["code"] == "changed-since-install"]
    assert finding["text"] == (
        "Since envfit installed this environment: replaced lib 1.1 by 1.0, by pip; added einops 0.8.1, by pip."
    )
    (command,) = finding["remedies"][0]["commands"]
    assert command[:2] == ["envfit", "install"]
    assert command[-4:] == list(V100)
    envfit(*command[1:])
    assert seen(env) == LOCKED
    assert "changed-since-install" not in envfit("check", "env", "--quick", *V100, "-v").out


def test_a_guard_that_was_put_aside_leaves_a_trace(envfit: CommandLine, env: Path) -> None:
    ended = pip(env, "torch==2.8.0", PIP_CONSTRAINT=os.devnull)
    assert ended.returncode == 0, ended.stderr
    assert "replaced torch 2.10.0 by 2.8.0, by pip" in envfit("check", "env", "--quick", *V100).out
