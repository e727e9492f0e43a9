"""The command line, run in this process or in one of its own, against an index on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from envfit import api
from envfit.cli import app
from envfit.knowledge.model import KnowledgeBase
from tests.cli.wheel_world import make_pytorch_pages, make_world
from tests.loopback import Index

# Run before the command line in a process of its own: no connection but to this machine.
_GUARD = """\
import socket, sys
connect = socket.socket.connect
def guarded(self, address):
    assert self.family == socket.AF_UNIX or address[0] == "127.0.0.1", f"a connection to {address}"
    return connect(self, address)
socket.socket.connect = guarded
from envfit.cli.app import main
main()
"""

_ROOT = Path(__file__).parents[2]


def process_environment() -> dict[str, str]:
    """Return the environment of a process of its own: pytest tells in it how far a test is."""
    own = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    return {**own, "PYTHONPATH": str(_ROOT)}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """The answer of a command with --json."""
        return json.loads(self.out)


@dataclass(frozen=True, kw_only=True)
class CommandLine:
    """The command line in this process, in the directory ``cwd``."""

    cwd: Path
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *words: str | Path, code: int = 0) -> Answer:
        """Run a command that must end with ``code``."""
        self.capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            app.main([str(word) for word in words])
        out, err = self.capsys.readouterr()
        answer = Answer(code=int(ended.value.code or 0), out=out, err=err)
        assert answer.code == code, f"ended with {answer.code}, not {code}:\n{out}{err}"
        return answer

    def process(self, *words: str | Path, code: int = 0) -> Answer:
        """Run a command in a process of its own, which may connect to this machine only."""
        ended = subprocess.run(
            [sys.executable, "-c", _GUARD, *map(str, words)],
            cwd=self.cwd,
            env=process_environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ended.returncode == code, f"ended with {ended.returncode}:\n{ended.stdout}{ended.stderr}"
        return Answer(code=code, out=ended.stdout, err=ended.stderr)

    def files(self) -> set[str]:
        """Return the names of what lies in the directory, hidden files too."""
        return {path.name for path in self.cwd.iterdir()}


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Path]]:
    """The files of the default index, and the pages of the PyTorch index."""
    root = tmp_path_factory.mktemp("world")
    make_world(root / "simple")
    return root / "simple", make_pytorch_pages(root / "whl")


@pytest.fixture(scope="session")
def knowledge() -> KnowledgeBase:
    """The real knowledge, read once; a process of its own reads it anew."""
    return api.knowledge()


@pytest.fixture(scope="session")
def uv_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("uv-cache")


@pytest.fixture
def index(world: tuple[Path, dict[str, Path]]) -> Iterator[Index]:
    """The world, served; to be written to by no test."""
    directory, pages = world
    with Index(directory, pages=dict(pages)) as served:
        yield served


@pytest.fixture
def pytorch(index: Index) -> str:
    """The address of the replica of the PyTorch index."""
    return f"{index.root}/whl"


@pytest.fixture
def own_index(tmp_path: Path) -> Iterator[Index]:
    """An empty index, to be filled by one test."""
    with Index(tmp_path / "own-index") as served:
        yield served


@pytest.fixture(autouse=True)
def _environment(tmp_path: Path, uv_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the machine's settings reaches a command."""
    for name in list(os.environ):
        if name.startswith(("PIP_", "UV_", "CONDA", "CUDA", "NVIDIA", "XDG_", "ENVFIT", "REQUESTS_")) or (
            name.lower().endswith("_proxy") or name in {"VIRTUAL_ENV", "NO_COLOR", "FORCE_COLOR"}
        ):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("ENVFIT_CACHE_DIR", str(tmp_path / "cache"))
    # A refusal asks the PyTorch index whether it would do, and a lock release pages: here nothing answers.
    monkeypatch.setenv(
        "ENVFIT_MIRRORS",
        "https://download.pytorch.org=http://127.0.0.1:9 https://github.com=http://127.0.0.1:9",
    )
    # uv: no settings of the machine's, no network, and the Python that runs the tests.
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(uv_cache))
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))


@pytest.fixture
def bare_envfit(
    tmp_path: Path,
    knowledge: KnowledgeBase,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> CommandLine:
    """The command line in an empty directory, with no index configured that answers."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple/")

    def leave(code: int) -> None:
        raise SystemExit(code)

    # The real one ends the whole process; tests with a process of their own see it.
    monkeypatch.setattr(app, "_leave", leave)
    monkeypatch.setattr(api, "knowledge", lambda: knowledge)
    return CommandLine(cwd=work, capsys=capsys)


@pytest.fixture
def envfit(bare_envfit: CommandLine, index: Index, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command line in an empty directory, with the world as its index."""
    monkeypatch.setenv("PIP_INDEX_URL", index.url)
    return bare_envfit
