"""An unchanged lock is answered from memory, and anything that changes ends that."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from envfit.cli.remembered import answer_again
from envfit.cli.remembering import Recorder
from tests.cli.conftest import Answer, CommandLine, process_environment
from tests.loopback import Index

# Runs the command line, then says which modules it loaded.
PROBE = """\
import json, sys
from envfit.cli.app import main
try:
    main()
finally:
    sys.stdout.flush()
    print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""


@pytest.fixture
def locked(envfit: CommandLine, index: Index) -> Callable[[], Answer]:
    """Lock twice, over the network and from the cache, and return what locks once more."""
    (envfit.cwd / "asked.txt").write_text("torch\n")

    def lock() -> Answer:
        return envfit.process("lock", "-r", "asked.txt", "--gpu", "none")

    lock()
    assert index.log
    index.log.clear()
    lock()
    assert index.log == []
    return lock


def modules(envfit: CommandLine, *words: str) -> set[str]:
    ended = subprocess.run(
        [sys.executable, "-c", PROBE, *words],
        cwd=envfit.cwd,
        env=process_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return set(json.loads(ended.stderr.splitlines()[-1]))


def is_from_memory(envfit: CommandLine) -> bool:
    """Tell whether the next run loads nothing of what resolves."""
    return "envfit.resolve" not in modules(envfit, "lock", "-r", "asked.txt", "--gpu", "none")


def test_the_same_is_said_again(envfit: CommandLine, locked: Callable[[], Answer]) -> None:
    first = locked()
    assert is_from_memory(envfit)
    again = locked()
    assert (again.out, again.err) == (first.out, first.err)
    assert "is unchanged" in again.out


def test_a_lock_that_is_gone_is_written_again(envfit: CommandLine, locked: Callable[[], Answer]) -> None:
    path = envfit.cwd / "pylock.toml"
    written = path.read_bytes()
    path.unlink()
    assert "wrote pylock.toml" in locked().out  # resolved: nothing is known of this case yet
    path.unlink()
    assert is_from_memory(envfit)
    assert path.read_bytes() == written
    assert envfit.files() == {"asked.txt", "pylock.toml"}


def change_what_is_asked(envfit: CommandLine, _: pytest.MonkeyPatch) -> None:
    (envfit.cwd / "asked.txt").write_text("torch<2.10\n")


def change_the_lock(envfit: CommandLine, _: pytest.MonkeyPatch) -> None:
    path = envfit.cwd / "pylock.toml"
    path.write_text(path.read_text() + "# mine\n")


def change_the_environment(_: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_KEYRING_PROVIDER", "disabled")


def want_nothing_remembered(_: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVFIT_FORGET", "1")


def damage_the_memory(_: CommandLine, __: pytest.MonkeyPatch) -> None:
    for path in Path(os.environ["ENVFIT_CACHE_DIR"]).glob("answers-*/*"):
        path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize(
    "change",
    [
        change_what_is_asked,
        change_the_lock,
        change_the_environment,
        want_nothing_remembered,
        damage_the_memory,
    ],
)
@pytest.mark.usefixtures("locked")
def test_a_change_ends_it(
    envfit: CommandLine,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[CommandLine, pytest.MonkeyPatch], None],
) -> None:
    assert is_from_memory(envfit)
    change(envfit, monkeypatch)
    assert not is_from_memory(envfit)


def test_a_page_that_is_no_longer_fresh_ends_it(envfit: CommandLine, index: Index) -> None:
    index.cache_control = "max-age=0"
    (envfit.cwd / "asked.txt").write_text("torch\n")
    for _ in range(3):
        envfit.process("lock", "-r", "asked.txt", "--gpu", "none")
    assert not is_from_memory(envfit)


def test_files_of_this_machine_are_looked_at_each_time(
    envfit: CommandLine, world: tuple[Path, object]
) -> None:
    (envfit.cwd / "asked.txt").write_text("torch\n")
    words = ("lock", "-r", "asked.txt", "--gpu", "none", "--no-index", "--find-links", str(world[0]))
    for _ in range(3):
        envfit.process(*words)
    assert "envfit.resolve" in modules(envfit, *words)


def test_a_configuration_that_was_not_there_ends_it(
    envfit: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("UV_NO_CONFIG")
    (envfit.cwd / "asked.txt").write_text("torch\n")
    for _ in range(2):
        envfit.process("lock", "-r", "asked.txt", "--gpu", "none")
    assert is_from_memory(envfit)
    (envfit.cwd.parent / "uv.toml").write_text("")
    assert not is_from_memory(envfit)


@pytest.mark.usefixtures("locked")
def test_what_the_cache_answers_loads_nothing_that_fetches(
    envfit: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENVFIT_FORGET", "1")
    loaded = modules(envfit, "lock", "-r", "asked.txt", "--gpu", "none")
    assert "envfit.resolve" in loaded
    fetching = {"requests", "urllib3", "http.client", "ssl", "socket", "pycurl"}
    others = {"msgspec", "email", "distlib", "uv", "pynvml", "yaml", "tomlkit", "rich", "typer", "zipfile"}
    assert loaded & (fetching | others) == set()


def test_the_version_loads_next_to_nothing(envfit: CommandLine) -> None:
    assert {name for name in modules(envfit, "--version") if name.startswith("envfit")} <= {
        "envfit",
        "envfit.cli",
        "envfit.cli.app",
        "envfit.errors",
        "envfit.version",
    }


def test_no_password_is_remembered(
    envfit: CommandLine, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_TOKEN", "hunter2-of-the-environment")
    monkeypatch.delenv("PIP_INDEX_URL")
    (envfit.cwd / "asked.txt").write_text("torch\n")
    (envfit.cwd / "pip.conf").write_text(
        f"[global]\nindex-url = {index.url.replace('http://', 'http://me:hunter2-of-a-file@')}\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(envfit.cwd / "pip.conf"))
    for _ in range(2):
        envfit.process("lock", "-r", "asked.txt", "--gpu", "none")
    assert is_from_memory(envfit)
    kept = [path for path in Path(os.environ["ENVFIT_CACHE_DIR"]).rglob("*") if path.is_file()]
    assert any("answers" in str(path) for path in kept)
    assert not any(b"hunter2" in path.read_bytes() for path in kept)


def test_what_changes_amid_a_run_is_not_remembered(tmp_path: Path) -> None:
    asked, lock = tmp_path / "asked.txt", tmp_path / "pylock.toml"
    environ = {"ENVFIT_CACHE_DIR": str(tmp_path / "cache")}
    lock.write_text("a lock")
    for text in ("torch", "torch\nnumpy"):
        asked.write_text("torch")
        recorder = Recorder(["lock", text], environ)
        asked.read_text()
        if text != "torch":
            asked.write_text(text)
        recorder.keep(lock=str(lock), was_there=True, until=float("inf"))
        assert answer_again(["lock", text], environ) is (text == "torch")
