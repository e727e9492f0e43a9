"""The command line as a process of its own: exit codes, interrupts, pipes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from envfit.version import __version__
from tests.cli.conftest import CommandLine
from tests.loopback import Index

V100 = ("--gpu", "V100", "--driver", "580.95.05")
ROOT = Path(__file__).parents[2]
MAIN = "from envfit.cli.app import main; main()"


def start(envfit: CommandLine, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", MAIN, *words],
        cwd=envfit.cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell has what it starts in the background ignore interrupts, the tests among it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no other threads
    )


def test_the_answer_is_on_stdout_and_the_talk_on_stderr(envfit: CommandLine) -> None:
    answer = envfit.process("lock", "torch", *V100)
    assert answer.out.splitlines()[0] == "torch 2.10.0"
    assert answer.out.splitlines()[-1] == "wrote pylock.toml"
    assert "why not newer" in answer.err
    assert "\x1b" not in answer.out + answer.err  # no colour where nobody looks
    assert "\r" not in answer.err  # no progress either


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("lock", "flash-attn>=2", "--gpu", "V100"), 1),
        (("lock", "torch", "--gup", "V100"), 2),
        (("lock", "torch", "--gpu", "V100", "--offline"), 3),
        (("lock", "torch", "--gpu", "V100", "--budget", "2"), 4),
    ],
)
def test_failures_have_their_exit_code_and_say_why_on_stderr(
    envfit: CommandLine, words: tuple[str, ...], code: int
) -> None:
    answer = envfit.process(*words, code=code)
    assert answer.out == ""
    assert "error: " in answer.err.lower()
    assert "Traceback" not in answer.err
    assert envfit.files() == set()


def test_an_interrupt_ends_at_once_with_130_and_nothing_written(envfit: CommandLine, index: Index) -> None:
    index.delays["/simple/torch/"] = 10
    with start(envfit, "lock", "torch", *V100) as process:
        while not _is_waiting(process):
            assert process.poll() is None, "it ended before it could be interrupted"
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        began = time.monotonic()
        out, err = process.communicate(timeout=8)
    assert process.returncode == 130
    assert time.monotonic() - began < 3
    assert err.strip().splitlines()[-1] == "interrupted"
    assert "Traceback" not in err
    assert out == ""
    assert envfit.files() == set()


def _is_waiting(process: subprocess.Popen[str]) -> bool:
    """Tell whether a process has a connection open: it then waits for the index."""
    try:
        links = [path.readlink().name for path in Path(f"/proc/{process.pid}/fd").iterdir()]
    except OSError:
        return False
    return any(link.startswith("socket:") for link in links)


def test_a_reader_that_goes_away_is_no_error(envfit: CommandLine) -> None:
    with start(envfit, "lock", "torch", "--gpu", "none", "-v") as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        err = process.stderr.read()
        process.wait(30)
    assert "Traceback" not in err
    assert "Exception" not in err
    assert (envfit.cwd / "pylock.toml").exists()


def test_an_index_that_fails_does_not_wait_for_what_is_fetched_ahead(
    envfit: CommandLine, index: Index
) -> None:
    index.delays["/simple/torch/"] = 20
    index.bodies["/simple/plain/"] = ("text/plain", b"nothing of use")
    began = time.monotonic()
    envfit.process("lock", "plain", "torch", *V100, code=3)
    assert time.monotonic() - began < 10


def test_no_connection_leaves_this_machine(envfit: CommandLine) -> None:
    # The guard of ``process`` fails on any other connection.
    envfit.process("lock", "torch", "plain", *V100, "--if-supported", "flash-attn")
    envfit.process("install", *V100, "--dry-run")
    envfit.process("export")


def test_as_a_module_and_by_its_version(envfit: CommandLine) -> None:
    assert envfit.process("--version").out == f"envfit {__version__}\n"


def test_a_second_command_needs_no_request(envfit: CommandLine, index: Index) -> None:
    envfit("lock", "torch", *V100)
    index.log.clear()
    envfit.process("lock", "torch", "--offline")
    assert index.log == []
