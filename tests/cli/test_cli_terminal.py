"""Installing at a terminal: what is drawn on it, how an interrupt ends, and that nothing is left behind."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine, process_environment
from tests.cli.wheel_world import HERE
from tests.loopback import Index, make_wheel

NONE = ("--gpu", "none")


def at_terminal(cwd: Path, words: tuple[str, ...], act: Callable[[str, int], None]) -> tuple[int, str]:
    """Run envfit as the foreground of a terminal; ``act`` is told what it has drawn, and its process."""
    ours, its = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "envfit", *words],
        cwd=cwd,
        env=process_environment(),
        stdin=its,
        stdout=its,
        stderr=its,
        start_new_session=True,
    )
    os.close(its)
    drawn, deadline = b"", time.monotonic() + 60
    with contextlib.suppress(OSError):
        while time.monotonic() < deadline:
            if select.select([ours], [], [], 0.1)[0]:
                data = os.read(ours, 65536)
                if not data:
                    break
                drawn += data
            act(drawn.decode(errors="replace"), process.pid)
    os.close(ours)
    return process.wait(10), drawn.decode()


def left_on_screen(drawn: str) -> list[str]:
    """Return the lines that stay, as a terminal treats the few codes that envfit sends."""
    lines, at = [""], 0
    for piece in re.split(r"(\r\n|\n|\r|\x1b\[2K|\x1b\[1A)", drawn):
        if piece in ("\r\n", "\n"):
            at += 1
            if at == len(lines):
                lines.append("")
        elif piece == "\x1b[2K":
            lines[at] = ""
        elif piece == "\x1b[1A":
            at -= 1
        elif piece != "\r":
            assert "\x1b" not in piece
            lines[at] += piece
    return lines


@pytest.fixture
def slow(
    bare_envfit: CommandLine, own_index: Index, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Index:
    monkeypatch.setenv("PIP_INDEX_URL", own_index.url)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    make_wheel(own_index.directory, "big", "1.0", files={"big.bin": os.urandom(400_000), "big.py": b""})
    bare_envfit("lock", "big", *NONE, "--python", HERE)
    own_index.piece, own_index.pause = 20_000, 0.06
    return own_index


def test_a_terminal_sees_files_and_the_total_and_keeps_none_of_it(
    bare_envfit: CommandLine, slow: Index
) -> None:
    code, drawn = at_terminal(bare_envfit.cwd, ("install", *NONE), lambda text, pid: None)
    assert code == 0
    assert re.search(r"downloading 0\.\d of 0\.4 MB, 0 of 1 packages\r?\n  big  0\.\d of 0\.4 MB", drawn)
    left = left_on_screen(drawn)
    assert not [line for line in left if "downloading" in line or "MB" in line]
    assert [line for line in left if line.startswith("installed 1 package")]
    assert " + big==1.0" in left


def test_an_interrupt_at_a_terminal_ends_it_and_leaves_nothing(bare_envfit: CommandLine, slow: Index) -> None:
    slow.pause = 0.5
    sent: list[int] = []

    def interrupt(drawn: str, pid: int) -> None:
        if "downloading" in drawn and not sent:
            sent.append(pid)
            os.killpg(pid, signal.SIGINT)  # as a terminal does

    code, drawn = at_terminal(bare_envfit.cwd, ("install", *NONE), interrupt)
    assert sent
    assert code == 130
    left = [line for line in left_on_screen(drawn) if line]
    assert left[-1] == "interrupted"
    assert not [line for line in left if "MB" in line]
    assert bare_envfit.files() <= {"pylock.toml", "..venv.envfit"}


def test_a_pipe_gets_sentences_alone(bare_envfit: CommandLine, slow: Index) -> None:
    answer = bare_envfit.process("install", *NONE)
    assert "\x1b" not in answer.out + answer.err
    assert "\r" not in answer.out + answer.err
    assert "Prepared 1 package" in answer.err
